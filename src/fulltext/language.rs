//! Which language a text is in, and what that changes: stems and stop words.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::LazyLock;

use tantivy::tokenizer::{self, StopWordFilter, TextAnalyzer, TokenStream};
use whatlang::{Detector, Lang};

use super::words::{Kind, Word, fold};
use crate::limits;

/// The language of a chunk, as far as it matters: one that words are stemmed in, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Language(Option<Lang>);

/// What is compared in place of words of any language without a stemmer.
pub const PLAIN: Language = Language(None);

impl Language {
    /// The language of `text`, if that can be told with confidence. [`PLAIN`] is an answer too.
    pub fn of(text: &str) -> Option<Language> {
        let found = Detector::new().detect(head(text))?;
        found.is_reliable().then(|| Language::from(found.lang()))
    }

    /// The language of a question whose answer lies in texts of `languages`, the most common one first.
    ///
    /// Questions are short, so of what is probable only what is at hand is believed.
    pub fn of_question(question: &str, languages: &[Language]) -> Language {
        if let Some(language) = Language::of(question).filter(|language| *language != PLAIN) {
            return language;
        }
        let at_hand: Vec<Lang> = languages.iter().filter_map(|language| language.0).collect();
        let found = if at_hand.is_empty() { None } else { Detector::with_allowlist(at_hand).detect(head(question)) };
        found.map_or(PLAIN, |found| Language::from(found.lang()))
    }

    /// ISO 639-3, empty for [`PLAIN`].
    pub fn code(self) -> &'static str {
        self.0.map_or("", |lang| lang.code())
    }

    /// A number for the language, 0 for [`PLAIN`]: the bytes of its code.
    pub fn number(self) -> u64 {
        self.code().bytes().fold(0, |number, byte| number << 8 | u64::from(byte))
    }

    /// The language of which `number` is the [`Language::number`].
    pub fn of_number(number: u64) -> Language {
        let bytes = number.to_be_bytes();
        let code = std::str::from_utf8(&bytes[5..]).ok();
        code.and_then(Lang::from_code).map_or(PLAIN, Language::from)
    }

    /// The term under which `word` is found in texts of this language. Terms of two languages are never equal.
    pub fn term(self, word: &Word) -> String {
        let stem = match (self.0.and_then(algorithm), word.kind) {
            (Some(algorithm), Kind::Letters) => frostem::Stemmer::new(algorithm).stem(&word.text),
            _ => Cow::Borrowed(word.text.as_str()),
        };
        format!("{}:{}", self.code(), fold(&stem))
    }

    /// Whether `word` says nothing by itself in this language.
    pub fn is_stop_word(self, word: &Word) -> bool {
        match word.kind {
            Kind::Letters => {}
            Kind::Number => return false,
            Kind::Pair => return QUESTION_PAIRS.contains(&word.text.as_str()),
        }
        let own = match self.0 {
            Some(Lang::Eng) => ENGLISH_STOP_WORDS,
            Some(Lang::Fra) => FRENCH_QUESTION_WORDS,
            Some(Lang::Deu) => GERMAN_QUESTION_WORDS,
            Some(Lang::Spa) => SPANISH_QUESTION_WORDS,
            _ => &[],
        };
        if own.contains(&word.text.as_str()) {
            return true;
        }
        match self.0 {
            Some(lang) => STOP_WORDS.get(&lang).is_some_and(|stop_words| {
                let mut filter = stop_words.clone();
                let mut kept = filter.token_stream(&word.text);
                !kept.advance()
            }),
            None => false,
        }
    }
}

impl Ord for Language {
    fn cmp(&self, other: &Language) -> Ordering {
        self.code().cmp(other.code())
    }
}

impl PartialOrd for Language {
    fn partial_cmp(&self, other: &Language) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Language {
        Language(algorithm(lang).map(|_| lang))
    }
}

