//! Spreadsheets: each sheet's cells, as far as they are occupied, as the tables that they form.
//!
//! calamine reads all of Excel's formats and OpenDocument's. It makes a sheet a full grid from its first to its last
//! occupied cell, however far apart; of the newer formats cells are taken one by one instead.

mod csv;
mod grid;

use std::collections::HashMap;
use std::io::Cursor;

use calamine::{Data, DataRef, DataType, Ods, Reader, SheetType, SheetVisible, Xls, Xlsb, Xlsx, XlsxError};

use quick_xml::events::Event;

use super::comments::{self, People};
use super::package::Package;
use super::xml::attribute;
use super::{ExtractError, Hear, Heard, chart, text};
use crate::domain::extract::{Extract, Unit};
use crate::limits;
use grid::Grid;

pub(super) use csv::{is_table, read_csv};

/// The containers that hold workbooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Book {
    Xlsx,
    Xlsb,
    Xls,
    Ods,
}

/// Reads a workbook: a heading for each sheet that is not hidden, and its tables. Cells that are merged are repeated.
pub(super) fn read(bytes: &[u8], book: Book, hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let mut extract = Extract { unit: Unit::Sheet, ..Extract::default() };
    if book != Book::Xls {
        let mut package = Package::open(bytes)?;
        package.must_be_bounded()?;
        match book {
            Book::Ods => super::odf::about(&mut package, &mut extract)?,
            _ => package.about(&mut extract)?,
        }
    }
    let input = Cursor::new(bytes);
    match book {
        Book::Xlsx => {
            let mut beside = beside(bytes)?;
            let mut book = Xlsx::new(input).map_err(damaged)?;
            let sheets = book.sheets_metadata().to_vec();
            sheets_of(&sheets, hear, &mut extract, |name| {
                let mut grid = Grid::default();
                fill_xlsx(&mut book, name, &mut grid)?;
                // Without its regions, a merged cell has its value once.
                let merged = book.merge_cells_by_sheet_name(name).unwrap_or_default();
                merged.iter().for_each(|region| grid.merge(region.start, region.end));
                grid.beside = beside.remove(name).unwrap_or_default();
                Ok(grid)
            })?;
        }
        Book::Xlsb => full_grids(Xlsb::new(input).map_err(damaged)?, hear, &mut extract)?,
        Book::Xls => full_grids(Xls::new(input).map_err(damaged)?, hear, &mut extract)?,
        Book::Ods => full_grids(Ods::new(input).map_err(damaged)?, hear, &mut extract)?,
    }
    Ok(extract)
}

/// The charts on each sheet and the comments on its cells, by the sheet's name: what these say may stand nowhere else.
fn beside(bytes: &[u8]) -> Result<HashMap<String, Vec<String>>, ExtractError> {
    let mut package = Package::open(bytes)?;
    let Some(path) = package.main_part()? else { return Ok(HashMap::new()) };
    let Some(workbook) = package.text(&path)? else { return Ok(HashMap::new()) };
    let sheets = package.relations(&path)?;
    let people = People::of(&mut package, &sheets)?;
    let mut beside: HashMap<String, Vec<String>> = HashMap::new();
    for (name, id) in sheet_relations(&workbook) {
        let Some(sheet) = sheets.iter().find(|relation| relation.id == id) else { continue };
        let relations = package.relations(&sheet.target)?;
        let blocks = beside.entry(name).or_default();
        for drawing in relations.iter().filter(|relation| relation.kind == "drawing") {
            for part in package.relations(&drawing.target)?.iter().filter(|relation| relation.kind == "chart") {
                let drawn = package.text(&part.target)?.map(|xml| chart::read(&xml));
                blocks.extend(drawn.filter(|chart| !chart.is_empty()));
            }
        }
        blocks.extend(comments::read(&mut package, &relations, &people)?);
    }
    Ok(beside)
}

