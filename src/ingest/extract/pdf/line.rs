//! Lines: runs that stand side by side, in the order in which they are read.

use super::run::{Run, letters};

/// A line of text on a page, or a table that rules mark off. Places are in points, from the page's lower left corner.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    pub text: String,
    pub left: f32,
    pub right: f32,
    /// The lower edge of its tallest run.
    pub bottom: f32,
    /// Font size of most of its characters.
    pub size: f32,
    /// Whether it begins bold, and most of its letters are.
    pub bold: bool,
    pub italic: bool,
    pub fixed_width: bool,
    /// Its parts, if wide gaps set them apart as in a table; else empty.
    pub cells: Vec<Cell>,
    /// Which of the page's columns and bands it belongs to.
    pub part: usize,
    /// The rows of a table that rules mark off; else empty.
    pub table: Vec<Vec<String>>,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    pub text: String,
    pub left: f32,
    pub right: f32,
}

/// A gap between runs that is a word space, in parts of the font size.
const SPACE: f32 = 0.14;
/// A gap that sets cells of a table or columns apart.
const GAP: f32 = 1.6;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Space,
    Gap,
}

impl Line {
    /// The line that `runs`, which stand on one level, make up; `None` if they show nothing.
    pub fn of(mut runs: Vec<Run>) -> Option<Line> {
        runs.sort_by(|a, b| a.left.total_cmp(&b.left));
        // Some programs make bold letters by setting them twice.
        let again = |b: &mut Run, a: &mut Run| a.text == b.text && (a.left - b.left).abs() < 0.2 * a.size;
        runs.dedup_by(|b, a| again(b, a) && a.text.trim().len() > 1 || (a.text == "•" && b.text == "•"));
        let main = runs.iter().max_by_key(|run| letters(&run.text))?;
        let (size, most_letters) = (main.size, letters(&main.text));
        let (all, bold) = (count(&runs, |_| true), count(&runs, |run| run.bold));
        let bold = most_letters > 0 && runs[0].bold && bold * 10 > all * 7;
        let italic = most_letters > 0 && runs.iter().all(|run| run.italic);
        let fixed_width = runs.iter().all(|run| run.fixed_width);
        let bottom = runs.iter().filter(|run| run.size > 0.8 * size).map(|run| run.bottom).fold(f32::MAX, f32::min);
        let left = runs.iter().map(|run| run.left).fold(f32::MAX, f32::min);
        let right = runs.iter().map(|run| run.right).fold(f32::MIN, f32::max);
        let cells = cells(right_to_left_ordered(spaced(runs)));
        let text = cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" ");
        let cells = if cells.len() < 2 { Vec::new() } else { cells };
        (!text.is_empty()).then_some(Line {
            text,
            left,
            right,
            bottom,
            size,
            bold,
            italic,
            fixed_width,
            cells,
            ..Line::default()
        })
    }
}

/// The lines of `text`, of which nothing is known but their order.
pub(super) fn unplaced(text: &str) -> Vec<Line> {
    let tidy = text.lines().map(|line| super::run::tidied(line).trim().to_owned()).filter(|line| !line.is_empty());
    let place = |(text, at): (String, f32)| Line { text, bottom: -20.0 * at, size: 10.0, ..Line::default() };
    tidy.zip((0u16..).map(f32::from)).map(place).collect()
}

/// The letters in those `runs` for which `holds`.
fn count(runs: &[Run], holds: impl Fn(&Run) -> bool) -> usize {
    runs.iter().filter(|run| holds(run)).map(|run| letters(&run.text)).sum()
}

/// Each run with what stands before it. `runs` are in order from the left.
fn spaced(runs: Vec<Run>) -> Vec<(Before, Run)> {
    let mut spaced: Vec<(Before, Run)> = Vec::with_capacity(runs.len());
    let (mut edge, mut count) = (f32::MIN, 0);
    for run in runs {
        let before = match spaced.last() {
            None => Before::Nothing,
            Some((_, last)) => {
                let (gap, size) = (run.left - edge, last.size.min(run.size));
                // A number or mark and its wide space begin a heading or an item, not a row.
                let words = count > 2 || spaced.len() > 1 || run.rightward == Some(false);
                let turns = run.rightward.is_some() && last.rightward.is_some() && run.rightward != last.rightward;
                let is_spaced = turns || run.text.starts_with(' ') || last.text.ends_with(' ');
                match () {
                    () if gap > GAP * size && words => Before::Gap,
                    () if is_spaced || gap > SPACE * size => Before::Space,
                    () => Before::Nothing,
                }
            }
        };
        edge = edge.max(run.right);
        count += letters(&run.text);
        spaced.push((before, run));
    }
    spaced
}

/// Puts the runs of a line that is mostly written from right to left in the order in which they are read: from the
/// right, but neighbours written from left to right among themselves as they stand.
fn right_to_left_ordered(mut runs: Vec<(Before, Run)>) -> Vec<(Before, Run)> {
    let weight = |to_right: bool| -> usize {
        let written = runs.iter().filter(|(_, run)| run.rightward == Some(to_right));
        written.map(|(_, run)| letters(&run.text)).sum()
    };
    if runs.len() < 2 || weight(false) <= weight(true) {
        return runs;
    }
    // What stood before a run in the line now stands before its other neighbour.
    let gaps: Vec<Before> = runs.iter().map(|(before, _)| *before).collect();
    runs.reverse();
    for ((before, _), new) in runs.iter_mut().zip([Before::Nothing].into_iter().chain(gaps.into_iter().rev())) {
        *before = new;
    }
    let mut at = 0;
    while at < runs.len() {
        let same = runs[at..].iter().take_while(|(_, run)| run.rightward == Some(true)).count();
        if same > 1 {
            let gaps: Vec<Before> = runs[at..at + same].iter().map(|(before, _)| *before).collect();
            runs[at..at + same].reverse();
            let within = gaps[1..].iter().rev();
            for ((before, _), new) in runs[at..at + same].iter_mut().zip([gaps[0]].iter().chain(within)) {
                *before = *new;
            }
        }
        at += same.max(1);
    }
    runs
}

/// The runs between wide gaps, put together.
fn cells(runs: Vec<(Before, Run)>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for (before, run) in runs {
        match cells.last_mut().filter(|_| before != Before::Gap) {
            Some(cell) => {
                if before == Before::Space {
                    cell.text.push(' ');
                }
                cell.text.push_str(&run.text);
                cell.right = cell.right.max(run.right);
                cell.left = cell.left.min(run.left);
            }
            None => cells.push(Cell { text: run.text, left: run.left, right: run.right }),
        }
    }
    for cell in &mut cells {
        cell.text = cell.text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    }
    cells.retain(|cell| !cell.text.is_empty());
    cells
}
