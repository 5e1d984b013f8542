//! PowerPoint presentations: each slide's title, texts, tables, charts, notes and comments.
//!
//! What stands on every slide (date, footer, number) and what lies only on masters and layouts is left out, and so are
//! slides that are hidden; a note says so.

mod ppt;
mod shape;
mod slide;

use super::comments::{self, People};
use super::package::Package;
use super::xml::attribute;
use super::{ExtractError, Hear, Heard, chart, text};
use crate::domain::extract::{Extract, Unit};
use crate::limits;
pub(super) use ppt::read as read_ppt;
use shape::Shape;

use quick_xml::Reader;
use quick_xml::events::Event;

/// Reads a presentation, a page a slide.
pub(super) fn read(bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let mut package = Package::open(bytes)?;
    let path = package.main_part()?.unwrap_or_else(|| "ppt/presentation.xml".to_owned());
    let Some(presentation) = package.text(&path)? else {
        return Err(ExtractError::Unsupported { found: "a ZIP archive".to_owned() });
    };
    let relations = package.relations(&path)?;
    let mut extract = Extract { unit: Unit::Slide, ..Extract::default() };
    package.about(&mut extract)?;
    let people = People::of(&mut package, &relations)?;
    let ids = slide_ids(&presentation);
    let total = u32::try_from(ids.len()).unwrap_or(u32::MAX).min(limits::EXTRACT_PAGES_MAX);
    for (id, number) in ids.iter().zip(1..=total) {
        let target = relations.iter().find(|relation| relation.id == *id).map(|relation| relation.target.as_str());
        let markdown = target.map(|target| one(&mut package, target, &people)).transpose()?.flatten();
        if markdown.is_none() {
            extract.notes.push(format!("Slide {number} is hidden or missing and was left out."));
        }
        extract.add_page(&markdown.unwrap_or_default(), total);
        hear(Heard::Page { done: number, total });
    }
    title_from_slides(&mut extract);
    Ok(extract)
}

/// Where the title is one that PowerPoint gives by itself, puts that of the first slide in its place.
fn title_from_slides(extract: &mut Extract) {
    let is_given = |title: &str| {
        let lower = title.to_lowercase();
        let named = lower.contains("powerpoint") && title.split_whitespace().count() <= 4;
        let numbered =
            ["slide ", "folie ", "diapositive ", "diapositiva "].iter().find_map(|word| lower.strip_prefix(word));
        named || numbered.is_some_and(|number| number.trim().parse::<u32>().is_ok())
    };
    if extract.title.as_deref().is_none_or(is_given) {
        let first = extract.pages.first().map_or("", |page| page.span.of(&extract.markdown));
        extract.title = first.strip_prefix("# ").and_then(|first| first.lines().next()).map(str::to_owned);
    }
}

/// The slide at `path` in Markdown; `None` if it is hidden or is not there.
fn one(package: &mut Package<'_>, path: &str, people: &People) -> Result<Option<String>, ExtractError> {
    let Some(slide) = package.text(path)?.and_then(|xml| slide::read(&xml)) else { return Ok(None) };
    let relations = package.relations(path)?;
    let mut blocks = Vec::new();
    for shape in slide {
        match shape {
            Shape::Title(text) => blocks.insert(0, format!("# {text}")),
            Shape::Text(text) => blocks.push(text),
            Shape::Part(id) => {
                let Some(relation) = relations.iter().find(|relation| relation.id == id) else { continue };
                let Some(xml) = package.text(&relation.target)? else { continue };
                blocks.push(match relation.kind.as_str() {
                    "chart" => chart::read(&xml),
                    _ => slide::lines(&xml).join("\n\n"),
                });
            }
        }
    }
    if let Some(notes) = relations.iter().find(|relation| relation.kind == "notesSlide") {
        let xml = package.text(&notes.target)?.unwrap_or_default();
        blocks.extend(slide::notes(&xml));
    }
    blocks.extend(comments::read(package, &relations, people)?);
    blocks.retain(|block| !block.trim().is_empty());
    Ok(Some(text::clean(&blocks.join("\n\n"))))
}

/// The relations by which the slides are found, in the order in which they are shown.
fn slide_ids(presentation: &str) -> Vec<String> {
    let mut reader = Reader::from_str(presentation);
    let mut ids = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) if tag.local_name().into_inner() == "sldId" => {
                // It has an `id` of its own beside the relation's, which has a prefix.
                let relation = tag.attributes().with_checks(false).flatten().find(|attribute| {
                    attribute.key.prefix().is_some() && attribute.key.local_name().into_inner() == "id"
                });
                ids.extend(relation.map(|relation| relation.value.into_owned()));
            }
            Ok(Event::Eof) | Err(_) => return ids,
            Ok(_) => {}
        }
    }
}

