//! Tables in plain text: values between commas, semicolons, tabs or bars, one row a line.

use crate::domain::extract::Extract;
use crate::ingest::extract::table::Table;
use crate::ingest::extract::{ExtractError, text};
use crate::limits;

/// What may stand between values.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Rows by which the delimiter is told.
const ROWS_TRIED: usize = 20;

/// Whether `head`, the beginning of a file whose name says so, is a table of more than one column.
pub(in crate::ingest::extract) fn is_table(head: &[u8]) -> bool {
    delimiter(&text::decode(head).text).is_some()
}

/// Reads the text as one table whose first row names its columns.
pub(in crate::ingest::extract) fn read_csv(bytes: &[u8]) -> Result<Extract, ExtractError> {
    let decoded = text::decode(bytes);
    let delimiter = delimiter(&decoded.text).unwrap_or(b',');
    let mut reader = reader(delimiter, &decoded.text);
    let mut table = Table::default();
    let mut cells = 0;
    for row in reader.records() {
        let row = row.map_err(|error| ExtractError::Damaged(format!("its rows cannot be told apart ({error})")))?;
        cells += row.len();
        if cells > limits::SHEET_CELLS_MAX {
            let most = limits::SHEET_CELLS_MAX / 1_000_000;
            return Err(ExtractError::TooLarge(format!("it has more than {most} million values")));
        }
        table.row();
        row.iter().for_each(|value| table.cell(value.trim().to_owned()));
    }
    Ok(Extract {
        markdown: text::clean(&table.markdown()),
        notes: decoded.note.into_iter().collect(),
        ..Extract::default()
    })
}

/// The delimiter by which the first rows have the same number of values, as many as possible; `None` if they have one.
fn delimiter(text: &str) -> Option<u8> {
    let score = |delimiter: u8| {
        let rows = reader(delimiter, text).into_records().take(ROWS_TRIED).map_while(Result::ok);
        let widths: Vec<usize> = rows.map(|row| row.len()).collect();
        // Of many, the last one may be cut off.
        let whole = if widths.len() > 2 { &widths[..widths.len() - 1] } else { &widths[..] };
        let wide = *whole.iter().max()?;
        let like = whole.iter().filter(|&&width| width == wide).count();
        (wide > 1 && 2 * like > whole.len()).then_some((like * 100 / whole.len(), wide))
    };
    DELIMITERS.into_iter().filter_map(|delimiter| Some((score(delimiter)?, delimiter))).max().map(|(_, best)| best)
}

fn reader(delimiter: u8, text: &str) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{is_table, read_csv};

    #[test]
    fn the_delimiter_is_found() {
        let table = "| a | b |\n| --- | --- |\n| 1 | 2, \\| 3 |";
        for text in ["a,b\n1,\"2, | 3\"\n", "a;b\r\n1;2, | 3\r\n", "a\tb\n1\t2, | 3"] {
            assert!(is_table(text.as_bytes()), "{text:?}");
            assert_eq!(read_csv(text.as_bytes()).expect("a table").markdown, table, "{text:?}");
        }
        for text in ["a line\nand another, with a comma\nand a third", "one\ntwo", ""] {
            assert!(!is_table(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn rows_may_be_uneven_and_values_hold_line_breaks() {
        let text = "a,b\n1\n\"2\nmore\",3,4\n";
        assert_eq!(
            read_csv(text.as_bytes()).expect("a table").markdown,
            "| a | b |  |\n| --- | --- | --- |\n| 1 |  |  |\n| 2 more | 3 | 4 |"
        );
    }
}
