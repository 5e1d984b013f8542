//! Tables: from cells, as they come, to Markdown.

/// A table being read. Cells that cover others are repeated in those: a row then tells all by itself.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns and rows that the cell being read covers.
    covers: (usize, usize),
    /// By column: in how many rows to come a cell above stands, and its text.
    above: Vec<(usize, String)>,
}

/// The most columns and rows that one cell may cover; Word itself allows 63 columns.
const COLUMNS_MAX: usize = 63;
const ROWS_MAX: usize = 1_000;
/// The longest text that is repeated, in bytes; of a longer one the cells that it covers are empty.
const REPEATED_BYTES_MAX: usize = 200;

impl Table {
    pub fn row(&mut self) {
        self.end_row();
        self.rows.push(Vec::new());
    }

    /// Says that the cell being read covers `columns` columns and `rows` rows.
    pub fn span(&mut self, columns: usize, rows: usize) {
        self.covers = (columns.clamp(1, COLUMNS_MAX), rows.clamp(1, ROWS_MAX));
    }

    /// Says that the cell being read goes on in the next row, whatever was said of this one.
    pub fn cell_like_above(&mut self) {
        let column = self.rows.last().map_or(0, Vec::len);
        let above = self.rows.iter().rev().nth(1).and_then(|row| row.get(column)).cloned().unwrap_or_default();
        self.cell(above);
    }

    /// Ends a cell that holds `text`.
    pub fn cell(&mut self, text: String) {
        let (columns, rows) = std::mem::take(&mut self.covers);
        self.take_from_above();
        let Some(row) = self.rows.last_mut() else { return };
        let repeated = if text.len() <= REPEATED_BYTES_MAX { text.as_str() } else { "" };
        if rows > 1 {
            let end = row.len() + columns.max(1);
            self.above.resize(self.above.len().max(end), (0, String::new()));
            self.above[row.len()..end].fill((rows - 1, repeated.to_owned()));
        }
        let rest = std::iter::repeat_n(repeated.to_owned(), columns.saturating_sub(1)).collect::<Vec<_>>();
        row.push(text);
        row.extend(rest);
    }

    /// Fills the columns that cells above cover, up to the next free one.
    fn take_from_above(&mut self) {
        let Some(row) = self.rows.last_mut() else { return };
        while let Some((left, text)) = self.above.get_mut(row.len()).filter(|(left, _)| *left > 0) {
            *left -= 1;
            row.push(text.clone());
        }
    }

    fn end_row(&mut self) {
        self.take_from_above();
        // Columns that the row did not reach are not filled; they are covered all the same.
        let reached = self.rows.last().map_or(0, Vec::len);
        for (left, _) in self.above.iter_mut().skip(reached) {
            *left = left.saturating_sub(1);
        }
    }

    /// The table in Markdown; a table of one column is layout, and becomes paragraphs.
    pub fn markdown(mut self) -> String {
        self.end_row();
        self.rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        if columns <= 1 {
            return self.rows.into_iter().flatten().collect::<Vec<_>>().join("\n\n");
        }
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        for row in &self.rows {
            let cells: Vec<String> =
                (0..columns).map(|at| row.get(at).map_or(String::new(), |cell| on_one_line(cell))).collect();
            lines.push(format!("| {} |", cells.join(" | ")));
            if lines.len() == 1 {
                lines.push(format!("|{}", " --- |".repeat(columns)));
            }
        }
        lines.join("\n")
    }

    /// The cells one after the other, for a table within a cell.
    pub fn inline(self) -> String {
        let row = |row: Vec<String>| row.into_iter().filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(", ");
        let rows = self.rows.into_iter().map(row);
        rows.filter(|row| !row.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// A cell's text on one line, its bars escaped.
fn on_one_line(cell: &str) -> String {
    cell.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::Table;

    /// A table of rows of cells, each with the columns and rows that it covers.
    fn table(rows: &[&[(&str, usize, usize)]]) -> Table {
        let mut table = Table::default();
        for row in rows {
            table.row();
            for (text, columns, rows) in *row {
                table.span(*columns, *rows);
                table.cell((*text).to_owned());
            }
        }
        table
    }

    #[test]
    fn cells_stand_in_all_places_that_they_cover() {
        let covering = table(&[
            &[("a", 1, 2), ("b", 2, 1)],
            &[("c", 1, 1), ("d", 1, 3)],
            &[("e", 1, 1), ("f|g", 1, 1)],
            &[("h", 2, 1)],
        ]);
        let lines = ["| a | b | b |", "| --- | --- | --- |", "| a | c | d |", "| e | f\\|g | d |", "| h | h | d |"];
        assert_eq!(covering.markdown(), lines.join("\n"));
    }

    #[test]
    fn what_is_long_is_not_repeated_and_one_column_is_no_table() {
        let long = "long ".repeat(100);
        assert_eq!(table(&[&[(&long, 1, 9)], &[]]).markdown(), long);
        let beside = table(&[&[("a", 9_999_999, 9_999_999)]]).markdown();
        assert_eq!(beside.lines().next().map(|line| line.matches('a').count()), Some(super::COLUMNS_MAX));
    }
}
