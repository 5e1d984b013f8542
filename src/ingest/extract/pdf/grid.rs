//! Tables that rules mark off: where horizontal and vertical rules cross, cells are.

use pdf_oxide::elements::{PathContent, PathOperation};

use super::line::Line;
use super::order::rows;
use super::run::Run;

/// How far from one another rules may be that meet, and how thick a filled one may be, in points.
const NEAR: f32 = 2.5;
/// The shortest rule, in points.
const LENGTH_MIN: f32 = 6.0;
/// The most rules of a page that are looked at: more are a drawing.
const RULES_MAX: usize = 4_000;
/// The most rows and columns of a table.
const LINES_MAX: usize = 400;

/// A straight rule: on `at` from `from` to `to`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rule {
    at: f32,
    from: f32,
    to: f32,
}

/// The rules of a page.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    across: Vec<Rule>,
    down: Vec<Rule>,
}

impl Rules {
    /// The rules that `paths` draw: straight lines and the edges of rectangles.
    pub fn of(paths: &[PathContent]) -> Rules {
        let mut rules = Rules::default();
        for path in paths.iter().filter(|path| path.has_stroke() || path.has_fill()) {
            let bbox = &path.bbox;
            let thin = bbox.width.min(bbox.height) <= NEAR;
            if thin {
                rules.line(bbox.x, bbox.y, bbox.x + bbox.width, bbox.y + bbox.height);
            } else if path.has_stroke() && is_straight(path) {
                rules.path(&path.operations);
            }
            if rules.across.len() + rules.down.len() > RULES_MAX {
                return Rules::default();
            }
        }
        rules.across = merged(rules.across);
        rules.down = merged(rules.down);
        rules
    }

    fn path(&mut self, operations: &[PathOperation]) {
        let (mut here, mut start) = ((0.0, 0.0), (0.0, 0.0));
        for operation in operations {
            match *operation {
                PathOperation::MoveTo(x, y) => (here, start) = ((x, y), (x, y)),
                PathOperation::LineTo(x, y) => {
                    self.line(here.0, here.1, x, y);
                    here = (x, y);
                }
                PathOperation::Rectangle(x, y, width, height) => {
                    let (right, top) = (x + width, y + height);
                    self.line(x, y, right, y);
                    self.line(x, top, right, top);
                    self.line(x, y, x, top);
                    self.line(right, y, right, top);
                }
                PathOperation::ClosePath => self.line(here.0, here.1, start.0, start.1),
                PathOperation::CurveTo(.., x, y) => here = (x, y),
            }
        }
    }

    fn line(&mut self, x0: f32, y0: f32, x1: f32, y1: f32) {
        let (width, height) = ((x1 - x0).abs(), (y1 - y0).abs());
        if !(width + height).is_finite() || width.max(height) < LENGTH_MIN {
            return;
        }
        if height <= NEAR && width > height {
            self.across.push(Rule { at: (y0 + y1) / 2.0, from: x0.min(x1), to: x0.max(x1) });
        } else if width <= NEAR {
            self.down.push(Rule { at: (x0 + x1) / 2.0, from: y0.min(y1), to: y0.max(y1) });
        }
    }

    /// The tables that the rules make of `runs`, which then no longer hold what is in them. Each with its upper edge.
    pub fn tables(&self, runs: &mut Vec<Run>) -> Vec<(Line, f32)> {
        let mut tables = Vec::new();
        for part in self.connected() {
            let Some(grid) = Grid::of(&part) else { continue };
            let (inside, outside): (Vec<Run>, Vec<Run>) = runs.drain(..).partition(|run| grid.holds(run));
            *runs = outside;
            match grid.table(&inside) {
                Some(table) => tables.push((table, grid.top())),
                None => runs.extend(inside),
            }
        }
        tables
    }

