//! Every setting with its type, after all that was said has been read and checked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::domain::chunk::ChunkRules;
use crate::domain::device::Device;
use crate::limits;

use super::error::ConfigError;
use super::inputs::{Gathered, Inputs};
use super::origin::Origin;
use super::row::Row;
use super::secret::Secret;
use super::values::Values;

/// The settings in force. One field each; the table says what they mean.
#[derive(Clone, Debug)]
pub struct Settings {
    pub data: PathBuf,
    /// A folder of models that is looked into first.
    pub models: Option<PathBuf>,
    pub listen: Vec<SocketAddr>,
    /// Without a slash at its end.
    pub url: Option<String>,
    pub tls: Tls,
    pub tls_email: Option<String>,
    pub registration_allowed: bool,
    pub secret_key_base: Option<Secret>,
    pub ai_base_url: Option<String>,
    pub ai_api_key: Option<Secret>,
    pub llm_model: Option<String>,
    pub llm_temperature: f32,
    pub llm_max_tokens: u32,
    pub llm_num_ctx: usize,
    pub llm_cache_mb: Option<usize>,
    pub inference_device: Device,
    pub llm_first_word_seconds: u32,
    pub llm_top_k: u32,
    pub llm_top_p: f32,
    pub rag_system_template: Option<String>,
    pub guard_model: Option<String>,
    pub embedding_model: String,
    pub embedding_base_url: Option<String>,
    pub embedding_dimensions: Option<usize>,
    /// Whether a local embedding model computes in eight bits.
    pub embedding_in_eight_bits: bool,
    pub reranking_model: Option<String>,
    /// Without a slash at its end.
    pub hf_endpoint: String,
    pub hf_token: Option<Secret>,
    pub retrieval_fetch_k: usize,
    pub chunk_max_tokens: usize,
    pub chunk_min_tokens: usize,
    pub chunk_merge_peers: bool,
    pub augmented_context: bool,
    /// As tesseract names them, in one text.
    pub ocr_languages: Option<String>,
    /// As they were set: `{account}` is still in them.
    pub folders_allowed: Vec<PathBuf>,
    /// Ranges that are not of the public internet and may be read from all the same.
    pub web_allowed_ranges: Vec<IpNet>,
    pub log_level: LogLevel,
    pub log_format: LogFormat,
    /// The stream that systemd connected to standard error, as `device:inode`, where it did.
    pub journal_stream: Option<String>,
    origins: BTreeMap<&'static str, Origin>,
    rows: Vec<Row>,
}

/// When https is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Everywhere but on loopback.
    Auto,
    SelfSigned,
    Off,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// The word that tracing knows it by.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

/// For whom the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// An OpenAI-compatible endpoint that the administrator named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Up to and including the version, without a slash at its end.
    pub base_url: String,
    pub api_key: Option<Secret>,
    pub model: String,
}

