//! The language that a reader is answered in, of those that the appliance speaks.

use whatlang::{Detector, Lang};

/// A language of the appliance's own sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    French,
}

/// The texts that answers are made of besides quotations.
pub struct Texts {
    pub refusal: &'static str,
    pub nearest: &'static str,
}

const ENGLISH: Texts = Texts {
    refusal: include_str!("../../assets/prompts/refusal.en.txt"),
    nearest: include_str!("../../assets/prompts/nearest.en.txt"),
};
const FRENCH: Texts = Texts {
    refusal: include_str!("../../assets/prompts/refusal.fr.txt"),
    nearest: include_str!("../../assets/prompts/nearest.fr.txt"),
};

impl Language {
    /// The language of `text`; English if it is neither, or cannot be told.
    pub fn of(text: &str) -> Language {
        match Detector::with_allowlist(vec![Lang::Eng, Lang::Fra]).detect_lang(text) {
            Some(Lang::Fra) => Language::French,
            _ => Language::English,
        }
    }

    /// What the appliance says in it.
    pub fn texts(self) -> &'static Texts {
        match self {
            Language::English => &ENGLISH,
            Language::French => &FRENCH,
        }
    }
}

/// Whether both texts can be told to be in different languages. Short ones cannot.
pub fn differ(one: &str, other: &str) -> bool {
    let told = |text: &str| whatlang::detect(text).filter(|found| found.is_reliable()).map(|found| found.lang());
    matches!((told(one), told(other)), (Some(one), Some(other)) if one != other)
}

/// Whether `text` is in a language that writes every noun with a capital.
pub fn has_capital_nouns(text: &str) -> bool {
    whatlang::detect_lang(text) == Some(Lang::Deu)
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn tells_questions_apart() {
        for (text, expected) in [
            ("How many days of leave do I have?", Language::English),
            ("Who painted the Mona Lisa?", Language::English),
            ("Combien de jours de congé ai-je ?", Language::French),
            ("Qui peut emprunter une perceuse ?", Language::French),
            ("42", Language::English),
        ] {
            assert_eq!(Language::of(text), expected, "{text}");
        }
    }
}
