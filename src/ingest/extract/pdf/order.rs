//! The order of reading: columns are found by the white that runs down between them, and read one after the other.
//!
//! White between the columns of a table runs down just so. What tells them apart is that a column of text is filled
//! from edge to edge by lines of several words, and the cells of a table are not.

use super::line::Line;
use super::run::{Run, letters};

/// A gap between runs of one line at which it may go on in another column, in parts of the font size.
const GAP: f32 = 0.9;
/// Lines that a column has at least.
const COLUMN_LINES_MIN: usize = 3;
/// How deep columns may lie in columns.
const DEPTH_MAX: usize = 8;
/// Pieces of a page above which columns are not looked for: no page that people read has so many.
const PIECES_MAX: usize = 4_000;

/// A part of a line, or a whole table.
#[derive(Clone, Debug)]
struct Piece {
    left: f32,
    right: f32,
    bottom: f32,
    top: f32,
    letters: usize,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Runs(Vec<Run>),
    Table(Box<Line>, f32),
}

/// The lines of a page in the order in which they are read. `tables` stand among them, each with its upper edge.
pub(super) fn lines(runs: Vec<Run>, tables: Vec<(Line, f32)>) -> Vec<Line> {
    let mut pieces: Vec<Piece> = rows(runs).into_iter().flat_map(pieces).collect();
    pieces.extend(tables.into_iter().map(|(table, top)| Piece {
        left: table.left,
        right: table.right,
        bottom: table.bottom,
        top,
        letters: usize::MAX,
        what: What::Table(Box::new(table), top),
    }));
    let mut lines = Vec::new();
    read(pieces, 0, &mut lines);
    lines
}

/// Reads the columns of `pieces`, if they stand in some, else their lines from the top.
fn read(mut pieces: Vec<Piece>, depth: usize, lines: &mut Vec<Line>) {
    pieces.sort_by(|a, b| b.top.total_cmp(&a.top).then(a.left.total_cmp(&b.left)));
    let columns = if depth < DEPTH_MAX && pieces.len() <= PIECES_MAX { columns(&pieces) } else { None };
    let Some(columns) = columns else {
        let part = lines.last().map_or(0, |line: &Line| line.part + 1);
        lines.extend(plain(pieces).into_iter().map(|line| Line { part, ..line }));
        return;
    };
    let (mut above, mut left, mut right, mut below) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        let middle = (piece.top + piece.bottom) / 2.0;
        match () {
            () if middle > columns.top => above.push(piece),
            () if middle < columns.bottom => below.push(piece),
            () if piece.left < columns.at => left.push(piece),
            () => right.push(piece),
        }
    }
    // Arabic and Hebrew columns are read from the right.
    if is_right_to_left(left.iter().chain(&right)) {
        std::mem::swap(&mut left, &mut right);
    }
    for part in [above, left, right, below] {
        read(part, depth + 1, lines);
    }
}

/// Two columns: where the second begins, and how far up and down they reach.
struct Columns {
    at: f32,
    top: f32,
    bottom: f32,
}

/// The two columns that hold the most of `pieces`, which are in order from the top.
fn columns(pieces: &[Piece]) -> Option<Columns> {
    let mut edges: Vec<f32> = pieces.iter().map(|piece| piece.left).collect();
    edges.sort_by(f32::total_cmp);
    edges.dedup_by(|b, a| *b - *a < 1.0);
    let mut best: Option<(usize, Columns)> = None;
    for at in edges.into_iter().skip(1).map(|edge| edge - 0.5) {
        for band in pieces.split(|piece| piece.left < at && piece.right > at) {
            let Some(held) = held_apart(band, at) else { continue };
            if best.as_ref().is_none_or(|(most, _)| held > *most) {
                let top = band.iter().map(|piece| piece.top).fold(f32::MIN, f32::max);
                let bottom = band.iter().map(|piece| piece.bottom).fold(f32::MAX, f32::min);
                best = Some((held, Columns { at, top, bottom }));
            }
        }
    }
    best.map(|(_, columns)| columns)
}