/// As much of `text` as it takes to tell its language.
fn head(text: &str) -> &str {
    text.char_indices().nth(limits::LANGUAGE_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

/// The stemmer of a language.
fn algorithm(lang: Lang) -> Option<frostem::Algorithm> {
    use frostem::Algorithm;
    Some(match lang {
        Lang::Ara => Algorithm::Arabic,
        Lang::Dan => Algorithm::Danish,
        Lang::Deu => Algorithm::German,
        Lang::Ell => Algorithm::Greek,
        Lang::Eng => Algorithm::English,
        Lang::Fin => Algorithm::Finnish,
        Lang::Fra => Algorithm::French,
        Lang::Hun => Algorithm::Hungarian,
        Lang::Ita => Algorithm::Italian,
        Lang::Nld => Algorithm::Dutch,
        Lang::Nob => Algorithm::Norwegian,
        Lang::Por => Algorithm::Portuguese,
        Lang::Ron => Algorithm::Romanian,
        Lang::Rus => Algorithm::Russian,
        Lang::Spa => Algorithm::Spanish,
        Lang::Swe => Algorithm::Swedish,
        Lang::Tam => Algorithm::Tamil,
        Lang::Tur => Algorithm::Turkish,
        _ => return None,
    })
}

/// The stop words that come with the index engine, by language. They lack some words that questions are made of.
static STOP_WORDS: LazyLock<HashMap<Lang, TextAnalyzer>> = LazyLock::new(|| {
    let lists = [
        (Lang::Dan, tokenizer::Language::Danish),
        (Lang::Deu, tokenizer::Language::German),
        (Lang::Fin, tokenizer::Language::Finnish),
        (Lang::Fra, tokenizer::Language::French),
        (Lang::Hun, tokenizer::Language::Hungarian),
        (Lang::Ita, tokenizer::Language::Italian),
        (Lang::Nld, tokenizer::Language::Dutch),
        (Lang::Nob, tokenizer::Language::Norwegian),
        (Lang::Por, tokenizer::Language::Portuguese),
        (Lang::Rus, tokenizer::Language::Russian),
        (Lang::Spa, tokenizer::Language::Spanish),
        (Lang::Swe, tokenizer::Language::Swedish),
    ];
    let analyzer = |list| {
        let filter = StopWordFilter::new(list)?;
        Some(TextAnalyzer::builder(tokenizer::RawTokenizer::default()).filter(filter).build())
    };
    lists.into_iter().filter_map(|(lang, list)| Some((lang, analyzer(list)?))).collect()
});

/// Pairs, and lone characters, that questions in Chinese and Japanese are made of.
const QUESTION_PAIRS: &[&str] = &[
    "什么", "什麼", "是什", "为什", "為什", "么是", "怎么", "怎样", "如何", "多少", "是多", "几个", "多久", "哪些",
    "哪个", "哪里", "哪裡", "哪一", "哪种", "是谁", "谁是", "请问", "谁", "吗", "呢", "的", "是", "です", "すか",
    "ます", "した", "いつ", "どこ", "だれ", "誰が", "どの", "なぜ", "何で", "何が", "何を", "は何", "とは", "何", "か",
    "は", "の",
];

const FRENCH_QUESTION_WORDS: &[&str] = &[
    "a", "afin", "ainsi", "aussi", "chez", "combien", "comment", "d", "donc", "dont", "entre", "est", "faire", "fait",
    "faut", "il", "là", "lors", "ont", "où", "peut", "peuvent", "plus", "pourquoi", "puis", "quand", "quel", "quelle",
    "quelles", "quels", "qui", "quoi", "si", "sont", "tout", "toute", "toutes", "tous", "très",
];

const GERMAN_QUESTION_WORDS: &[&str] = &[
    "bitte", "gibt", "hat", "ob", "oder", "viel", "viele", "wann", "warum", "was", "wem", "wen", "wer", "wessen",
    "weshalb", "wie", "wo", "wobei", "wodurch", "woher", "wohin", "womit", "wurde", "wurden",
];

const SPANISH_QUESTION_WORDS: &[&str] = &[
    "cual", "cuál", "cuales", "cuáles", "cuando", "cuándo", "cuanto", "cuánto", "cuanta", "cuánta", "cuantos",
    "cuántos", "cuantas", "cuántas", "como", "cómo", "donde", "dónde", "es", "fue", "fueron", "hay", "puede", "qué",
    "quien", "quién", "quienes", "quiénes", "ser", "son",
];

const ENGLISH_STOP_WORDS: &[&str] = &[
    "a", "about", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because",
    "been", "before", "being", "both", "but", "by", "can", "cannot", "could", "did", "do", "does", "doing", "don",
    "during", "each", "for", "from", "further", "had", "has", "have", "having", "he", "her", "here", "hers", "him",
    "his", "how", "i", "if", "in", "into", "is", "isn", "it", "its", "just", "ll", "may", "me", "might", "more",
    "most", "must", "my", "no", "nor", "not", "of", "off", "on", "once", "only", "or", "other", "our", "ours", "out",
    "over", "own", "per", "please", "re", "s", "same", "shall", "she", "should", "so", "some", "such", "t", "tell",
    "than", "that", "the", "their", "theirs", "them", "then", "there", "these", "they", "this", "those", "through",
    "to", "too", "under", "until", "up", "us", "ve", "very", "was", "we", "were", "what", "when", "where", "whether",
    "which", "while", "who", "whom", "whose", "why", "will", "with", "would", "you", "your", "yours",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fulltext::words::words;

    #[test]
    fn languages_are_told_and_numbered() {
        let cases = [
            ("The committee approved the annual budget after a long discussion about staffing.", "eng"),
            ("Die Mitarbeiterinnen und Mitarbeiter haben Anspruch auf dreißig Urlaubstage im Jahr.", "deu"),
            ("Les salariés peuvent demander un congé sans solde auprès de leur responsable hiérarchique.", "fra"),
            ("委员会在长时间讨论之后批准了年度预算。", ""),
        ];
        for (text, code) in cases {
            let language = Language::of(text).expect("a whole sentence is enough");
            assert_eq!(language.code(), code, "{text}");
            assert_eq!(Language::of_number(language.number()), language);
        }
        assert_eq!(Language::of(""), None);
        assert_eq!(Language::of_number(u64::MAX), PLAIN);
    }

    #[test]
    fn forms_of_a_word_share_a_term_within_a_language() {
        let (english, french, german) =
            (Language::from(Lang::Eng), Language::from(Lang::Fra), Language::from(Lang::Deu));
        let cases = [
            (english, "running", "runs", true),
            (english, "policies", "policy", true),
            (french, "congés", "congé", true),
            (french, "salariées", "salarié", true),
            (german, "Häuser", "Haus", true),
            (german, "Verträge", "Vertrages", true),
            (english, "2024", "2025", false),
            (PLAIN, "policies", "policy", false),
        ];
        for (language, one, other, same) in cases {
            let term = |text: &str| language.term(&words(text)[0]);
            assert_eq!(term(one) == term(other), same, "{} and {}", term(one), term(other));
        }
        let word = &words("important")[0];
        assert_ne!(english.term(word), french.term(word));
    }

    #[test]
    fn questions_lose_words_that_say_nothing() {
        let cases = [
            ("What is the notice period for employees?", Lang::Eng, "notice period employees"),
            ("Welche Frist gilt für die Kündigung?", Lang::Deu, "frist gilt kündigung"),
            ("Quel est le délai de préavis pour les salariés ?", Lang::Fra, "délai préavis salariés"),
        ];
        for (question, lang, kept) in cases {
            let language = Language::of_question(question, &[Language::from(lang)]);
            let words = words(question);
            let left: Vec<&str> =
                words.iter().filter(|word| !language.is_stop_word(word)).map(|word| word.text.as_str()).collect();
            let expected: Vec<&str> = kept.split(' ').collect();
            assert_eq!(left, expected, "{question}");
        }
    }
}
