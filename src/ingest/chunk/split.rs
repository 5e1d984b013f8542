//! Splitting what is too large for one chunk at the best borders it has: rows, items, sentences, words, characters.

use unicode_segmentation::UnicodeSegmentation;

use super::Scale;
use super::scan::{Kind, is_item};

/// A stretch of a block, by its end within the block, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub end: usize,
    pub cost: usize,
}

/// Cuts `text`, a block of `kind`, into pieces that cost at most `room` each and about the same.
pub(super) fn pieces(text: &str, kind: Kind, room: usize, scale: &Scale<'_>) -> Vec<Piece> {
    let room = room.max(1);
    let mut atoms = Vec::new();
    let mut start = 0;
    for end in borders(text, kind) {
        let part = &text[start..end];
        let cost = scale.cost(part);
        match cost > room {
            true if kind != Kind::Paragraph => finer(part, start, room, scale, &mut atoms),
            true => windows(part, start, room, scale, &mut atoms),
            false => atoms.push(Piece { end, cost }),
        }
        start = end;
    }
    joined(atoms, room)
}

/// Cuts a row or an item that is too large between its sentences.
fn finer(text: &str, offset: usize, room: usize, scale: &Scale<'_>, atoms: &mut Vec<Piece>) {
    atoms.extend(
        pieces(text, Kind::Paragraph, room, scale).into_iter().map(|piece| Piece { end: offset + piece.end, ..piece }),
    );
}

/// Ends of the parts that are best kept whole; the last is the end of `text`.
fn borders(text: &str, kind: Kind) -> Vec<usize> {
    let mut ends: Vec<usize> = match kind {
        Kind::Table | Kind::Fence => text.match_indices('\n').map(|(at, _)| at + 1).collect(),
        Kind::List => {
            let starts = text.match_indices('\n').map(|(at, _)| at + 1);
            starts.filter(|&at| is_item(text[at..].split('\n').next().unwrap_or_default())).collect()
        }
        Kind::Paragraph | Kind::Heading { .. } => sentence_ends(text),
    };
    if ends.last() != Some(&text.len()) {
        ends.push(text.len());
    }
    ends
}

/// Ends of sentences, white space after them included.
fn sentence_ends(text: &str) -> Vec<usize> {
    text.split_sentence_bound_indices().map(|(at, sentence)| at + sentence.len()).collect()
}

/// Cuts text that has no better borders into stretches of at most `room`, between words where it has any.
fn windows(text: &str, offset: usize, room: usize, scale: &Scale<'_>, atoms: &mut Vec<Piece>) {
    let mut start = 0;
    // English has about four bytes a token; the first guess is corrected by what is counted.
    let mut guess = room * 4;
    while start < text.len() {
        let rest = &text[start..];
        let mut length = window(rest, guess);
        let mut cost = scale.cost(&rest[..length]);
        while cost > room {
            let Some(shorter) = shorter(rest, length, room, cost) else { break };
            length = shorter;
            cost = scale.cost(&rest[..length]);
        }
        guess = (length * room / cost.max(1)).clamp(room, room * super::limits::CHUNK_BYTES_PER_TOKEN_MAX);
        start += length;
        atoms.push(Piece { end: offset + start, cost });
    }
}

/// A length that is smaller than `length` in proportion, at a good border; `None` if `length` is one character.
fn shorter(text: &str, length: usize, room: usize, cost: usize) -> Option<usize> {
    let aim = (length * room / cost).min(length - 1);
    let one = text.chars().next().map_or(0, char::len_utf8);
    (length > one).then(|| window(&text[..length], aim).min(text.floor_char_boundary(length - 1)).max(one))
}

/// The best border at or before `aim` bytes of `text`, but at least one character: after white space, or between the
/// words of a script that does not space them, in the last third; else between any two characters.
fn window(text: &str, aim: usize) -> usize {
    if aim >= text.len() {
        return text.len();
    }
    let aim = text.floor_char_boundary(aim).max(text.chars().next().map_or(0, char::len_utf8));
    let third = text.floor_char_boundary(aim - aim / 3);
    if let Some((at, space)) = text[third..aim].char_indices().rev().find(|(_, c)| c.is_whitespace()) {
        return third + at + space.len_utf8();
    }
    let word = text[third..aim].split_word_bound_indices().map(|(at, _)| third + at).next_back();
    word.filter(|&at| at > 0 && at > third).unwrap_or(aim)
}

/// Neighbouring atoms joined into as few pieces as `room` allows, of about the same size.
fn joined(atoms: Vec<Piece>, room: usize) -> Vec<Piece> {
    let total: usize = atoms.iter().map(|atom| atom.cost).sum();
    let aim = total.div_ceil(total.div_ceil(room).max(1));
    let mut pieces: Vec<Piece> = Vec::new();
    for atom in atoms {
        match pieces.last_mut().filter(|piece| piece.cost < aim && piece.cost + atom.cost <= room) {
            Some(piece) => *piece = Piece { end: atom.end, cost: piece.cost + atom.cost },
            None => pieces.push(atom),
        }
    }
    pieces
}

/// Where to cut `text` into two parts: at the line or word border nearest to its middle, else between characters.
/// `None` if it is a single character.
pub(super) fn halve(text: &str) -> Option<usize> {
    let middle = middle(text, 0, text.len())?;
    let quarter = text.floor_char_boundary(text.len() / 4);
    let near = &text[quarter..middle];
    let border = near.rfind('\n').or_else(|| near.rfind(char::is_whitespace)).map(|at| quarter + at);
    Some(border.filter(|&at| at > 0).unwrap_or(middle))
}

/// The character border nearest below the middle of `from..to`, strictly between them; `None` if there is none.
pub(super) fn middle(text: &str, from: usize, to: usize) -> Option<usize> {
    let below = text.floor_char_boundary(from + (to - from) / 2);
    if below > from {
        return Some(below);
    }
    let above = text.ceil_char_boundary(from + 1);
    (above < to).then_some(above)
}