/// The letters in `band` if `at` divides it into two columns of text.
fn held_apart(band: &[Piece], at: f32) -> Option<usize> {
    let (left, right): (Vec<&Piece>, Vec<&Piece>) = band.iter().partition(|piece| piece.left < at);
    if left.len() < COLUMN_LINES_MIN || right.len() < COLUMN_LINES_MIN {
        return None;
    }
    let edge = |side: &[&Piece]| side.iter().map(|piece| piece.right).fold(f32::MIN, f32::max);
    let begin = |side: &[&Piece]| side.iter().map(|piece| piece.left).fold(f32::MAX, f32::min);
    let height = left.iter().map(|piece| piece.top - piece.bottom).fold(f32::MAX, f32::min);
    if begin(&right) - edge(&left) < 0.7 * height {
        return None;
    }
    let is_text = |side: &[&Piece]| {
        let width = edge(side) - begin(side);
        let full = side.iter().filter(|piece| piece.right - piece.left > 0.6 * width && piece.letters >= 12).count();
        full * 2 >= side.len()
    };
    // Short lines beside one another are rows; text beside them is what those rows say.
    let paired = left.iter().filter(|a| right.iter().any(|b| (a.bottom - b.bottom).abs() < 0.25 * height)).count();
    let paired = paired * 10 >= left.len().min(right.len()) * 6;
    let apart = match (is_text(&left), is_text(&right)) {
        (true, true) => true,
        (true, false) | (false, true) | (false, false) => !paired,
    };
    apart.then(|| band.iter().map(|piece| piece.letters.min(10_000)).sum())
}

/// The lines of pieces that stand in no columns, from the top.
fn plain(pieces: Vec<Piece>) -> Vec<Line> {
    let (mut runs, mut tables) = (Vec::new(), Vec::new());
    for piece in pieces {
        match piece.what {
            What::Runs(own) => runs.extend(own),
            What::Table(table, top) => tables.push((*table, top)),
        }
    }
    let mut lines: Vec<(f32, Line)> =
        rows(runs).into_iter().filter_map(Line::of).map(|line| (line.bottom + line.size, line)).collect();
    lines.extend(tables.into_iter().map(|(table, top)| (top, table)));
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Runs that stand on one level together, from the top. The larger ones make the rows that smaller ones join.
pub(super) fn rows(mut runs: Vec<Run>) -> Vec<Vec<Run>> {
    runs.sort_by(|a, b| b.bottom.total_cmp(&a.bottom));
    let mut sizes: Vec<f32> = runs.iter().filter(|run| letters(&run.text) > 0).map(|run| run.size).collect();
    sizes.sort_by(f32::total_cmp);
    let small = sizes.get(sizes.len() / 2).map_or(0.0, |median| 0.8 * median);
    let (large, small): (Vec<Run>, Vec<Run>) = runs.into_iter().partition(|run| run.size >= small);
    let mut rows: Vec<Vec<Run>> = Vec::new();
    for run in large {
        match rows.iter_mut().rev().take(6).find(|row| row[0].is_level_with(&run)) {
            Some(row) => row.push(run),
            None => rows.push(vec![run]),
        }
    }
    for run in small {
        let near = |row: &Vec<Run>| row.iter().any(|other| other.is_level_with(&run) && is_beside(&run, other));
        match rows.iter_mut().find(|row| near(row)) {
            Some(row) => row.push(run),
            None => rows.push(vec![run]),
        }
    }
    rows.sort_by(|a, b| b[0].bottom.total_cmp(&a[0].bottom));
    rows
}

/// Whether `run` follows or precedes `other` closely, as a raised number does.
fn is_beside(run: &Run, other: &Run) -> bool {
    let gap = (run.left - other.right).max(other.left - run.right);
    gap < 3.0 * other.size
}

/// The parts of a row between gaps that may part columns.
fn pieces(mut row: Vec<Run>) -> Vec<Piece> {
    row.sort_by(|a, b| a.left.total_cmp(&b.left));
    let mut parts: Vec<Vec<Run>> = Vec::new();
    let mut edge = f32::MIN;
    for run in row {
        let gap = run.left - edge;
        edge = edge.max(run.right);
        match parts.last_mut().filter(|part| gap <= GAP * part[0].size.min(run.size)) {
            Some(part) => part.push(run),
            None => parts.push(vec![run]),
        }
    }
    parts.into_iter().map(piece).collect()
}

fn piece(runs: Vec<Run>) -> Piece {
    let least = |of: fn(&Run) -> f32| runs.iter().map(of).fold(f32::MAX, f32::min);
    let most = |of: fn(&Run) -> f32| runs.iter().map(of).fold(f32::MIN, f32::max);
    Piece {
        left: least(|run| run.left),
        right: most(|run| run.right),
        bottom: least(|run| run.bottom),
        top: most(|run| run.bottom + run.size),
        letters: runs.iter().map(|run| letters(&run.text)).sum(),
        what: What::Runs(runs),
    }
}

fn is_right_to_left<'a>(pieces: impl Iterator<Item = &'a Piece>) -> bool {
    let (mut leftward, mut rightward) = (0, 0);
    for piece in pieces {
        let What::Runs(runs) = &piece.what else { continue };
        for run in runs {
            match run.rightward {
                Some(true) => rightward += letters(&run.text),
                Some(false) => leftward += letters(&run.text),
                None => {}
            }
        }
    }
    leftward > rightward
}
