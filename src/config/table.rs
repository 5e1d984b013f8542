//! The one table of settings: name, key, kind, default, range and meaning of each. Everything that is printed about a
//! setting, and the commented `packaging/nosia.toml`, comes from here.

use crate::limits;

use super::kind::Kind;

/// One setting, as the administrator meets it.
pub struct Setting {
    /// The environment variable, and the name in every message.
    pub name: &'static str,
    /// The key in `nosia.toml`, and the flag where a command has one.
    pub key: &'static str,
    /// The chapter of `nosia.toml` that it stands in.
    pub chapter: &'static str,
    pub kind: Kind,
    pub default: Default,
    /// What the package writes into `/etc/nosia/nosia.toml` instead of leaving the default, in TOML.
    pub packaged: Option<&'static str>,
    /// What it does, in sentences for the administrator.
    pub about: &'static str,
    /// Why it changes nothing in this release, where that is so. Such a setting is accepted, and not offered.
    pub idle: Option<&'static str>,
}

/// The value of a setting that nobody set.
#[derive(Clone, Copy)]
pub enum Default {
    /// None, and `about` says what that means. With an example in TOML.
    Unset(&'static str),
    Text(&'static str),
    Whole(u64),
    Number(f64),
    Switch(bool),
}

impl Default {
    /// The default as it would be typed; `None` where there is none.
    pub fn text(self) -> Option<String> {
        match self {
            Default::Unset(_) => None,
            Default::Text(text) => Some(text.to_owned()),
            Default::Whole(number) => Some(number.to_string()),
            Default::Number(number) => Some(number.to_string()),
            Default::Switch(on) => Some(on.to_string()),
        }
    }
}

const SERVER: &str = "Server";
const GENERATOR: &str = "Answers: the generator";
const EMBEDDER: &str = "Search: the embedding model";
const MODELS: &str = "Models: where they come from";
const DOCUMENTS: &str = "Documents and passages";
const SITES: &str = "Web sites";
const LOG: &str = "Log";

const fn setting(
    name: &'static str,
    key: &'static str,
    chapter: &'static str,
    kind: Kind,
    default: Default,
    about: &'static str,
) -> Setting {
    Setting { name, key, chapter, kind, default, packaged: None, about, idle: None }
}

const fn idle(setting: Setting, why: &'static str) -> Setting {
    Setting { idle: Some(why), ..setting }
}

const fn packaged(setting: Setting, toml: &'static str) -> Setting {
    Setting { packaged: Some(toml), ..setting }
}

/// Every setting, in the order in which `nosia config` and `nosia.toml` show them.
pub const SETTINGS: &[Setting] = &[
    setting(
        "NOSIA_DATA",
        "data",
        SERVER,
        Kind::Folder,
        Default::Text("/var/lib/nosia"),
        "The folder that holds everything: database, original files, indexes.",
    ),
    setting(
        "NOSIA_MODELS",
        "models",
        SERVER,
        Kind::Folder,
        Default::Unset("\"/srv/models\""),
        "Another folder of models, looked into before the data folder's `models`, /usr/share/nosia/models and the one \
         beside the binary.",
    ),
    packaged(
        setting(
            "NOSIA_LISTEN",
            "listen",
            SERVER,
            Kind::Addresses,
            Default::Text("127.0.0.1:3000"),
            "Where it listens: one address with its port, or several. `[::]:443` is every address of this machine, \
             IPv6 and IPv4; write `0.0.0.0:443` where IPv6 is switched off.",
        ),
        "[\"[::]:443\"]",
    ),
    setting(
        "NOSIA_URL",
        "url",
        SERVER,
        Kind::WebAddress,
        Default::Unset("\"https://nosia.example.org\""),
        "The address that people type, such as https://nosia.example.org. Unset: made from the host's name and the \
         port.",
    ),
    setting(
        "NOSIA_TLS",
        "tls",
        SERVER,
        Kind::Word(&["auto", "self-signed", "off"]),
        Default::Text("auto"),
        "`self-signed` speaks https with a certificate that it signs itself; `auto` does so on every address but \
         loopback, where it speaks http; `off` is for a machine whose reverse proxy speaks https.",
    ),
    idle(
        setting(
            "TLS_EMAIL",
            "tls_email",
            SERVER,
            Kind::Mail,
            Default::Unset("\"someone@example.org\""),
            "The address that a certificate authority may write to.",
        ),
        "this release signs its certificate itself and asks no authority",
    ),
    idle(
        setting(
            "REGISTRATION_ALLOWED",
            "registration_allowed",
            SERVER,
            Kind::Switch,
            Default::Switch(false),
            "Whether strangers may make themselves an account.",
        ),
        "this release has no page to register on; add people with `nosia user add`",
    ),
    idle(
        setting(
            "SECRET_KEY_BASE",
            "secret_key_base",
            SERVER,
            Kind::Secret,
            Default::Unset("\"\""),
            "The key that signs cookies in the Rails product.",
        ),
        "sessions here are random values of which only a hash is kept, so nothing is signed",
    ),
    setting(
        "AI_BASE_URL",
        "ai_base_url",
        GENERATOR,
        Kind::WebAddress,
        Default::Unset("\"http://127.0.0.1:11434/v1\""),
        "An OpenAI-compatible endpoint that writes the answers, up to and including its version, such as \
         http://127.0.0.1:11434/v1. Unset: they are written on this machine by the model of LLM_MODEL, or quoted \
         from the documents where there is none, and nothing leaves this machine.",
    ),
    setting(
        "AI_API_KEY",
        "ai_api_key",
        GENERATOR,
        Kind::Secret,
        Default::Unset("\"...\""),
        "The key for AI_BASE_URL and EMBEDDING_BASE_URL. Better than here: a file named by AI_API_KEY_FILE, or the \
         systemd credential AI_API_KEY.",
    ),
    setting(
        "LLM_MODEL",
        "llm_model",
        GENERATOR,
        Kind::Name,
        Default::Unset("\"granite3.3:2b\""),
        "The generator: its name at AI_BASE_URL or, without that, a model on this machine (`nosia model list`; the \
         names that Ollama and Docker give it are understood). A model that is not there is no error: answers are \
         quoted until it is. Unset: what `nosia model use` chose.",
    ),
    setting(
        "LLM_TEMPERATURE",
        "llm_temperature",
        GENERATOR,
        Kind::Number { min: 0.0, max: 2.0 },
        Default::Number(0.1),
        "How freely words are drawn; 0 always takes the likeliest.",
    ),
    setting(
        "LLM_MAX_TOKENS",
        "llm_max_tokens",
        GENERATOR,
        Kind::Whole { min: 1, max: 131_072 },
        Default::Whole(1024),
        "The longest answer, in tokens of the generator.",
    ),
    setting(
        "LLM_NUM_CTX",
        "llm_num_ctx",
        GENERATOR,
        Kind::Whole { min: 512, max: 1_048_576 },
        Default::Whole(8192),
        "The tokens that the generator reads and writes at once; passages, and turns of a conversation, are kept few \
         enough to fit.",
    ),
    setting(
        "LLM_FIRST_WORD_SECONDS",
        "llm_first_word_seconds",
        GENERATOR,
        Kind::Whole { min: 1, max: 600 },
        Default::Whole(20),
        "The seconds within which an answer's first word should come. A generator on this machine is given as many \
         passages as it reads in that time, and always the best one; behind AI_BASE_URL the speed is not known, and \
         LLM_NUM_CTX alone counts.",
    ),
    setting(
        "LLM_CACHE_MB",
        "llm_cache_mb",
        GENERATOR,
        Kind::Whole { min: 16, max: 1 << 20 },
        Default::Unset("512"),
        "Memory for the conversations that a model on this machine remembers, in mebibytes; all of it is set aside when \
         it is used. Unset: an eighth of the machine's memory, and room for one conversation of LLM_NUM_CTX at least.",
    ),
    setting(
        "INFERENCE_DEVICE",
        "inference_device",
        GENERATOR,
        Kind::Device,
        Default::Text("auto"),
        "What computes a model on this machine that writes answers: `cpu`, `cuda`, `metal`, or `cuda:1` for the second \
         of its kind. `auto` takes an accelerator where this program was built for one and one is there. Without it, or \
         where a model does not fit its memory, the processor computes; `nosia model list` says so.",
    ),
    setting(
        "LLM_TOP_K",
        "llm_top_k",
        GENERATOR,
        Kind::Whole { min: 1, max: 1000 },
        Default::Whole(40),
        "How many of the likeliest words are drawn from.",
    ),
    setting(
        "LLM_TOP_P",
        "llm_top_p",
        GENERATOR,
        Kind::Number { min: 0.01, max: 1.0 },
        Default::Number(0.9),
        "The share of probability that is drawn from.",
    ),
    setting(
        "RAG_SYSTEM_TEMPLATE",
        "rag_system_template",
        GENERATOR,
        Kind::Text,
        Default::Unset("\"Answer in one paragraph, from the passages alone.\""),
        "The instruction given to the generator before passages and question; `{context}` in it is where the passages \
         go. An account's own, made by an owner on the page Settings, comes before it. Unset: the built-in one.",
    ),
    setting(
        "GUARD_MODEL",
        "guard_model",
        GENERATOR,
        Kind::Name,
        Default::Unset("\"granite3-guardian:2b\""),
        "A second model at AI_BASE_URL that is asked, before an answer is written, whether the passages found are \
         irrelevant to the question: a guard model, or any that answers yes or no. If it says yes, the answer is that \
         the documents do not tell, and the first model is not asked. If it cannot be asked, that is logged and the \
         answer is written.",
    ),
    setting(
        "EMBEDDING_MODEL",
        "embedding_model",
        EMBEDDER,
        Kind::Name,
        Default::Text("all-MiniLM-L6-v2"),
        "The embedding model: its name at EMBEDDING_BASE_URL or, without that, a model on this machine (`nosia model \
         list`). Another than before first makes its vectors of all documents, beside those in use. One that is not \
         there is no error: the one before, or else the built-in one, is used. Unset: what `nosia model use` chose.",
    ),
    setting(
        "EMBEDDING_BASE_URL",
        "embedding_base_url",
        EMBEDDER,
        Kind::WebAddress,
        Default::Unset("\"http://127.0.0.1:11434/v1\""),
        "An OpenAI-compatible endpoint that embeds texts. Unset: texts are embedded on this machine.",
    ),
    setting(
        "EMBEDDING_DIMENSIONS",
        "embedding_dimensions",
        EMBEDDER,
        Kind::Whole { min: 1, max: limits::EMBED_DIMENSIONS_MAX as u64 },
        Default::Unset("384"),
        "The length of a vector. Checked against what EMBEDDING_BASE_URL returns; a local model knows its own.",
    ),
    setting(
        "EMBEDDING_PRECISION",
        "embedding_precision",
        EMBEDDER,
        Kind::Word(&["f32", "int8"]),
        Default::Text("f32"),
        "How exactly an embedding model on this machine computes. With int8 its weights take a quarter of the memory and it \
         finds nearly the same; how much faster it is depends on the processor (`nosia bench embed`). After a change all \
         vectors are made anew, while the old ones are asked.",
    ),
    setting(
        "RERANKING_MODEL",
        "reranking_model",
        EMBEDDER,
        Kind::Name,
        Default::Unset("\"bge-reranker-v2-m3\""),
        "A model on this machine that reads the best passages found together with the question and ranks them anew: \
         better first, and slower. One that is not there is no error: passages keep the order in which they were found. \
         Unset: what `nosia model use` chose.",
    ),
    setting(
        "HF_ENDPOINT",
        "hf_endpoint",
        MODELS,
        Kind::WebAddress,
        Default::Text("https://huggingface.co"),
        "The hub that `nosia model add hf:OWNER/REPO` fetches from, when it is told to and never otherwise; a mirror \
         of your own, for instance.",
    ),
    setting(
        "HF_TOKEN",
        "hf_token",
        MODELS,
        Kind::Secret,
        Default::Unset("\"hf_...\""),
        "The token for models at HF_ENDPOINT whose licence must be accepted first. Sent to that host only.",
    ),
    setting(
        "RETRIEVAL_FETCH_K",
        "retrieval_fetch_k",
        DOCUMENTS,
        Kind::Whole { min: 1, max: limits::CANDIDATES_MAX as u64 },
        Default::Whole(limits::CANDIDATES_DEFAULT as u64),
        "Candidates asked of each index, by words and by meaning, before the best are chosen. In the Rails product it \
         was the number of passages shown to the generator (3 or 4); such a small value starves the search.",
    ),
    setting(
        "CHUNK_MAX_TOKENS",
        "chunk_max_tokens",
        DOCUMENTS,
        Kind::Whole { min: 64, max: limits::CHUNK_TOKENS_MAX as u64 },
        Default::Whole(limits::CHUNK_TOKENS_MAX_DEFAULT as u64),
        "The largest piece that documents are cut into, in tokens of the embedding model. Never more than the model \
         reads at once; `nosia config` shows the effective number and its reason.",
    ),
    setting(
        "CHUNK_MIN_TOKENS",
        "chunk_min_tokens",
        DOCUMENTS,
        Kind::Whole { min: 0, max: limits::CHUNK_TOKENS_MAX as u64 },
        Default::Whole(limits::CHUNK_TOKENS_MIN_DEFAULT as u64),
        "Smaller neighbours of the same section are joined while they fit.",
    ),
    setting(
        "CHUNK_MERGE_PEERS",
        "chunk_merge_peers",
        DOCUMENTS,
        Kind::Switch,
        Default::Switch(true),
        "Whether neighbours under the same heading are joined up to CHUNK_MAX_TOKENS.",
    ),
    idle(
        setting(
            "AUGMENTED_CONTEXT",
            "augmented_context",
            DOCUMENTS,
            Kind::Switch,
            Default::Switch(false),
            "Whether passages are shown with their surroundings.",
        ),
        "neighbouring passages are always joined",
    ),
    setting(
        "OCR_LANGUAGES",
        "ocr_languages",
        DOCUMENTS,
        Kind::Text,
        Default::Unset("\"fra+eng\""),
        "Languages of the text in pictures and on scanned pages, by tesseract's names, the most common one first. Each \
         has a package of its own (on Debian, tesseract-ocr-fra). Unset: English, then those of the account's other \
         documents, of what is installed, three in all.",
    ),
    setting(
        "FOLDERS_ALLOWED",
        "folders_allowed",
        DOCUMENTS,
        Kind::Folders,
        Default::Unset("[\"/srv/documents\"]"),
        "Folders of this server, and all below them, that owners may have kept in step with an account: paths, separated \
         by commas. `{account}` in a path stands for the account's name, so that each sees its own alone. The user \
         that Nosia runs as must be able to read them. Unset: none.",
    ),
    setting(
        "WEB_ALLOWED_RANGES",
        "web_allowed_ranges",
        SITES,
        Kind::Ranges,
        Default::Unset("[\"10.1.0.0/16\"]"),
        "Addresses inside your network that web pages may be read from, such as those of an intranet: ranges, separated \
         by commas. Whoever may add documents can then have anything there read that needs no password. Unset: pages \
         are read from the public internet alone, never from this machine or its network, wherever a name or a \
         redirect leads.",
    ),
    setting(
        "RAILS_LOG_LEVEL",
        "log_level",
        LOG,
        Kind::Word(&["error", "warn", "info", "debug", "trace", "fatal", "unknown"]),
        Default::Text("info"),
        "How much is logged. `fatal` and `unknown`, which Rails knows, mean `error` here.",
    ),
    setting(
        "NOSIA_LOG_FORMAT",
        "log_format",
        LOG,
        Kind::Word(&["text", "json"]),
        Default::Text("text"),
        "`text` for people and the journal, `json` for a machine that collects logs.",
    ),
];

/// The setting that `name` means: its variable, its key, or its flag with or without the dashes.
pub fn find(name: &str) -> Option<&'static Setting> {
    let key = name.trim_start_matches('-').replace('-', "_").to_lowercase();
    SETTINGS.iter().find(|setting| setting.name == name || setting.key == key)
}

#[cfg(test)]
mod tests {
    use super::{SETTINGS, find};

    #[test]
    fn names_and_keys_are_their_own() {
        for (at, setting) in SETTINGS.iter().enumerate() {
            for other in &SETTINGS[at + 1..] {
                assert!(setting.name != other.name && setting.key != other.key, "{} twice", setting.name);
            }
            assert_eq!(find(setting.name).map(|found| found.name), Some(setting.name));
            assert_eq!(find(setting.key).map(|found| found.name), Some(setting.name));
        }
        assert_eq!(find("--chunk-max-tokens").map(|found| found.name), Some("CHUNK_MAX_TOKENS"));
    }

    #[test]
    fn chapters_are_not_torn() {
        let mut seen: Vec<&str> = Vec::new();
        for setting in SETTINGS {
            if seen.last() != Some(&setting.chapter) {
                assert!(!seen.contains(&setting.chapter), "{} stands in two places", setting.chapter);
                seen.push(setting.chapter);
            }
        }
    }

    #[test]
    fn every_default_is_allowed() {
        for setting in SETTINGS {
            if let Some(text) = setting.default.text() {
                assert!(setting.kind.parse(&text).is_ok(), "{}: {text}", setting.name);
            }
        }
    }
}
