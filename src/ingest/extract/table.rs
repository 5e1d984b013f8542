//! Tables: from cells, as they come, to Markdown.

/// A table being read.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns that the cell being read covers beyond its own.
    covers: usize,
}

/// The most columns that one cell may cover; Word itself allows 63.
const COLUMNS_MAX: usize = 63;

impl Table {
    pub fn row(&mut self) {
        self.rows.push(Vec::new());
    }

    /// Says that the cell being read covers `columns` columns.
    pub fn span(&mut self, columns: usize) {
        self.covers = columns.clamp(1, COLUMNS_MAX) - 1;
    }

    /// Ends a cell that holds `text`.
    pub fn cell(&mut self, text: String) {
        let covers = std::mem::take(&mut self.covers);
        if let Some(row) = self.rows.last_mut() {
            row.push(text);
            row.extend(std::iter::repeat_n(String::new(), covers));
        }
    }

    /// The table in Markdown; a table of one column is layout, and becomes paragraphs.
    pub fn markdown(mut self) -> String {
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
        let rows =
            self.rows.into_iter().map(|row| row.into_iter().filter(|c| !c.is_empty()).collect::<Vec<_>>().join(", "));
        rows.filter(|row| !row.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// A cell's text on one line, its bars escaped.
fn on_one_line(cell: &str) -> String {
    cell.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
