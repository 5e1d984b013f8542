//! What others do: a text cut at paragraphs, else lines, else words, else characters, up to a size in characters.

use crate::domain::extract::Span;

/// Tried in this order; the last cuts anywhere.
const SEPARATORS: [&str; 4] = ["\n\n", "\n", " ", ""];

/// Cuts `text` into spans of at most `size` characters, of which neighbours share up to `overlap`.
///
/// As LangChain's `RecursiveCharacterTextSplitter` does it: text is split at the first separator that it holds, what is
/// still too long at the next; neighbouring parts are joined while they fit, and each span begins with as many of the last
/// one's parts as `overlap` allows.
pub fn cut(text: &str, size: usize, overlap: usize) -> Vec<Span> {
    let mut spans = Vec::new();
    split(text, Span { start: 0, end: text.len() }, &SEPARATORS, size, overlap, &mut spans);
    spans.retain(|span| !span.of(text).trim().is_empty());
    spans
}

fn split(text: &str, whole: Span, separators: &[&str], size: usize, overlap: usize, spans: &mut Vec<Span>) {
    let inner = whole.of(text);
    let at = separators.iter().position(|separator| inner.contains(separator)).unwrap_or(separators.len() - 1);
    let mut small: Vec<Span> = Vec::new();
    for part in parts(inner, separators[at]) {
        let part = Span { start: whole.start + part.start, end: whole.start + part.end };
        if part.of(text).chars().count() <= size {
            small.push(part);
            continue;
        }
        joined(text, &std::mem::take(&mut small), size, overlap, spans);
        match separators.get(at + 1..) {
            Some(finer) if !finer.is_empty() => split(text, part, finer, size, overlap, spans),
            _ => spans.push(part),
        }
    }
    joined(text, &small, size, overlap, spans);
}

/// The parts of `text` between separators, each with the separator before it.
fn parts(text: &str, separator: &str) -> Vec<Span> {
    let mut starts: Vec<usize> = match separator {
        "" => text.char_indices().map(|(at, _)| at).collect(),
        _ => text.match_indices(separator).map(|(at, _)| at).collect(),
    };
    if starts.first() != Some(&0) {
        starts.insert(0, 0);
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(&start, end)| Span { start, end }).filter(|span| span.start < span.end).collect()
}

/// Joins neighbouring parts up to `size`.
fn joined(text: &str, parts: &[Span], size: usize, overlap: usize, spans: &mut Vec<Span>) {
    let lengths: Vec<usize> = parts.iter().map(|part| part.of(text).chars().count()).collect();
    let (mut first, mut total) = (0, 0);
    for at in 0..parts.len() {
        if total + lengths[at] > size && first < at {
            spans.push(Span { start: parts[first].start, end: parts[at - 1].end });
            while first < at && (total > overlap || total + lengths[at] > size) {
                total -= lengths[first];
                first += 1;
            }
        }
        total += lengths[at];
    }
    if let (Some(begin), Some(last)) = (parts.get(first), parts.last()) {
        spans.push(Span { start: begin.start, end: last.end });
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn text_is_cut_at_the_coarsest_borders_that_do() {
        let cases: &[(&str, usize, usize, &[&str])] = &[
            ("", 4, 0, &[]),
            ("abc", 4, 0, &["abc"]),
            ("ab cd ef", 5, 0, &["ab cd", " ef"]),
            ("ab cd ef", 6, 3, &["ab cd", " cd ef"]),
            ("ab\n\ncdefg\n\nh", 4, 0, &["ab", "\ncde", "fg", "\n\nh"]),
        ];
        for (text, size, overlap, expected) in cases {
            let got: Vec<&str> = cut(text, *size, *overlap).into_iter().map(|span| span.of(text)).collect();
            if *overlap == 0 {
                assert!(got.iter().all(|piece| piece.chars().count() <= *size), "{got:?}");
                let letters = |text: &str| text.split_whitespace().collect::<String>();
                assert_eq!(letters(&got.concat()), letters(text), "{got:?}");
            }
            assert_eq!(got, *expected, "{text:?}");
        }
    }
}
