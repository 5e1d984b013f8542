//! A passage cut into what can be quoted: sentences, list items, table rows, each with its place.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::domain::extract::Span;

/// A quotable stretch of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Where it lies in the text that was cut, without the white space around it.
    pub span: Span,
    pub kind: Kind,
}

/// What a sentence is in the layout of its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Prose,
    /// An item of a list, its bullet included.
    Item,
    /// A row of a table, its bars included.
    Row,
    /// Names what follows and says nothing itself.
    Heading,
}

/// The sentences of `text` in order. Lines of one paragraph are read as one; blank lines, lists, tables and headings end it.
pub fn split(text: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut block: Option<(Kind, Span)> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let span = Span { start, end: start + line.len() };
        start = span.end;
        let kind = kind_of(line);
        block = match (kind, block) {
            // A plain line goes on with the paragraph or the item above it.
            (Some(Kind::Prose), Some((above @ (Kind::Prose | Kind::Item), before))) => {
                Some((above, Span { start: before.start, end: span.end }))
            }
            (kind, before) => {
                close(text, before, &mut sentences);
                kind.map(|kind| (kind, span))
            }
        };
    }
    close(text, block, &mut sentences);
    sentences
}

/// The text of a sentence as it is shown: layout marks gone, one line, and nothing that looks like a citation's mark.
pub fn shown(quote: &str, kind: Kind) -> String {
    let line = quote.split_whitespace().collect::<Vec<_>>().join(" ");
    let bare = match kind {
        Kind::Prose => line,
        Kind::Heading => line.trim_start_matches('#').trim().to_owned(),
        Kind::Item => line[bullet_bytes(&line)..].trim_start().to_owned(),
        Kind::Row => {
            let cells = line.trim_matches('|').split('|').map(str::trim).filter(|cell| !cell.is_empty());
            cells.collect::<Vec<_>>().join(" · ")
        }
    };
    unmarked(&bare)
}

/// What `line` is by its beginning; `None` where it is blank or a rule of layout.
fn kind_of(line: &str) -> Option<Kind> {
    let line = line.trim();
    let is_rule = |c: char| matches!(c, '-' | '|' | ':' | '=' | '*' | '_' | '`' | '~' | '+' | ' ');
    if line.chars().all(is_rule) || line.starts_with("```") {
        return None;
    }
    if line.starts_with('#') {
        return Some(Kind::Heading);
    }
    if line.starts_with('|') {
        return Some(Kind::Row);
    }
    Some(if bullet_bytes(line) > 0 { Kind::Item } else { Kind::Prose })
}

