//! `packaging/nosia.toml`, rendered from the table of settings: each one that changes something, commented, with its
//! meaning and range.

use super::kind::Kind;
use super::table::{Default, SETTINGS, Setting};

/// The longest line of prose on the page.
const LINE_CHARS_MAX: usize = 100;

/// The whole file, as the package installs it to `/etc/nosia/nosia.toml`.
pub fn render() -> String {
    let mut page = String::from(
        "# Settings of Nosia. A line that begins with `#` and no space shows a default or an example.\n\
         # A flag or a variable of the same meaning (its name stands first) is stronger than a line here.\n\
         # After a change: systemctl restart nosia. `nosia config` shows each value and whence it came.\n",
    );
    let mut chapter = "";
    for setting in SETTINGS.iter().filter(|setting| setting.idle.is_none()) {
        if setting.chapter != chapter {
            chapter = setting.chapter;
            page.push_str(&format!("\n# --- {chapter} {}\n", "-".repeat(LINE_CHARS_MAX - 7 - chapter.len())));
        }
        page.push('\n');
        page.push_str(&entry(setting));
    }
    page
}

fn entry(setting: &Setting) -> String {
    let mut words = format!("{}: {}", setting.name, setting.about);
    if let Some(range) = range(setting.kind) {
        words.push_str(&format!(" Allowed: {range}."));
    }
    let mut text = comment(&words);
    let line = match (setting.packaged, setting.default) {
        (Some(toml), _) => format!("{} = {toml}\n", setting.key),
        (None, Default::Unset(example)) => format!("#{} = {example}\n", setting.key),
        (None, default) => format!("#{} = {}\n", setting.key, as_toml(setting.kind, default)),
    };
    text.push_str(&line);
    text
}

/// What is allowed, where the kind alone does not say it.
fn range(kind: Kind) -> Option<String> {
    matches!(kind, Kind::Word(_) | Kind::Whole { .. } | Kind::Number { .. } | Kind::Switch).then(|| kind.allowed())
}

/// `default` in TOML's own writing.
fn as_toml(kind: Kind, default: Default) -> String {
    let text = default.text().unwrap_or_default();
    match (kind, default) {
        (Kind::Addresses, _) => format!("[\"{text}\"]"),
        (_, Default::Text(_)) => format!("\"{text}\""),
        _ => text,
    }
}

/// `words` as comment lines, broken between words.
fn comment(words: &str) -> String {
    let mut lines = String::from("#");
    let mut length = 1;
    for word in words.split_whitespace() {
        if length + 1 + word.chars().count() > LINE_CHARS_MAX {
            lines.push_str("\n#");
            length = 1;
        }
        lines.push(' ');
        lines.push_str(word);
        length += 1 + word.chars().count();
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::render;
    use crate::config::inputs::{Gathered, Inputs};

    #[test]
    fn the_packaged_file_is_what_the_table_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/nosia.toml");
        let kept = std::fs::read_to_string(&path).expect("the packaged settings are in the tree");
        if kept != render() {
            let fresh = std::env::temp_dir().join("nosia.toml.new");
            std::fs::write(&fresh, render()).expect("a temporary file can be written");
            panic!("{} is not what the table of settings says; see {}", path.display(), fresh.display());
        }
    }

    #[test]
    fn every_line_is_good_toml_without_its_comment_sign() {
        let uncommented: String = render()
            .lines()
            .filter_map(|line| if line.starts_with("# ") { None } else { Some(line.trim_start_matches('#')) })
            .map(|line| format!("{line}\n"))
            .collect();
        let gathered = Gathered::from(Inputs {
            flags: Vec::new(),
            environment: std::iter::empty(),
            credentials_folder: None,
            file: Some((PathBuf::from("nosia.toml"), uncommented)),
        });
        assert_eq!(gathered.faults, []);
        assert!(gathered.typed.len() > 15, "{} settings in the file", gathered.typed.len());
    }
}
