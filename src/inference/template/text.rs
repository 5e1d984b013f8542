//! What Python's methods do to a string.

/// The widest a text is made by padding, in characters.
const WIDTH_MAX: usize = 10_000;

/// Whether Python counts `c` as space: Unicode's spaces and the four separators of ASCII.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `text` without what is in `chars` (spaces without them) at its beginning and end, as `sides` says.
pub(super) fn stripped<'a>(text: &'a str, chars: Option<&str>, sides: (bool, bool)) -> &'a str {
    let goes = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    let text = if sides.0 { text.trim_start_matches(goes) } else { text };
    if sides.1 { text.trim_end_matches(goes) } else { text }
}

/// The words of `text`, at most `pieces_max`, the last (or from the right the first) of which is the rest.
pub(super) fn words(text: &str, pieces_max: usize, from_right: bool) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    loop {
        rest = stripped(rest, None, (!from_right, from_right));
        if rest.is_empty() {
            break;
        }
        if pieces.len() + 1 >= pieces_max {
            // The rest keeps the spaces on its far side.
            pieces.push(rest);
            break;
        }
        let cut = if from_right { rest.rfind(is_space) } else { rest.find(is_space) };
        match cut {
            None => {
                pieces.push(rest);
                break;
            }
            Some(at) => {
                let width = rest[at..].chars().next().map_or(0, char::len_utf8);
                let (before, after) = (&rest[..at], &rest[at + width..]);
                pieces.push(if from_right { after } else { before });
                rest = if from_right { before } else { after };
            }
        }
    }
    if from_right {
        pieces.reverse();
    }
    pieces
}

/// The lines of `text`, ended by anything that Python takes for the end of a line.
pub(super) fn lines(text: &str, keep_ends: bool) -> Vec<&str> {
    let ends = |c: char| {
        matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
    };
    let (mut lines, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let Some(at) = rest.find(ends) else {
            lines.push(rest);
            break;
        };
        let width =
            if rest[at..].starts_with("\r\n") { 2 } else { rest[at..].chars().next().map_or(0, char::len_utf8) };
        lines.push(&rest[..if keep_ends { at + width } else { at }]);
        rest = &rest[at + width..];
    }
    lines
}

/// The part of `text` from `start` to `end`, which count characters and from the end if negative, and the number of
/// characters before it.
pub(super) fn part(text: &str, start: Option<i64>, end: Option<i64>) -> (usize, &str) {
    if start.is_none() && end.is_none() {
        return (0, text);
    }
    let count = text.chars().count() as i64;
    let clamped = |at: i64| (if at < 0 { at + count } else { at }).clamp(0, count) as usize;
    let (start, end) = (clamped(start.unwrap_or(0)), clamped(end.unwrap_or(count)));
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    (start, if start < end { &text[byte(start)..byte(end)] } else { "" })
}

/// `text` before, at and after the first `separator`, or the last one.
pub(super) fn partition<'a>(text: &'a str, separator: &'a str, from_right: bool) -> [&'a str; 3] {
    let found = if from_right { text.rfind(separator) } else { text.find(separator) };
    match found {
        Some(at) => [&text[..at], separator, &text[at + separator.len()..]],
        None if from_right => ["", "", text],
        None => [text, "", ""],
    }
}

/// `ljust`, `rjust`, `center` and `zfill`; an error for a width that no prompt needs.
pub(super) fn padded(text: &str, method: &str, width: i64, fill: char) -> Result<String, String> {
    let wanted = usize::try_from(width).unwrap_or(0);
    if wanted > WIDTH_MAX {
        return Err(format!("a text is padded to {WIDTH_MAX} characters at most"));
    }
    let missing = wanted.saturating_sub(text.chars().count());
    let fill = |count: usize| fill.to_string().repeat(count);
    Ok(match method {
        "ljust" => text.to_owned() + &fill(missing),
        "rjust" => fill(missing) + text,
        "zfill" => {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
            sign.to_owned() + &"0".repeat(missing) + digits
        }
        _ => {
            // Of an odd number of spaces, Python puts the odd one on the left where the width is odd.
            let left = missing / 2 + (missing & wanted & 1);
            fill(left) + text + &fill(missing - left)
        }
    })
}

/// `text` with a capital, and else none.
pub(super) fn capitalize(text: &str) -> String {
    let mut rest = text.chars();
    let first: String = rest.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    first + &rest.as_str().to_lowercase()
}

/// `text` with small letters for capitals and capitals for small letters.
pub(super) fn swapcase(text: &str) -> String {
    let swapped =
        |c: char| -> String { if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() } };
    text.chars().map(swapped).collect()
}

/// `text` with a capital after everything that is no letter.
pub(super) fn title(text: &str) -> String {
    let (mut out, mut in_word) = (String::with_capacity(text.len()), false);
    for c in text.chars() {
        if in_word {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        in_word = c.is_alphabetic();
    }
    out
}