    /// The rules in groups that touch.
    fn connected(&self) -> Vec<Rules> {
        let mut groups: Vec<usize> = (0..self.across.len() + self.down.len()).collect();
        for (a, across) in self.across.iter().enumerate() {
            for (d, down) in self.down.iter().enumerate() {
                let meet = |rule: &Rule, at: f32| rule.from - NEAR <= at && at <= rule.to + NEAR;
                if meet(across, down.at) && meet(down, across.at) {
                    let (one, other) = (root(&mut groups, a), root(&mut groups, self.across.len() + d));
                    groups[other] = one;
                }
            }
        }
        let mut parts: std::collections::BTreeMap<usize, Rules> = std::collections::BTreeMap::new();
        for at in 0..groups.len() {
            let part = parts.entry(root(&mut groups, at)).or_default();
            match at.checked_sub(self.across.len()) {
                None => part.across.push(self.across[at]),
                Some(down) => part.down.push(self.down[down]),
            }
        }
        parts.into_values().filter(|part| !part.across.is_empty() && !part.down.is_empty()).collect()
    }
}

/// The first of the group to which `at` belongs, shortening the way on each call.
fn root(groups: &mut [usize], mut at: usize) -> usize {
    while groups[at] != at {
        groups[at] = groups[groups[at]];
        at = groups[at];
    }
    at
}

fn is_straight(path: &PathContent) -> bool {
    !path.operations.iter().any(|operation| matches!(operation, PathOperation::CurveTo(..)))
}

/// Rules on one line that touch, as one.
fn merged(mut rules: Vec<Rule>) -> Vec<Rule> {
    rules.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.from.total_cmp(&b.from)));
    let mut merged: Vec<Rule> = Vec::new();
    for rule in rules {
        let same = |last: &&mut Rule| (last.at - rule.at).abs() < 0.6 && rule.from <= last.to + NEAR;
        match merged.iter_mut().rev().take(8).find(same) {
            Some(last) => (last.from, last.to) = (last.from.min(rule.from), last.to.max(rule.to)),
            None => merged.push(rule),
        }
    }
    merged
}

/// The lines of a table: `xs` from the left, `ys` from the top.
struct Grid<'a> {
    rules: &'a Rules,
    xs: Vec<f32>,
    ys: Vec<f32>,
}

