//! A sheet's occupied cells, and the tables that they form.

use std::collections::BTreeMap;

use crate::ingest::extract::ExtractError;
use crate::ingest::extract::table::Table;
use crate::limits;

/// The texts of the cells that have one, by row and column from 0.
#[derive(Default)]
pub(super) struct Grid {
    rows: BTreeMap<u32, BTreeMap<u32, String>>,
    cells: usize,
    bytes: usize,
    /// What is drawn on the sheet and said about its cells, in Markdown.
    pub beside: Vec<String>,
}

/// The most cells of a merged region that its value is repeated in.
const REPEATED_MAX: u64 = 1_000;

impl Grid {
    /// Puts `text` into a cell; nothing if it is blank.
    pub fn put(&mut self, (row, column): (u32, u32), text: String) -> Result<(), ExtractError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        self.cells += 1;
        self.bytes += text.len();
        if self.cells > limits::SHEET_CELLS_MAX || self.bytes > limits::EXTRACT_BYTES_MAX {
            let most = limits::SHEET_CELLS_MAX / 1_000_000;
            return Err(ExtractError::TooLarge(format!("a sheet of it has more than {most} million cells")));
        }
        self.rows.entry(row).or_default().insert(column, text.to_owned());
        Ok(())
    }

    /// Repeats the first cell of a merged region in all of it, as far as that is sensible.
    pub fn merge(&mut self, start: (u32, u32), end: (u32, u32)) {
        let Some(text) = self.rows.get(&start.0).and_then(|row| row.get(&start.1)).cloned() else { return };
        let size = |from: u32, to: u32| u64::from(to.saturating_sub(from)) + 1;
        if size(start.0, end.0) * size(start.1, end.1) > REPEATED_MAX {
            return;
        }
        for row in start.0..=end.0 {
            let cells = self.rows.entry(row).or_default();
            for column in start.1..=end.1 {
                cells.entry(column).or_insert_with(|| text.clone());
            }
        }
    }

    /// Its tables from top to bottom and left to right: rows and columns without a cell divide them.
    pub fn markdown(self) -> String {
        let mut tables = Vec::new();
        let rows: Vec<(u32, BTreeMap<u32, String>)> = self.rows.into_iter().collect();
        for band in rows.chunk_by(|(above, _), (below, _)| above + 1 == *below) {
            let mut columns: Vec<u32> = band.iter().flat_map(|(_, cells)| cells.keys().copied()).collect();
            columns.sort_unstable();
            columns.dedup();
            for columns in columns.chunk_by(|left, right| left + 1 == *right) {
                tables.push(table(band, columns));
            }
        }
        tables.extend(self.beside);
        tables.retain(|table| !table.is_empty());
        tables.join("\n\n")
    }
}

/// A table, below the lines that one cell, merged over all columns, stands in: those are its titles.
fn table(rows: &[(u32, BTreeMap<u32, String>)], columns: &[u32]) -> String {
    let is_title = |(_, cells): &(u32, BTreeMap<u32, String>)| {
        let first = cells.get(&columns[0]);
        columns.len() > 1 && first.is_some() && columns.iter().all(|column| cells.get(column) == first)
    };
    let titles = rows.iter().take_while(|row| is_title(row)).count();
    let mut blocks: Vec<String> = rows[..titles].iter().map(|(_, cells)| cells[&columns[0]].clone()).collect();
    let mut table = Table::default();
    for (_, cells) in &rows[titles..] {
        table.row();
        for column in columns {
            table.cell(cells.get(column).cloned().unwrap_or_default());
        }
    }
    blocks.push(table.markdown());
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::Grid;

    #[test]
    fn blank_rows_and_columns_divide_tables() {
        let mut grid = Grid::default();
        let cells = [
            (0, 0, "Ducks"),
            (2, 0, "year"),
            (2, 1, "count"),
            (3, 0, "2019"),
            (3, 1, "120"),
            (2, 4, "note"),
            (3, 4, "wet"),
            (9, 9, " "),
        ];
        for (row, column, text) in cells {
            grid.put((row, column), text.to_owned()).expect("few cells");
        }
        assert_eq!(grid.markdown(), "Ducks\n\n| year | count |\n| --- | --- |\n| 2019 | 120 |\n\nnote\n\nwet");
    }

    #[test]
    fn merged_cells_are_repeated_where_that_is_sensible() {
        let mut grid = Grid::default();
        grid.put((0, 0), "a".to_owned()).expect("few cells");
        grid.put((1, 2), "b".to_owned()).expect("few cells");
        grid.merge((0, 0), (1, 1));
        grid.merge((1, 2), (1_000_000, 9));
        assert_eq!(grid.markdown(), "| a | a |  |\n| --- | --- | --- |\n| a | a | b |");
        let mut titled = Grid::default();
        for (at, text) in [((0, 0), "Pay"), ((1, 0), "name"), ((1, 1), "sum"), ((2, 0), "Jo"), ((2, 1), "3")] {
            titled.put(at, text.to_owned()).expect("few cells");
        }
        titled.merge((0, 0), (0, 1));
        assert_eq!(titled.markdown(), "Pay\n\n| name | sum |\n| --- | --- |\n| Jo | 3 |");
    }
}
