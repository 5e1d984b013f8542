//! Languages: their tags and what they call themselves.

/// ISO 639-3, the tag by BCP 47, and the language's own name, of those that can be told from a text.
///
/// Source of the tags: the IANA registry of language subtags, which prefers the two letters of ISO 639-1.
const LANGUAGES: &[(&str, &str, &str)] = &[
    ("afr", "af", "Afrikaans"),
    ("aka", "ak", "Akan"),
    ("amh", "am", "አማርኛ"),
    ("ara", "ar", "العربية"),
    ("aze", "az", "Azərbaycanca"),
    ("bel", "be", "Беларуская"),
    ("ben", "bn", "বাংলা"),
    ("bul", "bg", "Български"),
    ("cat", "ca", "Català"),
    ("ces", "cs", "Čeština"),
    ("cmn", "zh", "中文"),
    ("cym", "cy", "Cymraeg"),
    ("dan", "da", "Dansk"),
    ("deu", "de", "Deutsch"),
    ("ell", "el", "Ελληνικά"),
    ("eng", "en", "English"),
    ("epo", "eo", "Esperanto"),
    ("est", "et", "Eesti"),
    ("fin", "fi", "Suomi"),
    ("fra", "fr", "Français"),
    ("guj", "gu", "ગુજરાતી"),
    ("heb", "he", "עברית"),
    ("hin", "hi", "हिन्दी"),
    ("hrv", "hr", "Hrvatski"),
    ("hun", "hu", "Magyar"),
    ("hye", "hy", "Հայերեն"),
    ("ind", "id", "Bahasa Indonesia"),
    ("ita", "it", "Italiano"),
    ("jav", "jv", "Basa Jawa"),
    ("jpn", "ja", "日本語"),
    ("kan", "kn", "ಕನ್ನಡ"),
    ("kat", "ka", "ქართული"),
    ("khm", "km", "ខ្មែរ"),
    ("kor", "ko", "한국어"),
    ("lat", "la", "Latina"),
    ("lav", "lv", "Latviešu"),
    ("lit", "lt", "Lietuvių"),
    ("mal", "ml", "മലയാളം"),
    ("mar", "mr", "मराठी"),
    ("mkd", "mk", "Македонски"),
    ("mya", "my", "မြန်မာ"),
    ("nep", "ne", "नेपाली"),
    ("nld", "nl", "Nederlands"),
    ("nob", "nb", "Norsk bokmål"),
    ("ori", "or", "ଓଡ଼ିଆ"),
    ("pan", "pa", "ਪੰਜਾਬੀ"),
    ("pes", "fa", "فارسی"),
    ("pol", "pl", "Polski"),
    ("por", "pt", "Português"),
    ("ron", "ro", "Română"),
    ("rus", "ru", "Русский"),
    ("sin", "si", "සිංහල"),
    ("slk", "sk", "Slovenčina"),
    ("slv", "sl", "Slovenščina"),
    ("sna", "sn", "ChiShona"),
    ("spa", "es", "Español"),
    ("srp", "sr", "Српски"),
    ("swe", "sv", "Svenska"),
    ("tam", "ta", "தமிழ்"),
    ("tel", "te", "తెలుగు"),
    ("tgl", "tl", "Tagalog"),
    ("tha", "th", "ไทย"),
    ("tuk", "tk", "Türkmençe"),
    ("tur", "tr", "Türkçe"),
    ("ukr", "uk", "Українська"),
    ("urd", "ur", "اردو"),
    ("uzb", "uz", "Oʻzbekcha"),
    ("vie", "vi", "Tiếng Việt"),
    ("yid", "yi", "ייִדיש"),
    ("zul", "zu", "isiZulu"),
];

/// The tag of a language known by its ISO 639-3 code.
pub fn tag(code: &str) -> Option<&'static str> {
    LANGUAGES.iter().find(|(known, ..)| *known == code).map(|(_, tag, _)| *tag)
}

/// What the language of `tag` calls itself, whatever its region (`fr-CA`); the tag itself if it is not known.
pub fn name(tag: &str) -> &str {
    let language = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let known = LANGUAGES.iter().find(|(code, short, _)| *short == language || *code == language);
    known.map_or(tag, |(_, _, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{name, tag};

    #[test]
    fn languages_have_tags_and_names() {
        assert_eq!((tag("fra"), tag("cmn"), tag("xxx")), (Some("fr"), Some("zh"), None));
        assert_eq!((name("fr-CA"), name("EN_us"), name("deu"), name("tlh")), ("Français", "English", "Deutsch", "tlh"));
    }
}