impl Grid<'_> {
    /// The grid of rules that touch, if it has at least two rows and columns. A table may be open at its sides.
    fn of(rules: &Rules) -> Option<Grid<'_>> {
        let places = |own: &[Rule], other: &[Rule]| {
            let ends = [
                other.iter().map(|rule| rule.from).fold(f32::MAX, f32::min),
                other.iter().map(|rule| rule.to).fold(f32::MIN, f32::max),
            ];
            let mut places: Vec<f32> = own.iter().map(|rule| rule.at).chain(ends).collect();
            places.sort_by(f32::total_cmp);
            places.dedup_by(|b, a| *b - *a < 2.0 * NEAR);
            places
        };
        let xs = places(&rules.down, &rules.across);
        let mut ys = places(&rules.across, &rules.down);
        ys.reverse();
        let sound = |lines: &[f32]| (3..=LINES_MAX).contains(&lines.len());
        (sound(&xs) && ys.len() >= 2 && ys.len() <= LINES_MAX).then_some(Grid { rules, xs, ys })
    }

    fn top(&self) -> f32 {
        self.ys[0]
    }

    fn holds(&self, run: &Run) -> bool {
        let (x, y) = ((run.left + run.right) / 2.0, run.bottom + 0.3 * run.size);
        let right = self.xs[self.xs.len() - 1];
        self.xs[0] - NEAR <= x && x <= right + NEAR && self.ys[self.ys.len() - 1] - NEAR <= y && y <= self.ys[0] + NEAR
    }

    /// The table with `runs` in its cells, if it is one: two rows and two columns hold something, and few are empty.
    fn table(&self, runs: &[Run]) -> Option<Line> {
        let columns = self.xs.len() - 1;
        let mut table: Vec<Vec<String>> = Vec::new();
        for band in self.ys.windows(2) {
            let inside: Vec<Run> = runs
                .iter()
                .filter(|run| {
                    let y = run.bottom + 0.3 * run.size;
                    y <= band[0] && y > band[1]
                })
                .cloned()
                .collect();
            table.extend(self.band(inside, band, columns));
        }
        table.retain(|row| row.iter().any(|cell| !cell.is_empty()));
        let full = table.iter().flatten().filter(|cell| !cell.is_empty()).count();
        let used = (0..columns).filter(|&at| table.iter().any(|row| !row[at].is_empty())).count();
        let is_table = table.len() >= 2 && used >= 2 && full * 10 >= table.len() * columns * 3;
        is_table.then(|| Line {
            text: table.concat().join(" "),
            left: self.xs[0],
            right: self.xs[columns],
            bottom: self.ys[self.ys.len() - 1],
            size: runs.first().map_or(10.0, |run| run.size),
            table,
            ..Line::default()
        })
    }

    /// The rows between two rules: one, or as many as there are lines if all cells have as many.
    fn band(&self, runs: Vec<Run>, band: &[f32], columns: usize) -> Vec<Vec<String>> {
        let mut cells: Vec<Vec<Run>> = vec![Vec::new(); columns];
        for run in runs {
            cells[self.column(&run, band)].push(run);
        }
        let lines: Vec<Vec<Line>> =
            cells.into_iter().map(|cell| rows(cell).into_iter().filter_map(Line::of).collect()).collect();
        let most = lines.iter().map(Vec::len).max().unwrap_or(0);
        let filled = lines.iter().filter(|cell| !cell.is_empty()).count();
        let level = lines.iter().filter(|cell| cell.len() == most).count();
        let is_list = lines.iter().flatten().any(|line| line.text.starts_with('•'));
        if most >= 3 && filled >= 2 && level * 10 >= filled * 7 && !is_list {
            return split(&lines, most);
        }
        vec![lines.iter().map(|cell| joined(cell)).collect()]
    }

    /// The column in which `run` stands: of cells that no rule parts in this band, the first.
    fn column(&self, run: &Run, band: &[f32]) -> usize {
        let x = (run.left + run.right) / 2.0;
        let mut column = self.xs[1..].iter().take_while(|&&edge| edge < x).count().min(self.xs.len() - 2);
        let middle = (band[0] + band[1]) / 2.0;
        let parted = |at: f32| {
            let there = |rule: &&Rule| (rule.at - at).abs() < 2.0 * NEAR;
            self.rules.down.iter().filter(there).any(|rule| rule.from <= middle && middle <= rule.to)
        };
        while column > 0 && !parted(self.xs[column]) {
            column -= 1;
        }
        column
    }
}

/// Rows of a band whose cells have a line for each.
fn split(lines: &[Vec<Line>], count: usize) -> Vec<Vec<String>> {
    let full = lines.iter().find(|cell| cell.len() == count);
    let levels: Vec<f32> = full.into_iter().flatten().map(|line| line.bottom).collect();
    let nearest = |line: &Line| {
        let distance = |level: &f32| (level - line.bottom).abs();
        let at = (0..levels.len()).min_by(|&a, &b| distance(&levels[a]).total_cmp(&distance(&levels[b])));
        at.unwrap_or(0)
    };
    (0..count)
        .map(|row| {
            let cell = |cell: &Vec<Line>| joined_of(cell.iter().filter(|line| nearest(line) == row));
            lines.iter().map(cell).collect()
        })
        .collect()
}

fn joined(lines: &[Line]) -> String {
    joined_of(lines.iter())
}

fn joined_of<'a>(lines: impl Iterator<Item = &'a Line>) -> String {
    lines.map(|line| line.text.as_str()).collect::<Vec<_>>().join(" ")
}
