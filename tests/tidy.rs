//! The house rules, checked on the source as text: who may import whom, who owns which outside crate, and that every
//! file says what it is. Standard library only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const GROUND: &[&str] = &["domain", "limits", "clock", "telemetry"];

/// A room: the rooms it may name, and the outside crates that only it may name.
struct Room {
    name: &'static str,
    ground: bool,
    may_name: &'static [&'static str],
    owns: &'static [&'static str],
}

/// The table of the design, floor by floor from the ground up.
const ROOMS: &[Room] = &[
    Room { name: "limits", ground: false, may_name: &[], owns: &[] },
    Room { name: "clock", ground: false, may_name: &[], owns: &[] },
    Room { name: "domain", ground: false, may_name: &["limits"], owns: &[] },
    Room {
        name: "telemetry",
        ground: false,
        may_name: &["limits"],
        owns: &["tracing_subscriber", "metrics_exporter_prometheus"],
    },
    Room { name: "net", ground: false, may_name: &["limits"], owns: &["reqwest", "hickory_resolver", "rustls"] },
    Room { name: "store", ground: true, may_name: &[], owns: &["rusqlite", "sqlite_vec"] },
    Room { name: "blobs", ground: false, may_name: &["limits", "domain", "net"], owns: &["object_store"] },
    Room { name: "vectors", ground: false, may_name: &["limits", "domain"], owns: &[] },
    Room { name: "fulltext", ground: false, may_name: &["limits", "domain"], owns: &["tantivy"] },
    Room {
        name: "inference",
        ground: true,
        may_name: &["net"],
        owns: &["candle_core", "tokenizers", "minijinja", "minijinja_contrib", "llguidance", "gemm"],
    },
    Room {
        name: "ingest",
        ground: true,
        may_name: &["net", "store", "blobs", "vectors", "fulltext", "inference"],
        owns: &[
            "pdf_oxide",
            "hayro",
            "dom_smoothie",
            "dom_query",
            "texting_robots",
            "landlock",
            "seccompiler",
            "calamine",
            "zip",
            "tar",
            "mail_parser",
            "cfb",
            "office_oxide",
        ],
    },
    Room { name: "retrieve", ground: true, may_name: &["store", "vectors", "fulltext", "inference"], owns: &[] },
    Room { name: "answer", ground: true, may_name: &["inference"], owns: &[] },
    Room { name: "config", ground: false, may_name: &["limits", "domain"], owns: &[] },
    Room {
        name: "app",
        ground: true,
        may_name: &[
            "net",
            "store",
            "blobs",
            "vectors",
            "fulltext",
            "inference",
            "ingest",
            "retrieve",
            "answer",
            "config",
        ],
        owns: &["argon2"],
    },
    Room {
        name: "http",
        ground: true,
        may_name: &["app"],
        owns: &["actix_web", "actix_multipart", "askama", "rust_embed", "rustls", "rcgen", "utoipa"],
    },
    Room {
        name: "cli",
        ground: true,
        may_name: &["config", "app", "http"],
        owns: &["clap", "anyhow", "sd_notify", "indicatif", "glob"],
    },
];

/// Files that are no room: the map and the program's first line.
const MAPS: &[&str] = &["lib.rs", "main.rs"];

