//! A chart of an Office document as the table that it draws: its categories and the values of each of its series.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::table::Table;
use super::xml::{attribute, reference};

/// The most points of one series that are read.
const POINTS_MAX: usize = 10_000;

#[derive(Default)]
struct Series {
    name: String,
    values: Vec<String>,
}

/// The chart in `xml`, as far as it is well-formed: its title, then a table.
pub(super) fn read(xml: &str) -> String {
    let mut reader = Reader::from_str(xml);
    let (mut title, mut categories, mut series) = (String::new(), Vec::new(), Vec::<Series>::new());
    let (mut role, mut at, mut inside, mut value) = (String::new(), 0, false, String::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => match tag.local_name().into_inner() {
                "ser" => series.push(Series::default()),
                name @ ("title" | "tx" | "cat" | "val" | "xVal" | "yVal") if role != "title" => {
                    name.clone_into(&mut role)
                }
                "pt" => at = attribute(&tag, "idx").and_then(|at| at.parse().ok()).unwrap_or(0).min(POINTS_MAX),
                "v" | "t" => inside = true,
                _ => {}
            },
            Ok(Event::Text(text)) if inside => value.push_str(&text),
            Ok(Event::GeneralRef(name)) if inside => value.extend(reference(&name)),
            Ok(Event::End(tag)) => match tag.local_name().into_inner() {
                "v" | "t" => {
                    inside = false;
                    let value = std::mem::take(&mut value);
                    match (role.as_str(), series.last_mut()) {
                        // Axes have titles, too, after the series; the chart's own comes first.
                        ("title", None) => title.push_str(&value),
                        ("tx", Some(last)) => last.name = value,
                        ("cat" | "xVal", Some(_)) => set(&mut categories, at, value),
                        ("val" | "yVal", Some(last)) => set(&mut last.values, at, value),
                        _ => {}
                    }
                }
                name @ ("title" | "tx" | "cat" | "val" | "xVal" | "yVal") if role == name => role.clear(),
                _ => {}
            },
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let table = table(&categories, &series);
    [title.trim(), &table].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn set(values: &mut Vec<String>, at: usize, value: String) {
    if values.len() <= at {
        values.resize(at + 1, String::new());
    }
    values[at] = value;
}

fn table(categories: &[String], series: &[Series]) -> String {
    let mut table = Table::default();
    table.row();
    table.cell(String::new());
    series.iter().for_each(|series| table.cell(series.name.clone()));
    let rows = series.iter().map(|series| series.values.len()).max().unwrap_or(0).max(categories.len());
    for at in 0..rows {
        table.row();
        table.cell(categories.get(at).cloned().unwrap_or_default());
        series.iter().for_each(|series| table.cell(series.values.get(at).cloned().unwrap_or_default()));
    }
    table.markdown()
}
