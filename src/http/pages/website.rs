//! The page of one web site: what became of each of its pages.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::texts::Texts;
use super::websites::{Choice, Row, everies, reach_label};
use super::{Day, Page, Pager, html, may_change};
use crate::app::websites;
use crate::domain::id::SourceId;
use crate::domain::website::{Reach, WebPage, WebPageState, shown};
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::nosia::websites::id;

/// Rows on one page.
const ROWS: u32 = 100;

#[derive(Template)]
#[template(path = "website.html")]
struct WebsitePage {
    page: Page,
    row: Row,
    due: Option<Day>,
    facts: Vec<(&'static str, String)>,
    may_change: bool,
    everies: Vec<Choice>,
    pages: Vec<PageRow>,
    pager: Pager,
}

struct PageRow {
    url: String,
    title: String,
    source: Option<SourceId>,
    read: Option<Day>,
    dot: &'static str,
    state_line: &'static str,
    reason: Option<String>,
}

/// `GET /websites/{id}?page=`.
pub async fn show(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = id(&path)?;
    let number = Form::parse(request.query_string().as_bytes()).get("page").parse().unwrap_or(1);
    let number: u32 = u32::clamp(number, 1, u32::MAX / ROWS);
    let website = websites::get(&site.app, caller.principal(), id).await?;
    let found = websites::pages(&site.app, caller.principal(), id, (number - 1) * ROWS, ROWS).await?;
    let page = Page::of(&site, &request, &caller, "websites", None).await?;
    let t = page.t;
    let mut facts = vec![(t.reach, reach_label(t, website.reach).to_owned()), (t.pages, website.pages.to_string())];
    if let Reach::Crawl { depth_max } = website.reach {
        facts.push((t.depth_max, depth_max.to_string()));
    }
    if website.reach != Reach::Page {
        facts.push((t.pages_max, website.pages_max.to_string()));
    }
    html(&WebsitePage {
        due: website.due_at_ms.filter(|_| website.state.is_settled()).map(Day::of),
        everies: everies(t, website.every),
        row: Row::of(t, website),
        facts,
        may_change: may_change(&caller),
        pager: Pager::of(t, number, ROWS, found.rows.len(), found.total, |number| {
            format!("/websites/{id}?page={number}")
        }),
        pages: found.rows.into_iter().map(|page| PageRow::of(t, page)).collect(),
        page,
    })
}

impl PageRow {
    fn of(t: &Texts, page: WebPage) -> PageRow {
        let (dot, state_line) = match page.state {
            WebPageState::Found => ("waiting", t.web_page_found),
            WebPageState::Read => ("ready", t.web_page_read),
            WebPageState::Gone { .. } => ("waiting", t.web_page_gone),
            WebPageState::Skipped { .. } => ("waiting", t.web_page_skipped),
            WebPageState::Failed { .. } => ("failed", t.web_page_failed),
            WebPageState::Dropped => ("waiting", t.web_page_dropped),
        };
        PageRow {
            title: shown(&page.url).to_owned(),
            reason: page.state.reason().map(str::to_owned),
            url: page.url,
            source: page.source,
            read: page.read_at_ms.map(Day::of),
            dot,
            state_line,
        }
    }
}