/// The place in a list of values that an element's attribute names.
fn place(tag: &quick_xml::events::BytesStart<'_>, name: &str) -> Option<usize> {
    attribute(tag, name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::domain::extract::Unit;
    use crate::ingest::extract::ExtractError;
    use crate::ingest::extract::package::packed;

    fn shape(kind: &str, paragraphs: &str) -> String {
        format!("<p:sp><p:nvSpPr><p:nvPr>{kind}</p:nvPr></p:nvSpPr><p:txBody>{paragraphs}</p:txBody></p:sp>")
    }

    fn p(properties: &str, text: &str) -> String {
        format!("<a:p>{properties}<a:r><a:t>{text}</a:t></a:r></a:p>")
    }

    /// A presentation whose slides have these shapes; the first has notes and a chart as well.
    fn presentation(slides: &[(&str, &str)]) -> Vec<u8> {
        let (mut list, mut rels, mut parts) = (String::new(), String::new(), Vec::new());
        for ((attributes, shapes), number) in slides.iter().zip(1..) {
            list.push_str(&format!("<p:sldId id=\"25{number}\" r:id=\"r{number}\"/>"));
            rels.push_str(&format!(
                "<Relationship Id=\"r{number}\" Type=\"x/slide\" Target=\"slides/s{number}.xml\"/>"
            ));
            parts.push((
                format!("ppt/slides/s{number}.xml"),
                format!("<p:sld {attributes}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"),
            ));
        }
        let first = "<Relationships><Relationship Id=\"n\" Type=\"x/notesSlide\" Target=\"../notes.xml\"/>\
            <Relationship Id=\"c\" Type=\"x/chart\" Target=\"../chart.xml\"/></Relationships>";
        let notes =
            [shape("<p:ph type=\"sldNum\"/>", &p("", "1")), shape("<p:ph type=\"body\"/>", &p("", "say it"))].concat();
        let cache = |values: &[&str]| {
            let points =
                values.iter().zip(0..).map(|(value, at)| format!("<c:pt idx=\"{at}\"><c:v>{value}</c:v></c:pt>"));
            format!("<c:strCache>{}</c:strCache>", points.collect::<String>())
        };
        let chart = format!(
            "<c:chart><c:title><a:p><a:r><a:t>Ducks</a:t></a:r></a:p></c:title><c:ser><c:tx>{}</c:tx><c:cat>{}</c:cat><c:val>{}</c:val></c:ser></c:chart>",
            cache(&["wild"]),
            cache(&["2019", "2020"]),
            cache(&["120", "130"])
        );
        parts.extend([
            (
                "ppt/presentation.xml".to_owned(),
                format!("<p:presentation><p:sldIdLst>{list}</p:sldIdLst></p:presentation>"),
            ),
            ("ppt/_rels/presentation.xml.rels".to_owned(), format!("<Relationships>{rels}</Relationships>")),
            ("ppt/slides/_rels/s1.xml.rels".to_owned(), first.to_owned()),
            ("ppt/notes.xml".to_owned(), format!("<p:notes>{notes}</p:notes>")),
            ("ppt/chart.xml".to_owned(), chart),
        ]);
        let parts: Vec<(&str, &str)> = parts.iter().map(|(name, xml)| (name.as_str(), xml.as_str())).collect();
        packed(&parts)
    }

    #[test]
    fn slides_are_pages_with_titles_lists_tables_charts_and_notes() {
        let cell =
            |attributes: &str, text: &str| format!("<a:tc {attributes}><a:txBody>{}</a:txBody></a:tc>", p("", text));
        let table = format!(
            "<p:graphicFrame><a:tbl><a:tr>{}{}</a:tr><a:tr>{}{}</a:tr></a:tbl></p:graphicFrame>",
            cell("gridSpan=\"2\"", "a"),
            cell("hMerge=\"1\"", ""),
            cell("", "b"),
            cell("", "c")
        );
        let shapes = [
            shape("<p:ph type=\"ftr\"/>", &p("", "every slide")),
            shape("<p:ph idx=\"1\"/>", &[p("", "x"), p("<a:pPr lvl=\"1\"/>", "y &amp; z")].concat()),
            shape("<p:ph type=\"title\"/>", &p("", "Plan")),
            shape(
                "",
                &[
                    p("<a:pPr><a:buAutoNum type=\"arabicPeriod\"/></a:pPr>", "one"),
                    p("<a:pPr><a:buAutoNum/></a:pPr>", "two"),
                ]
                .concat(),
            ),
            "<p:grpSp>".to_owned() + &shape("", &p("", "within")) + "</p:grpSp>",
            table,
            "<p:graphicFrame><c:chart r:id=\"c\"/></p:graphicFrame>".to_owned(),
        ];
        let bytes = presentation(&[
            ("", &shapes.concat()),
            ("show=\"0\"", &shape("", &p("", "gone"))),
            ("", &shape("", &p("", "end"))),
        ]);
        let extract = read(&bytes, &mut |_| {}).expect("a sound presentation");
        let expected = "# Plan\n\n- x\n  - y & z\n\n1. one\n2. two\n\nwithin\n\n| a | a |\n| --- | --- |\n| b | c |\n\nDucks\n\n\
            |  | wild |\n| --- | --- |\n| 2019 | 120 |\n| 2020 | 130 |\n\nsay it\n\nend";
        assert_eq!(extract.markdown, expected);
        assert_eq!((extract.unit, extract.pages.len(), extract.notes.len()), (Unit::Slide, 3, 1));
        assert_eq!(extract.page_at(extract.markdown.len() - 1), Some(3));
    }

    #[test]
    fn what_is_broken_is_refused_or_left_out() {
        assert!(matches!(read(&packed(&[("a", "b")]), &mut |_| {}), Err(ExtractError::Unsupported { .. })));
        let broken = presentation(&[("", "<p:sp><p:txBody><a:p><a:r><a:t>begun</a:t></a:r></a:p></p:wrong>")]);
        assert!(read(&broken, &mut |_| {}).expect("as far as it goes").markdown.contains("begun"));
        let deep = presentation(&[("", &"<p:grpSp><a:tbl><a:tr><a:tc>".repeat(50_000))]);
        assert!(read(&deep, &mut |_| {}).is_ok());
    }
}