impl Settings {
    /// Reads and checks everything in `inputs`.
    ///
    /// # Errors
    /// Every fault there is, not only the first.
    pub fn load<E: Iterator<Item = (String, String)>>(inputs: Inputs<E>) -> Result<Settings, Vec<ConfigError>> {
        let mut gathered = Gathered::from(inputs);
        let mut faults = std::mem::take(&mut gathered.faults);
        let mut values = Values::read(&gathered, &mut faults);
        check_together(&values, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let rows = values.rows.drain(..).chain(gathered.ignored).collect();
        let origins = gathered.typed.into_iter().map(|(name, typed)| (name, typed.origin)).collect();
        let mut settings = Settings::from_values(values, origins, rows, gathered.journal_stream);
        settings.note_surprises();
        Ok(settings)
    }

    /// Says in its row where a setting that was made does not do what its maker will expect.
    fn note_surprises(&mut self) {
        let alone = |set: bool, other_set: bool| set && !other_set;
        let surprises = [
            (
                "LLM_MODEL",
                alone(self.llm_model.is_some(), self.ai_base_url.is_some()),
                "AI_BASE_URL is not set, so it is a model on this machine; `nosia model list` shows whether it is there",
            ),
            (
                "AI_BASE_URL",
                alone(self.ai_base_url.is_some(), self.llm_model.is_some()),
                "LLM_MODEL is not set, so nothing is asked of it",
            ),
            (
                "GUARD_MODEL",
                alone(self.guard_model.is_some(), self.ai_base_url.is_some()),
                "AI_BASE_URL is not set, so no model judges the passages",
            ),
            (
                "EMBEDDING_DIMENSIONS",
                alone(self.embedding_dimensions.is_some(), self.embedding_base_url.is_some()),
                "texts are embedded here, by a model that knows its own",
            ),
            (
                "RETRIEVAL_FETCH_K",
                self.retrieval_fetch_k < limits::CANDIDATES_DEFAULT / 5,
                "so few candidates leave little to choose from; remove it to have the default",
            ),
        ];
        for (name, surprising, note) in surprises {
            if let Some(row) = self.rows.iter_mut().find(|row| surprising && row.name == name) {
                row.note = note.to_owned();
            }
        }
    }

    fn from_values(
        mut values: Values,
        origins: BTreeMap<&'static str, Origin>,
        rows: Vec<Row>,
        journal_stream: Option<String>,
    ) -> Settings {
        Settings {
            data: values.folder("NOSIA_DATA").expect("the table gives it a default"),
            models: values.folder("NOSIA_MODELS"),
            listen: values.addresses("NOSIA_LISTEN"),
            url: values.text("NOSIA_URL"),
            tls: match values.word("NOSIA_TLS").as_str() {
                "self-signed" => Tls::SelfSigned,
                "off" => Tls::Off,
                _ => Tls::Auto,
            },
            tls_email: values.text("TLS_EMAIL"),
            registration_allowed: values.switch("REGISTRATION_ALLOWED"),
            secret_key_base: values.secret("SECRET_KEY_BASE"),
            ai_base_url: values.text("AI_BASE_URL"),
            ai_api_key: values.secret("AI_API_KEY"),
            llm_model: values.text("LLM_MODEL"),
            llm_temperature: values.number("LLM_TEMPERATURE") as f32,
            llm_max_tokens: u32::try_from(values.whole("LLM_MAX_TOKENS")).expect("its range ends below u32's"),
            llm_num_ctx: values.size("LLM_NUM_CTX"),
            llm_cache_mb: values.optional_size("LLM_CACHE_MB"),
            inference_device: values.device("INFERENCE_DEVICE"),
            llm_first_word_seconds: u32::try_from(values.whole("LLM_FIRST_WORD_SECONDS"))
                .expect("its range ends below u32's"),
            llm_top_k: u32::try_from(values.whole("LLM_TOP_K")).expect("its range ends below u32's"),
            llm_top_p: values.number("LLM_TOP_P") as f32,
            rag_system_template: values.text("RAG_SYSTEM_TEMPLATE"),
            guard_model: values.text("GUARD_MODEL"),
            embedding_model: values.word("EMBEDDING_MODEL"),
            embedding_base_url: values.text("EMBEDDING_BASE_URL"),
            embedding_dimensions: values.optional_size("EMBEDDING_DIMENSIONS"),
            embedding_in_eight_bits: values.word("EMBEDDING_PRECISION") == "int8",
            reranking_model: values.text("RERANKING_MODEL"),
            hf_endpoint: values.word("HF_ENDPOINT"),
            hf_token: values.secret("HF_TOKEN"),
            retrieval_fetch_k: values.size("RETRIEVAL_FETCH_K"),
            chunk_max_tokens: values.size("CHUNK_MAX_TOKENS"),
            chunk_min_tokens: values.size("CHUNK_MIN_TOKENS"),
            chunk_merge_peers: values.switch("CHUNK_MERGE_PEERS"),
            augmented_context: values.switch("AUGMENTED_CONTEXT"),
            ocr_languages: values.text("OCR_LANGUAGES"),
            folders_allowed: values.folders("FOLDERS_ALLOWED"),
            web_allowed_ranges: values.ranges("WEB_ALLOWED_RANGES"),
            log_level: match values.word("RAILS_LOG_LEVEL").as_str() {
                "warn" => LogLevel::Warn,
                "info" => LogLevel::Info,
                "debug" => LogLevel::Debug,
                "trace" => LogLevel::Trace,
                _ => LogLevel::Error,
            },
            log_format: match values.word("NOSIA_LOG_FORMAT").as_str() {
                "json" => LogFormat::Json,
                _ => LogFormat::Text,
            },
            journal_stream,
            origins,
            rows,
        }
    }

    /// Where the value of the setting `name` (a variable's name) came from.
    pub fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).cloned().unwrap_or(Origin::Default)
    }

    /// Whether https is spoken on `address`.
    pub fn speaks_tls(&self, address: &SocketAddr) -> bool {
        match self.tls {
            Tls::Auto => !address.ip().to_canonical().is_loopback(),
            Tls::SelfSigned => true,
            Tls::Off => false,
        }
    }

    /// The endpoint that writes answers; `None` where answers are quotations.
    pub fn generator(&self) -> Option<Remote> {
        Some(Remote {
            base_url: self.ai_base_url.clone()?,
            api_key: self.ai_api_key.clone(),
            model: self.llm_model.clone()?,
        })
    }

    /// Memory for the conversations of a model on this machine, where it was set, in bytes.
    pub fn llm_cache_bytes(&self) -> Option<u64> {
        self.llm_cache_mb.map(|mebibytes| (mebibytes as u64) << 20)
    }

    /// The endpoint of the model that judges passages; `None` where none does.
    pub fn guard(&self) -> Option<Remote> {
        Some(Remote {
            base_url: self.ai_base_url.clone()?,
            api_key: self.ai_api_key.clone(),
            model: self.guard_model.clone()?,
        })
    }

    /// The endpoint that embeds texts; `None` where they are embedded here.
    pub fn remote_embedder(&self) -> Option<Remote> {
        Some(Remote {
            base_url: self.embedding_base_url.clone()?,
            api_key: self.ai_api_key.clone(),
            model: self.embedding_model.clone(),
        })
    }

    /// The embedding model that was named where the app cannot change it; `None` where nobody named one.
    pub fn embedding_model_named(&self) -> Option<&str> {
        (self.origin("EMBEDDING_MODEL") != Origin::Default).then_some(self.embedding_model.as_str())
    }

    /// How documents are cut for an embedder that reads at most `embedder_tokens_max` tokens at once.
    pub fn chunk_rules(&self, embedder_tokens_max: usize) -> ChunkRules {
        let tokens_max = self.chunk_max_tokens.min(embedder_tokens_max);
        ChunkRules {
            tokens_max,
            tokens_min: self.chunk_min_tokens.min(tokens_max),
            merge_peers: self.chunk_merge_peers,
        }
    }

    /// Every setting in the table's order, then variables that mean nothing here.
    pub fn rows(&self) -> Vec<Row> {
        self.rows.clone()
    }

    /// The effective chunk maximum, with its reason, for the embedder called `embedder`.
    pub fn chunk_maximum_row(&self, embedder: &str, embedder_tokens_max: usize) -> Row {
        let effective = self.chunk_rules(embedder_tokens_max).tokens_max;
        let reason = if embedder_tokens_max < self.chunk_max_tokens {
            format!(
                "{embedder} reads {embedder_tokens_max} tokens at once, less than CHUNK_MAX_TOKENS = {}",
                self.chunk_max_tokens
            )
        } else {
            format!("CHUNK_MAX_TOKENS; {embedder} reads {embedder_tokens_max} tokens at once")
        };
        Row {
            name: "effective chunk maximum".to_owned(),
            value: effective.to_string(),
            origin: "computed".to_owned(),
            note: format!(
                "{reason}; title and headings count in it with up to {} tokens",
                limits::CHUNK_CONTEXT_TOKENS_MAX
            ),
        }
    }
}

