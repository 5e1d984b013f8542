//! Variables of the Rails product that mean nothing here: accepted so that an old `.env` starts, and listed with the
//! reason, so that nobody believes them to work.

/// What becomes of a variable that is no setting.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    /// It means nothing here, for this reason.
    Ignored(&'static str),
    /// It asks for something that Nosia cannot do, and starting without it would mislead.
    Refused(&'static str),
    /// It is none of Nosia's business.
    Unknown,
}

const RAILS: &str = "there is no Rails here";
const DATABASE: &str = "the database is a file in the data folder";
const PROCESSES: &str = "one process uses every core without being told";

/// Names and the reason why each means nothing here.
const IGNORED: &[(&str, &str)] = &[
    ("RAILS_ENV", RAILS),
    ("RACK_ENV", RAILS),
    ("NODE_ENV", RAILS),
    ("RAILS_MASTER_KEY", RAILS),
    ("RAILS_SERVE_STATIC_FILES", "pages and their files are inside the binary"),
    ("RAILS_LOG_TO_STDOUT", "the log always goes to standard error"),
    ("RAILS_MAX_THREADS", PROCESSES),
    ("RAILS_MIN_THREADS", PROCESSES),
    ("WEB_CONCURRENCY", PROCESSES),
    ("JOB_CONCURRENCY", PROCESSES),
    ("SOLID_QUEUE_IN_PUMA", PROCESSES),
    ("MALLOC_ARENA_MAX", "Nosia brings its own allocator"),
    ("PORT", "set NOSIA_LISTEN, an address with its port"),
    ("BINDING", "set NOSIA_LISTEN, an address with its port"),
    ("ASSUME_SSL", "set NOSIA_TLS=off behind a proxy that speaks https"),
    ("FORCE_SSL", "set NOSIA_TLS"),
    ("REDIS_URL", "there is no Redis here"),
    ("AI_PROVIDER", "any OpenAI-compatible endpoint works through AI_BASE_URL"),
    ("OLLAMA_BASE_URL", "set AI_BASE_URL, such as http://127.0.0.1:11434/v1"),
    ("OLLAMA_API_KEY", "set AI_API_KEY"),
    ("INFOMANIAK_PRODUCT_ID", "set AI_BASE_URL to the product's OpenAI-compatible address"),
    ("CHECK_MODEL", "no second model is run"),
    ("QUERY_PROMPT_TEMPLATE", "set RAG_SYSTEM_TEMPLATE"),
    ("DOCLING_SERVE_BASE_URL", "documents are read by the binary itself"),
    ("CHUNK_SIZE", "set CHUNK_MAX_TOKENS"),
    ("CHUNK_OVERLAP", "chunks follow the document's structure and do not overlap"),
    ("TLS_DOMAIN", "set NOSIA_URL"),
];

/// Beginnings of names that all mean the same nothing.
const IGNORED_PREFIXES: &[(&str, &str)] = &[("POSTGRES_", DATABASE), ("PGVECTOR_", DATABASE)];

/// What becomes of the variable `name`, whose value is not empty.
pub fn fate(name: &str, value: &str) -> Fate {
    if name == "DATABASE_URL" {
        let postgres = ["postgres:", "postgresql:", "postgis:"].iter().any(|scheme| value.starts_with(scheme));
        return if postgres {
            Fate::Refused(
                "asks for PostgreSQL, which this release cannot use: everything is kept in one SQLite file in the \
                 data folder. Remove the variable to start; nothing is read from or written to that server",
            )
        } else {
            Fate::Ignored(DATABASE)
        };
    }
    let named = IGNORED.iter().find(|(ignored, _)| *ignored == name);
    let begun = || IGNORED_PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix));
    named.or_else(begun).map_or(Fate::Unknown, |(_, reason)| Fate::Ignored(reason))
}

#[cfg(test)]
mod tests {
    use super::{Fate, IGNORED, fate};
    use crate::config::table::SETTINGS;

    #[test]
    fn an_old_environment_is_understood() {
        for (name, value, expected) in [
            ("RAILS_ENV", "production", "ignored"),
            ("POSTGRES_PASSWORD", "x", "ignored"),
            ("DATABASE_URL", "postgresql://nosia@db/nosia", "refused"),
            ("DATABASE_URL", "sqlite3:storage/x.sqlite3", "ignored"),
            ("PATH", "/usr/bin", "unknown"),
        ] {
            let found = match fate(name, value) {
                Fate::Ignored(_) => "ignored",
                Fate::Refused(_) => "refused",
                Fate::Unknown => "unknown",
            };
            assert_eq!(found, expected, "{name}={value}");
        }
    }

    #[test]
    fn nothing_is_both_a_setting_and_ignored() {
        for (name, _) in IGNORED {
            assert!(SETTINGS.iter().all(|setting| setting.name != *name), "{name}");
        }
    }
}