/// The names of a workbook's sheets, each with the relation by which it is found.
fn sheet_relations(workbook: &str) -> Vec<(String, String)> {
    let mut reader = quick_xml::Reader::from_str(workbook);
    let mut sheets = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) if tag.local_name().into_inner() == "sheet" => {
                sheets.extend(attribute(&tag, "name").zip(attribute(&tag, "id")));
            }
            Ok(Event::Eof) | Err(_) => return sheets,
            Ok(_) => {}
        }
    }
}

/// Takes cells as they come, so that two that lie far apart cost no more than two.
fn fill_xlsx(book: &mut Xlsx<Cursor<&[u8]>>, name: &str, grid: &mut Grid) -> Result<(), ExtractError> {
    let mut cells = match book.worksheet_cells_reader(name) {
        Ok(cells) => cells,
        Err(XlsxError::NotAWorksheet(_)) => return Ok(()),
        Err(error) => return Err(damaged(error)),
    };
    while let Some(cell) = cells.next_cell().map_err(damaged)? {
        let shown = match cell.get_value() {
            DataRef::SharedString(text) => (*text).to_owned(),
            value => shown(&Data::from(value.clone())),
        };
        grid.put(cell.get_position(), shown)?;
    }
    Ok(())
}

fn full_grids<'a, R>(mut book: R, hear: Hear<'_>, extract: &mut Extract) -> Result<(), ExtractError>
where
    R: Reader<Cursor<&'a [u8]>, Error: std::fmt::Display>,
{
    let sheets = book.sheets_metadata().to_vec();
    sheets_of(&sheets, hear, extract, |name| {
        let mut grid = Grid::default();
        let range = book.worksheet_range(name).map_err(damaged)?;
        let (top, left) = range.start().unwrap_or_default();
        for (row, column, value) in range.used_cells() {
            let at = |from: u32, offset: usize| from.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
            grid.put((at(top, row), at(left, column)), shown(value))?;
        }
        Ok(grid)
    })
}