/// What no setting can say alone.
fn check_together(values: &Values, faults: &mut Vec<ConfigError>) {
    let (min, max) = (values.optional_size("CHUNK_MIN_TOKENS"), values.optional_size("CHUNK_MAX_TOKENS"));
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        faults.push(ConfigError {
            name: "CHUNK_MIN_TOKENS".to_owned(),
            origin: "together with CHUNK_MAX_TOKENS".to_owned(),
            problem: format!("{min} is more than CHUNK_MAX_TOKENS = {max}"),
            allowed: Some("at most CHUNK_MAX_TOKENS".to_owned()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings from variables and a settings file.
    fn load(variables: &[(&str, &str)], file: &str) -> Result<Settings, Vec<ConfigError>> {
        load_with_flags(&[], variables, file)
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn load_with_flags(
        flags: &[(&str, &str)],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<Settings, Vec<ConfigError>> {
        Settings::load(Inputs {
            flags: owned(flags),
            environment: owned(variables).into_iter(),
            credentials_folder: None,
            file: Some((PathBuf::from("/etc/nosia/nosia.toml"), file.to_owned())),
        })
    }

    fn shown(settings: &Settings, name: &str) -> (String, String) {
        let row = settings.rows().into_iter().find(|row| row.name == name).expect("every setting has its row");
        (row.value, row.origin)
    }

    #[test]
    fn the_stronger_place_wins() {
        let file = "listen = [\"127.0.0.1:1\"]\nllm_top_k = 7\nllm_temperature = 1\nchunk_merge_peers = false\n";
        for (flags, variables, name, value, origin) in [
            (&[][..], &[][..], "LLM_TOP_P", "0.9", "default"),
            (&[], &[], "LLM_TOP_K", "7", "/etc/nosia/nosia.toml"),
            (&[], &[], "LLM_TEMPERATURE", "1", "/etc/nosia/nosia.toml"),
            (&[], &[], "CHUNK_MERGE_PEERS", "false", "/etc/nosia/nosia.toml"),
            (&[], &[("LLM_TOP_K", "8")], "LLM_TOP_K", "8", "environment"),
            (&[], &[("LLM_TOP_K", "")], "LLM_TOP_K", "7", "/etc/nosia/nosia.toml"),
            (&[], &[("NOSIA_LISTEN", "[::1]:2")], "NOSIA_LISTEN", "[::1]:2", "environment"),
            (&[("--listen", "[::1]:3")], &[("NOSIA_LISTEN", "[::1]:2")], "NOSIA_LISTEN", "[::1]:3", "flag"),
            (&[("listen", "[::1]:3"), ("listen", "[::1]:4")], &[], "NOSIA_LISTEN", "[::1]:3, [::1]:4", "flag"),
        ] {
            let settings = load_with_flags(flags, variables, file).expect("these settings are right");
            assert_eq!(shown(&settings, name), (value.to_owned(), origin.to_owned()), "{flags:?} {variables:?}");
            assert_eq!(settings.origin(name).to_string(), origin);
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let faults = load(
            &[("CHUNK_MAX_TOKENS", "ten"), ("DATABASE_URL", "postgresql://db/nosia"), ("NOSIA_URL", "nosia")],
            "lisen = \"127.0.0.1:1\"\ntls = { mode = 1 }\n",
        )
        .expect_err("there are five faults");
        let told = crate::config::report(&faults);
        for part in [
            "CHUNK_MAX_TOKENS (environment): `ten` is not a whole number; allowed: a whole number from 64 to 2048",
            "DATABASE_URL (environment): asks for PostgreSQL",
            "NOSIA_URL (environment): `nosia` is not an address",
            "lisen (/etc/nosia/nosia.toml): is no setting; is `listen` meant?",
            "tls (/etc/nosia/nosia.toml): is table; allowed: auto, self-signed, off",
        ] {
            assert!(told.contains(part), "{part:?} is not in:\n{told}");
        }
        assert_eq!(told.lines().count(), 5, "{told}");
        let faults = load(&[("AI_BASE_URL", "https://me:tell-nobody@host/v1")], "").expect_err("it holds a password");
        assert!(!faults[0].to_string().contains("tell-nobody"), "{}", faults[0]);
    }

    #[test]
    fn settings_are_checked_against_each_other() {
        let faults = load(&[("CHUNK_MIN_TOKENS", "300"), ("CHUNK_MAX_TOKENS", "200")], "").expect_err("300 > 200");
        assert!(faults[0].to_string().contains("300 is more than CHUNK_MAX_TOKENS = 200"), "{}", faults[0]);
    }

    #[test]
    fn a_broken_file_tells_its_line_and_not_its_text() {
        let faults = load(&[], "listen = \"127.0.0.1:1\"\nai_api_key = \"sk-secret\n").expect_err("a quote is missing");
        let told = crate::config::report(&faults);
        assert!(told.starts_with("line 2 ") && !told.contains("sk-secret"), "{told}");
    }

    #[test]
    fn an_old_environment_starts() {
        let settings = load(
            &[
                ("RAILS_ENV", "production"),
                ("WEB_CONCURRENCY", "2"),
                ("POSTGRES_PASSWORD", "tell-nobody"),
                ("LLM_MODEL", "granite3.3:2b"),
                ("AI_BASE_URL", "http://127.0.0.1:11434/v1/"),
                ("AI_API_KEY", "tell-nobody"),
                ("EMBEDDING_DIMENSIONS", "768"),
                ("RAILS_LOG_LEVEL", "FATAL"),
                ("SECRET_KEY_BASE", "tell-nobody"),
                ("NOSIA_LISTENS", "x"),
                ("NOSIA_TEST_DATA", "x"),
            ],
            "",
        )
        .expect("nothing in it is wrong");
        let rows = settings.rows();
        let note = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.note.clone());
        for name in ["RAILS_ENV", "WEB_CONCURRENCY", "POSTGRES_PASSWORD"] {
            assert!(note(name).expect("it is listed").starts_with("means nothing here"), "{name}");
        }
        assert_eq!(note("NOSIA_LISTENS").as_deref(), Some("is no setting; NOSIA_LISTEN is"));
        assert_eq!(note("NOSIA_TEST_DATA"), None);
        assert!(note("SECRET_KEY_BASE").expect("it is listed").contains("changes nothing"));
        assert!(!format!("{rows:?} {settings:?}").contains("tell-nobody"));
        assert_eq!(settings.log_level, LogLevel::Error);
        let generator = settings.generator().expect("an endpoint and a model are named");
        assert_eq!(
            (generator.base_url.as_str(), generator.model.as_str()),
            ("http://127.0.0.1:11434/v1", "granite3.3:2b")
        );
        assert_eq!(settings.remote_embedder(), None);
    }

    #[test]
    fn a_setting_that_does_not_do_what_was_meant_says_so() {
        let url = "http://127.0.0.1:11434/v1";
        for (variables, name, note) in [
            (&[("LLM_MODEL", "granite3.3:2b")][..], "LLM_MODEL", "AI_BASE_URL is not set"),
            (&[("AI_BASE_URL", url)], "AI_BASE_URL", "LLM_MODEL is not set"),
            (&[("AI_BASE_URL", url), ("LLM_MODEL", "granite3.3:2b")], "LLM_MODEL", ""),
            (&[("GUARD_MODEL", "granite3-guardian:2b")], "GUARD_MODEL", "AI_BASE_URL is not set"),
            (&[("GUARD_MODEL", "granite3-guardian:2b"), ("AI_BASE_URL", url)], "GUARD_MODEL", ""),
            (&[("EMBEDDING_DIMENSIONS", "768")], "EMBEDDING_DIMENSIONS", "embedded here"),
            (&[("EMBEDDING_DIMENSIONS", "768"), ("EMBEDDING_BASE_URL", url)], "EMBEDDING_DIMENSIONS", ""),
            (&[("RETRIEVAL_FETCH_K", "4")], "RETRIEVAL_FETCH_K", "so few candidates"),
            (&[], "RETRIEVAL_FETCH_K", ""),
        ] {
            let settings = load(variables, "").expect("these settings are right");
            let row = settings.rows().into_iter().find(|row| row.name == name).expect("every setting has its row");
            assert!(row.note.contains(note) && row.note.is_empty() == note.is_empty(), "{variables:?}: {:?}", row.note);
        }
    }

    #[test]
    fn values_come_from_named_files_and_credentials() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        std::fs::write(folder.path().join("key"), "sk-1\n").expect("it can be written to");
        std::fs::write(folder.path().join("LLM_MODEL"), "granite\n").expect("it can be written to");
        let key = folder.path().join("key").display().to_string();
        let load = |variables: &[(&str, &str)]| {
            Settings::load(Inputs {
                flags: Vec::new(),
                environment: owned(variables).into_iter(),
                credentials_folder: Some(folder.path().to_owned()),
                file: None,
            })
        };
        let settings = load(&[("AI_API_KEY_FILE", &key)]).expect("both files are there");
        assert_eq!(settings.ai_api_key.as_ref().map(Secret::reveal), Some("sk-1"));
        assert_eq!(shown(&settings, "LLM_MODEL"), ("granite".to_owned(), "systemd credential".to_owned()));
        assert_eq!(shown(&settings, "AI_API_KEY").0, "********");
        let both = load(&[("AI_API_KEY_FILE", &key), ("AI_API_KEY", "sk-2")]).expect_err("only one may be set");
        assert!(both[0].to_string().contains("and so is AI_API_KEY"), "{}", both[0]);
        let missing = load(&[("AI_API_KEY_FILE", "/nowhere/key")]).expect_err("the file is not there");
        assert!(missing[0].to_string().contains("/nowhere/key, which cannot be read"), "{}", missing[0]);
    }

    #[test]
    fn loopback_speaks_http_unless_told_otherwise() {
        for (tls, address, expected) in [
            ("auto", "127.0.0.1:80", false),
            ("auto", "[::1]:80", false),
            ("auto", "[::ffff:127.0.0.1]:80", false),
            ("auto", "[::]:443", true),
            ("auto", "192.0.2.7:443", true),
            ("self-signed", "127.0.0.1:80", true),
            ("off", "[::]:443", false),
        ] {
            let settings = load(&[("NOSIA_TLS", tls)], "").expect("these settings are right");
            let address = address.parse().expect("an address in a table");
            assert_eq!(settings.speaks_tls(&address), expected, "{tls} {address}");
        }
    }

    #[test]
    fn the_effective_chunk_maximum_gives_its_reason() {
        for (chunk_max, embedder_max, effective, reason) in [
            ("512", 256, 256, "model reads 256 tokens at once, less than CHUNK_MAX_TOKENS = 512"),
            ("128", 256, 128, "CHUNK_MAX_TOKENS; model reads 256"),
        ] {
            let settings = load(&[("CHUNK_MAX_TOKENS", chunk_max)], "").expect("these settings are right");
            let row = settings.chunk_maximum_row("model", embedder_max);
            assert_eq!(row.value, effective.to_string());
            assert_eq!(settings.chunk_rules(embedder_max).tokens_max, effective);
            assert!(row.note.contains(reason), "{}", row.note);
        }
    }
}