/// Bytes of the bullet or number that `line` begins with; 0 for none.
fn bullet_bytes(line: &str) -> usize {
    let mut chars = line.chars();
    let Some(first) = chars.next() else { return 0 };
    if matches!(first, '-' | '*' | '+' | '•' | '◦' | '▪' | '●' | '–' | '—')
        && chars.next().is_some_and(char::is_whitespace)
        || matches!(first, '•' | '◦' | '▪' | '●')
    {
        return first.len_utf8();
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let after = &line[digits..];
    let ends = after.starts_with(['.', ')']) && after[1..].starts_with(char::is_whitespace);
    if (1..=3).contains(&digits) && ends { digits + 1 } else { 0 }
}

/// Adds the sentences of a finished block.
fn close(text: &str, block: Option<(Kind, Span)>, sentences: &mut Vec<Sentence>) {
    let Some((kind, span)) = block else { return };
    if kind != Kind::Prose {
        sentences.extend(trimmed(text, span).map(|span| Sentence { span, kind }));
        return;
    }
    // Sentence rules break at a line's end; within a paragraph that end is only a space.
    let flat = span.of(text).replace(['\n', '\r'], " ");
    let mut from = 0;
    let mut borders = flat.split_sentence_bound_indices().map(|(at, part)| at + part.len()).peekable();
    while let Some(to) = borders.next() {
        if borders.peek().is_some() && goes_on(&flat[from..to], &flat[to..]) {
            continue;
        }
        let part = Span { start: span.start + from, end: span.start + to };
        sentences.extend(trimmed(text, part).map(|span| Sentence { span, kind }));
        from = to;
    }
}

/// Whether a border between `before` and `after` is only an abbreviation's point.
fn goes_on(before: &str, after: &str) -> bool {
    const SHORT: &[&str] = &[
        "mr", "mrs", "ms", "dr", "prof", "st", "no", "nr", "art", "al", "fig", "inc", "ltd", "vs", "cf", "e.g", "i.e",
        "p", "pp", "m", "mm", "mme", "ex", "env", "tél", "approx", "dept", "est", "sec", "z.b", "bzw", "ca", "u.s",
    ];
    let Some(word) = before.trim_end().strip_suffix('.').and_then(|text| text.rsplit([' ', '(', '"']).next()) else {
        return false;
    };
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    initial || SHORT.contains(&word.to_lowercase().as_str()) || after.starts_with(char::is_lowercase)
}

fn trimmed(text: &str, span: Span) -> Option<Span> {
    let inner = span.of(text);
    let start = span.start + (inner.len() - inner.trim_start().len());
    let end = start + inner.trim().len();
    (start < end).then_some(Span { start, end })
}

/// `text` with `[12]` written `(12)`: a document's own footnote marks must not pass for citations.
fn unmarked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let digits = rest[open + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let close = open + 1 + digits;
        out.push_str(&rest[..open]);
        if digits > 0 && rest[close..].starts_with(']') {
            out.extend(["(", &rest[open + 1..close], ")"]);
            rest = &rest[close + 1..];
        } else {
            out.push('[');
            rest = &rest[open + 1..];
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(Kind, &str)]) {
        let found: Vec<(Kind, &str)> = split(text).iter().map(|found| (found.kind, found.span.of(text))).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn cuts_where_a_reader_would() {
        check("", &[]);
        check(" \n\n", &[]);
        check("One. Two!  Three?", &[(Kind::Prose, "One."), (Kind::Prose, "Two!"), (Kind::Prose, "Three?")]);
        check("One line\ngoes on. Two.", &[(Kind::Prose, "One line\ngoes on."), (Kind::Prose, "Two.")]);
        check("A paragraph\n\nanother", &[(Kind::Prose, "A paragraph"), (Kind::Prose, "another")]);
        check(
            "See Dr. Smith, e.g. on p. 7. Now.",
            &[(Kind::Prose, "See Dr. Smith, e.g. on p. 7."), (Kind::Prose, "Now.")],
        );
        check(
            "It costs $1.50 per day. J. Doe pays.",
            &[(Kind::Prose, "It costs $1.50 per day."), (Kind::Prose, "J. Doe pays.")],
        );
        check(
            "# Leave\nTwenty days.\n- first\n  more of it\n- second\n1. one\n",
            &[
                (Kind::Heading, "# Leave"),
                (Kind::Prose, "Twenty days."),
                (Kind::Item, "- first\n  more of it"),
                (Kind::Item, "- second"),
                (Kind::Item, "1. one"),
            ],
        );
        check("| a | b |\n|---|---|\n| 1 | 2 |", &[(Kind::Row, "| a | b |"), (Kind::Row, "| 1 | 2 |")]);
        check("他来了。她走了。", &[(Kind::Prose, "他来了。"), (Kind::Prose, "她走了。")]);
        check("Est-ce ouvert ? Oui, dès 9 h.", &[(Kind::Prose, "Est-ce ouvert ?"), (Kind::Prose, "Oui, dès 9 h.")]);
    }

    #[test]
    fn shows_without_layout() {
        for (quote, kind, expected) in [
            ("## Leave", Kind::Heading, "Leave"),
            ("- first\n  more", Kind::Item, "first more"),
            ("•bullet", Kind::Item, "bullet"),
            ("2) second", Kind::Item, "second"),
            ("| a | | b |", Kind::Row, "a · b"),
            ("As shown [12] in\nthe [list] [", Kind::Prose, "As shown (12) in the [list] ["),
        ] {
            assert_eq!(shown(quote, kind), expected, "{quote:?}");
        }
    }
}