#[test]
fn the_house_is_in_order() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&source);
    assert!(files.len() > ROOMS.len(), "only {} files found under {}", files.len(), source.display());
    let mut faults = Vec::new();
    for path in files {
        let relative = path.strip_prefix(&source).expect("found below src").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("source files are UTF-8");
        faults.extend(faults_of(&relative, &text));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_check_finds_planted_faults() {
    let planted = [
        ("store/mod.rs", "//! S.\nuse crate::http::gate;\n", 1),
        ("store/mod.rs", "//! S.\nuse crate::{fulltext, limits};\n", 1),
        ("domain/mod.rs", "//! D.\nuse serde::Serialize;\n", 1),
        ("retrieve/mod.rs", "//! R.\nfn f() { crate::answer::stream() }\n", 1),
        ("app/mod.rs", "//! A.\nfn f(c: &rusqlite::Connection) {}\n", 1),
        ("app/ask.rs", "use crate::domain;\n", 1),
        ("attic/mod.rs", "//! No room of this name.\n", 1),
        ("http/mod.rs", "//! H.\nuse super::super::store;\n", 1),
        (
            "store/mod.rs",
            "//! S.\nuse crate::domain::id::SourceId;\nuse rusqlite::params;\n// crate::http is not named in code\n",
            0,
        ),
        ("http/mod.rs", "//! H.\nuse crate::{app, domain::{id, chat}};\nuse actix_web::web;\n", 0),
    ];
    for (path, text, count) in planted {
        let faults = faults_of(path, text);
        assert_eq!(faults.len(), count, "{path}: {text:?} gave {faults:?}");
    }
}

/// Every `.rs` file below `folder`.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the source folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// What is wrong with the file at `path` (relative to `src`).
fn faults_of(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push(format!("{path}: the first line does not say what the file is (`//! ...`)"));
    }
    if MAPS.contains(&path) {
        return faults;
    }
    let name = path.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
        faults.push(format!("{path}: there is no room `{name}` in the table"));
        return faults;
    };
    let code = without_comments(text);
    if code.contains("super::super::super") || (code.contains("super::super::") && path.matches('/').count() < 2) {
        faults.push(format!("{path}: leaves its room through `super`; write `crate::` so that the arrow shows"));
    }
    for (named, line) in rooms_named(&code) {
        let allowed = named == room.name
            || room.may_name.contains(&named.as_str())
            || (room.ground && GROUND.contains(&named.as_str()));
        if !allowed {
            faults.push(format!("{path}:{line}: `{}` may not name `{named}`", room.name));
        }
    }
    for owner in ROOMS.iter().filter(|owner| owner.name != room.name) {
        // A crate may have two owners: `http` serves TLS, `net` speaks it.
        for outside in owner.owns.iter().filter(|outside| !room.owns.contains(outside)) {
            if names_crate(&code, outside) {
                faults.push(format!("{path}: names `{outside}`, which only `{}` may", owner.name));
            }
        }
    }
    if room.name == "domain" {
        for outside in ["serde", "tokio", "tracing", "rand", "time"] {
            if names_crate(&code, outside) {
                faults.push(format!("{path}: `domain` names the crate `{outside}`"));
            }
        }
    }
    faults
}

/// `text` with line comments blanked, so that prose may speak of any room.
fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The rooms that `code` names as `crate::room` or `crate::{room, ...}`, each with the first line that does.
fn rooms_named(code: &str) -> BTreeMap<String, usize> {
    let mut named = BTreeMap::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + "crate::".len()..];
        let heads = match rest.strip_prefix('{') {
            Some(group) => heads_of_group(group),
            None => vec![identifier(rest)],
        };
        for head in heads.into_iter().filter(|head| ROOMS.iter().any(|room| room.name == head.as_str())) {
            named.entry(head).or_insert(line);
        }
    }
    named
}

/// The first identifiers of each member of a `{...}` group, whose opening brace has been taken off.
fn heads_of_group(group: &str) -> Vec<String> {
    let (mut heads, mut depth, mut at_head) = (Vec::new(), 0usize, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            c if at_head && (c.is_alphabetic() || c == '_') => {
                heads.push(identifier(&group[at..]));
                at_head = false;
            }
            _ => {}
        }
    }
    heads
}

/// The identifier at the start of `text`.
fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Whether `code` names the outside crate `name`, as a path's first part.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        let starts = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '.' || c == '"');
        starts && (after.starts_with("::") || (code[..at].ends_with("use ") && after.starts_with(';')))
    })
}
