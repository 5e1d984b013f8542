//! `GET /sources/{id}/passage?version=&start=&end=`: a cited stretch of text in its surroundings, for the panel.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::reading::{self, Block, Shown, Style};
use super::texts::{Texts, say, unit_label};
use super::{Place, html, language};
use crate::app::sources;
use crate::domain::extract::{Span, page_at};
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::nosia::sources::id;

/// Bytes shown before and after the stretch, up to the borders of lines.
const SURROUNDINGS_BYTES: usize = 1_200;

#[derive(Template)]
#[template(path = "passage.html")]
struct PassagePage {
    t: &'static Texts,
    title: String,
    where_line: String,
    blocks: Vec<Block>,
    href: String,
    original: String,
}

/// The fragment.
pub async fn show(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (version, span) = read_place(&request)?;
    let span = span.ok_or_else(Failure::not_found)?;
    let read = sources::text(&site.app, caller.principal(), id(&path)?, version).await?;
    if span.of(&read.extract.markdown).is_empty() {
        return Err(Failure::not_found());
    }
    let t = language(&request);
    let window = reading::around(&read.extract.markdown, span, SURROUNDINGS_BYTES);
    let page_label = unit_label(t, read.extract.unit);
    let shown = Shown { window, mark: Some(span), page_label };
    let blocks = reading::blocks(&read.extract.markdown, &read.extract.pages, &shown);
    let page = page_at(&read.extract.pages, span.start).map(|page| say(page_label, &[&page]));
    let file = Some(&read.source.file_name).filter(|name| **name != read.source.title).cloned();
    let where_line = file.into_iter().chain(page).collect::<Vec<_>>().join(" · ");
    html(&PassagePage {
        t,
        title: read.source.title.clone(),
        where_line,
        blocks,
        href: Place::new(read.source.id, read.version, span).href,
        original: format!("/sources/{}/original", read.source.id),
    })
}

/// `version`, and `start` to `end`, of an address. A missing one is `None`, a senseless one leads nowhere.
pub fn read_place(request: &HttpRequest) -> Result<(Option<u32>, Option<Span>), Failure> {
    let query = Form::parse(request.query_string().as_bytes());
    let number = |name: &str| match query.get(name) {
        "" => Ok(None),
        text => text.parse::<usize>().map(Some).map_err(|_| Failure::not_found()),
    };
    let version = number("version")?.map(u32::try_from).transpose().map_err(|_| Failure::not_found())?;
    let span = match (number("start")?, number("end")?) {
        (Some(start), Some(end)) if start < end => Some(Span { start, end }),
        (None, None) => None,
        _ => return Err(Failure::not_found()),
    };
    Ok((version, span))
}
