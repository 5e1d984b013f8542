//! PDFs written by the tests themselves, run by run.

use super::read;
use crate::domain::extract::Extract;
use crate::ingest::extract::{ExtractError, Heard};

/// A run of text: place of its baseline from the lower left corner, size, text, and whether it is bold.
type Run<'a> = (f32, f32, f32, &'a str, bool);

/// A PDF of these pages, each 612 by 792 points.
fn pdf(pages: &[Vec<Run<'_>>]) -> Vec<u8> {
    let font = |name: &str| format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>");
    let kids: String = (0..pages.len()).map(|at| format!("{} 0 R ", 5 + 2 * at)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Count {} /Kids [ {kids}] >>", pages.len()),
        font("Helvetica"),
        font("Helvetica-Bold"),
    ];
    for (page, at) in pages.iter().zip(0..) {
        let mut content = String::new();
        for (x, y, size, text, bold) in page {
            let font = if *bold { "B" } else { "R" };
            let text = text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
            content.push_str(&format!("BT /{font} {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n"));
        }
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R \
             /Resources << /Font << /R 3 0 R /B 4 0 R >> >> >>",
            6 + 2 * at
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}endstream", content.len()));
    }
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (object, number) in objects.iter().zip(1..) {
        places.push(out.len());
        out.extend(format!("{number} 0 obj\n{object}\nendobj\n").bytes());
    }
    let start = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).bytes());
    out.extend(places.iter().flat_map(|place| format!("{place:010} 00000 n \n").into_bytes()));
    out.extend(format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", places.len() + 1).bytes());
    out
}

/// Runs one below the other from the left margin, 14 points apart, all of 11 points.
fn column<'a>(left: f32, top: f32, lines: &[&'a str]) -> Vec<Run<'a>> {
    lines.iter().zip(0u8..).map(|(text, at)| (left, top - 14.0 * f32::from(at), 11.0, *text, false)).collect()
}

fn extract(pages: &[Vec<Run<'_>>]) -> Extract {
    read(&pdf(pages), &mut |_| {}).expect("a sound PDF")
}

const LINE: &str = "This line of body text is long enough to reach the right margin here";

#[test]
fn lines_become_paragraphs_headings_and_lists() {
    let mut page = vec![(72.0, 720.0, 20.0, "The Title of It", false)];
    page.extend(column(72.0, 680.0, &[LINE, "and the para-", "graph ends."]));
    page.push((72.0, 610.0, 11.0, "A Bold Heading", true));
    page.extend(column(72.0, 590.0, &[LINE, "Here a second sentence begins."]));
    let wrapped = "- first item of the list goes to the right margin of this page, and";
    page.extend(column(72.0, 540.0, &[wrapped, "on", "- second item"]));
    let extract = extract(&[page]);
    let expected = format!(
        "# The Title of It\n\n{LINE} and the paragraph ends.\n\n## A Bold Heading\n\n{LINE} Here a second sentence begins.\n\n\
         - first item of the list goes to the right margin of this page, and on\n- second item"
    );
    assert_eq!(extract.markdown, expected);
    assert_eq!(extract.title.as_deref(), Some("The Title of It"));
}

#[test]
fn pages_lie_end_to_end_and_those_without_text_are_unread() {
    let pages = [column(72.0, 700.0, &["First page."]), vec![], column(72.0, 700.0, &["Third page."])];
    let extract = extract(&pages);
    let texts: Vec<_> = extract.pages.iter().map(|page| (page.number, page.span.of(&extract.markdown))).collect();
    assert_eq!(texts, [(1, "First page.\n\n"), (2, ""), (3, "Third page.")]);
    assert_eq!(extract.unread.iter().map(|unread| unread.page).collect::<Vec<_>>(), [2]);
    assert_eq!(extract.page_at(texts[0].1.len()), Some(3));
}

#[test]
fn running_headers_and_page_numbers_are_left_out() {
    let texts = ["Alpha is here.", "Beta is here.", "Gamma is here.", "Delta is here."];
    let numbers = ["Page 1 of 4", "Page 2 of 4", "Page 3 of 4", "Page 4 of 4"];
    let page = |at: usize| {
        vec![
            (72.0, 760.0, 9.0, "Annual Report", false),
            (72.0, 600.0, 11.0, texts[at], false),
            (72.0, 500.0, 11.0, "Repeated in the middle.", false),
            (300.0, 30.0, 9.0, numbers[at], false),
        ]
    };
    let extract = extract(&[page(0), page(1), page(2), page(3)]);
    assert!(!extract.markdown.contains("Annual") && !extract.markdown.contains("Page"), "{}", extract.markdown);
    assert_eq!(extract.markdown.matches("Repeated in the middle.").count(), 4);
}

#[test]
fn columns_are_read_one_after_the_other() {
    let left = [
        "The left column begins here and",
        "goes on for a number of lines so",
        "that its shape is plain to see,",
        "and it ends here.",
    ];
    let right = [
        "The right column begins here and",
        "goes on for a number of lines so",
        "that its shape is plain to see,",
        "and it ends there.",
    ];
    let mut page = column(60.0, 700.0, &left.repeat(5));
    page.extend(column(330.0, 700.0, &right.repeat(5)));
    let markdown = extract(&[page]).markdown;
    let (ends, begins) = (markdown.rfind("ends here."), markdown.find("The right"));
    assert!(ends.is_some() && ends < begins, "{markdown}");
}

#[test]
fn rows_of_cells_become_a_table() {
    let mut page = column(72.0, 700.0, &[LINE, "The table follows."]);
    for (row, y) in [["Plan", "Copay"], ["Standard", "$30"], ["Plus", "$20"]].into_iter().zip([640.0, 624.0, 608.0]) {
        page.push((72.0, y, 11.0, row[0], false));
        page.push((250.0, y, 11.0, row[1], false));
    }
    let markdown = extract(&[page]).markdown;
    assert!(markdown.ends_with("| Plan | Copay |\n| --- | --- |\n| Standard | $30 |\n| Plus | $20 |"), "{markdown}");
}

#[test]
fn progress_is_told_page_by_page() {
    let mut told = Vec::new();
    let pages = [column(72.0, 700.0, &["one"]), column(72.0, 700.0, &["two"])];
    let mut hear = |heard: Heard<'_>| {
        if let Heard::Page { done, total } = heard {
            told.push((done, total));
        }
    };
    read(&pdf(&pages), &mut hear).expect("a sound PDF");
    assert_eq!(told, [(1, 2), (2, 2)]);
}

#[test]
fn what_has_no_text_is_unread_and_what_is_no_pdf_refused() {
    let blank = read(&pdf(&[vec![], vec![]]), &mut |_| {}).expect("it may be two scanned pages");
    assert_eq!(blank.unread.iter().map(|unread| unread.page).collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(read(b"%PDF-1.7\nno objects", &mut |_| {}), Err(ExtractError::Damaged(_))));
    let whole = pdf(&[column(72.0, 700.0, &["text"])]);
    for length in (0..whole.len()).step_by(7) {
        // Whatever is missing: an answer, and no panic.
        let _ = read(&whole[..length], &mut |_| {});
    }
}
