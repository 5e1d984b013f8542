//! Which language a document is in, where it does not say so itself.

use crate::domain::language;

/// How much of a text is looked at, in bytes.
const LOOKED_AT: usize = 16 << 10;

/// The language of `text` as a BCP 47 tag, if it can be told with confidence.
pub(super) fn told(text: &str) -> Option<String> {
    let found = whatlang::detect(&text[..text.floor_char_boundary(LOOKED_AT)]).filter(whatlang::Info::is_reliable)?;
    language::tag(found.lang().code()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn a_language_is_told_or_left_open() {
        let french = "Les salariés peuvent demander un congé sans solde auprès de leur responsable hiérarchique.";
        assert_eq!(told(french).as_deref(), Some("fr"));
        assert_eq!(told("委员会在长时间讨论之后批准了年度预算。").as_deref(), Some("zh"));
        assert_eq!(told(&"é".repeat(100_000)).as_deref().filter(|tag| *tag == "en"), None);
        assert_eq!(told("12 345"), None);
    }

    #[test]
    fn every_language_that_is_told_has_a_tag() {
        for lang in whatlang::Lang::all() {
            assert!(crate::domain::language::tag(lang.code()).is_some(), "{lang}");
        }
    }
}
