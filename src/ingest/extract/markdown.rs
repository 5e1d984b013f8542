//! Markdown: kept as it is, but for the front matter, whose title is taken.

use super::{ExtractError, text};
use crate::domain::extract::Extract;

/// Reads Markdown. Its title is the front matter's, or else a first-level heading with which it begins.
pub(super) fn read(bytes: &[u8]) -> Result<Extract, ExtractError> {
    let decoded = text::decode(bytes);
    let whole = text::clean(&decoded.text);
    let (title, body) = without_front_matter(&whole);
    let title = title.or_else(|| first_heading(body));
    Ok(Extract {
        title,
        markdown: body.trim_matches('\n').to_owned(),
        notes: decoded.note.into_iter().collect(),
        ..Extract::default()
    })
}

/// The front matter's title, and `text` behind it. Front matter stands between two lines `---` (YAML) or `+++` (TOML)
/// at the very start and has nothing but keys, values, comments and list items.
fn without_front_matter(text: &str) -> (Option<String>, &str) {
    for fence in ["---\n", "+++\n"] {
        let Some(rest) = text.strip_prefix(fence) else { continue };
        let close = format!("\n{}", fence.trim_end());
        let Some(end) = rest.match_indices(&close).map(|(at, _)| at).find(|at| {
            let after = &rest[at + close.len()..];
            after.is_empty() || after.starts_with('\n')
        }) else {
            continue;
        };
        let matter = &rest[..end];
        if matter.lines().any(|line| line.contains(':') || line.contains('=')) {
            return (title_of(matter), &rest[end + close.len()..]);
        }
    }
    (None, text)
}

/// The value of the key `title` in front matter, unquoted.
fn title_of(matter: &str) -> Option<String> {
    let value = matter.lines().find_map(|line| {
        let rest = line.strip_prefix("title").or_else(|| line.strip_prefix("Title"))?.trim_start();
        rest.strip_prefix([':', '=']).map(str::trim)
    })?;
    let bare = ['"', '\''].iter().find_map(|&q| value.strip_prefix(q)?.strip_suffix(q)).unwrap_or(value);
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// The text of the `# ` heading that `body` begins with.
fn first_heading(body: &str) -> Option<String> {
    let line = body.trim_start().lines().next()?;
    let heading = line.strip_prefix("# ")?.trim().trim_end_matches('#').trim();
    (!heading.is_empty()).then(|| heading.to_owned())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn front_matter_gives_the_title_and_goes() {
        let cases = [
            ("---\ntitle: \"A: b\"\ntags:\n  - x\n---\n# H\n\ntext", Some("A: b"), "# H\n\ntext"),
            ("+++\ntitle = 'T'\n+++\n\ntext", Some("T"), "text"),
            ("# Heading #\n\ntext", Some("Heading"), "# Heading #\n\ntext"),
            ("---\n\nnot matter\n\n---\ntext", None, "---\n\nnot matter\n\n---\ntext"),
            ("---\ntitle: open end", None, "---\ntitle: open end"),
            ("text\n# Later", None, "text\n# Later"),
            ("---\nauthor: x\n---\n# From heading", Some("From heading"), "# From heading"),
        ];
        for (text, title, body) in cases {
            let extract = read(text.as_bytes()).expect("Markdown is always read");
            assert_eq!((extract.title.as_deref(), extract.markdown.as_str()), (title, body), "{text:?}");
        }
    }
}