/// Writes each sheet as `grid_of` it says, a page a sheet.
fn sheets_of(
    sheets: &[calamine::Sheet],
    hear: Hear<'_>,
    extract: &mut Extract,
    mut grid_of: impl FnMut(&str) -> Result<Grid, ExtractError>,
) -> Result<(), ExtractError> {
    let total = u32::try_from(sheets.len()).unwrap_or(u32::MAX);
    for (sheet, number) in sheets.iter().zip(1..) {
        let mut markdown = String::new();
        let is_data = matches!(sheet.typ, SheetType::WorkSheet | SheetType::ChartSheet);
        if is_data && sheet.visible == SheetVisible::Visible {
            let name = text::clean(&sheet.name).replace('\n', " ");
            match grid_of(&sheet.name) {
                Ok(grid) => markdown = format!("## {name}\n\n{}", text::clean(&grid.markdown())),
                // One sheet that cannot be read leaves the others.
                Err(error @ ExtractError::Damaged(_)) if total > 1 => {
                    extract.unread.push(crate::domain::extract::Unread { page: number, reason: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        } else if is_data {
            extract.notes.push(format!("The sheet {:?} is hidden and was left out.", sheet.name));
        }
        extract.add_page(markdown.trim_end(), total);
        if extract.markdown.len() > limits::EXTRACT_BYTES_MAX {
            return Err(super::too_much_text());
        }
        hear(Heard::Page { done: number, total });
    }
    Ok(())
}

/// A value as its sheet shows it, but for number formats: decimals as far as a double is exact, moments by ISO 8601.
fn shown(value: &Data) -> String {
    match value {
        Data::Empty | Data::Error(_) => String::new(),
        Data::Float(number) => decimal(*number),
        Data::DateTime(moment) if moment.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            let (date, time) = (format!("{year:04}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}"));
            match (moment.as_f64() < 1.0, (hour, minute, second)) {
                (true, _) => time,
                (false, (0, 0, 0)) => date,
                (false, _) => format!("{date} {time}"),
            }
        }
        Data::DateTime(duration) => {
            let seconds = (duration.as_f64() * 86_400.0).round().max(0.0) as u64;
            format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
        }
        Data::DateTimeIso(moment) => moment.strip_suffix("T00:00:00").unwrap_or(moment).replace('T', " "),
        other => other.as_string().unwrap_or_else(|| other.to_string()),
    }
}

/// `number` with the 15 digits that a spreadsheet shows: 0.1 + 0.2 is 0.3.
fn decimal(number: f64) -> String {
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    rounded.to_string()
}

fn damaged(error: impl std::fmt::Display) -> ExtractError {
    let said = error.to_string();
    match said.to_lowercase().contains("password") {
        true => ExtractError::Encrypted,
        false => ExtractError::Damaged(format!("the workbook does not open ({})", said.trim_end_matches('.'))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Book, decimal, read};
    use crate::domain::extract::{Extract, Unit};
    use crate::ingest::extract::package::packed;

    /// A workbook whose sheets hold this XML.
    fn book(sheets: &[(&str, &str)]) -> Vec<u8> {
        let mut parts = vec![(
            "[Content_Types].xml".to_owned(),
            "<Types><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>".to_owned(),
        )];
        let (mut list, mut rels) = (String::new(), String::new());
        for ((attributes, data), number) in sheets.iter().zip(1..) {
            list.push_str(&format!("<sheet {attributes} sheetId=\"{number}\" r:id=\"r{number}\"/>"));
            rels.push_str(&format!(
                "<Relationship Id=\"r{number}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/s{number}.xml\"/>"
            ));
            parts.push((
                format!("xl/worksheets/s{number}.xml"),
                format!("<worksheet><sheetData>{data}</sheetData></worksheet>"),
            ));
        }
        let main = "<Relationships><Relationship Id=\"m\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
        parts.push(("_rels/.rels".to_owned(), main.to_owned()));
        parts.push(("xl/_rels/workbook.xml.rels".to_owned(), format!("<Relationships>{rels}</Relationships>")));
        parts.push((
            "xl/workbook.xml".to_owned(),
            format!("<workbook xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>{list}</sheets></workbook>"),
        ));
        let parts: Vec<(&str, &str)> = parts.iter().map(|(name, xml)| (name.as_str(), xml.as_str())).collect();
        packed(&parts)
    }

    fn cell(place: &str, text: &str) -> String {
        format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
    }

    fn read_book(sheets: &[(&str, &str)]) -> Extract {
        read(&book(sheets), Book::Xlsx, &mut |_| {}).expect("a sound workbook")
    }

    #[test]
    fn sheets_are_pages_of_tables() {
        let first = format!(
            "<row r=\"3\">{}{}</row><row r=\"4\">{}<c r=\"C4\"><v>1500.5</v></c></row>",
            cell("B3", "Name"),
            cell("C3", "Pay|EUR"),
            cell("B4", "Jo")
        );
        let extract =
            read_book(&[("name=\"Pay\"", &first), ("name=\"Old\" state=\"hidden\"", &first), ("name=\"None\"", "")]);
        assert_eq!(extract.markdown, "## Pay\n\n| Name | Pay\\|EUR |\n| --- | --- |\n| Jo | 1500.5 |\n\n## None");
        assert_eq!(extract.unit, Unit::Sheet);
        let texts: Vec<&str> = extract.pages.iter().map(|page| page.span.of(&extract.markdown)).collect();
        assert_eq!(texts[1..], ["", "## None"]);
        assert_eq!(extract.notes, ["The sheet \"Old\" is hidden and was left out."]);
    }

    #[test]
    fn two_cells_that_lie_far_apart_are_two_cells() {
        let far =
            format!("<row r=\"1\">{}</row><row r=\"1048576\">{}</row>", cell("A1", "near"), cell("XFD1048576", "far"));
        assert_eq!(read_book(&[("name=\"S\"", &far)]).markdown, "## S\n\nnear\n\nfar");
    }

    #[test]
    fn numbers_have_no_more_digits_than_they_are_sure_of() {
        let cases = [
            (0.1 + 0.2, "0.3"),
            (3.0, "3"),
            (-6.0, "-6"),
            (1e21, "1000000000000000000000"),
            (1.0 / 3.0, "0.333333333333333"),
        ];
        for (number, shown) in cases {
            assert_eq!(decimal(number), shown);
        }
    }
}
