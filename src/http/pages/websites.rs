//! The page of web sites: what is kept in step, how far each has come, and adding more.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::texts::{Texts, say};
use super::{Day, Page, go_to, html_with, language, may_change};
use crate::app::error::Kind;
use crate::app::websites::{self, Wish};
use crate::domain::id::WebsiteId;
use crate::domain::website::{Every, Reach, Website, WebsiteState, shown};
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::nosia::websites::{every, id, reach};
use crate::limits;

#[derive(Template)]
#[template(path = "websites.html")]
struct WebsitesPage {
    page: Page,
    t: &'static Texts,
    wrong: Option<String>,
    counts_line: String,
    may_change: bool,
    form_token: String,
    form: Filled,
    depth_limit: u32,
    pages_limit: u32,
    settled: bool,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "website_states.html")]
struct States {
    counts_line: String,
    t: &'static Texts,
    may_change: bool,
    form_token: String,
    rows: Vec<Row>,
}

/// One web site as pages show it.
pub(super) struct Row {
    pub(super) id: WebsiteId,
    pub(super) url: String,
    /// The address without its scheme.
    pub(super) title: String,
    pub(super) facts: String,
    pub(super) read: Option<Day>,
    pub(super) state: &'static str,
    /// The state of a source whose colour it has.
    pub(super) dot: &'static str,
    pub(super) state_line: String,
    pub(super) is_settled: bool,
    pub(super) reason: Option<String>,
    pub(super) note: Option<String>,
}

/// An entry of a list to choose from.
pub(super) struct Choice {
    pub(super) word: &'static str,
    pub(super) label: &'static str,
    pub(super) here: bool,
}

/// The form as it is shown.
struct Filled {
    url: String,
    depth_max: String,
    pages_max: String,
    reaches: Vec<Choice>,
    everies: Vec<Choice>,
}

/// `GET /websites`.
pub async fn list(site: web::Data<Site>, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Failure> {
    page(&site, &request, &caller, &Form::default(), None).await
}

/// `GET /websites/states`: the rows, for the page's script.
pub async fn states(site: web::Data<Site>, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Failure> {
    let t = language(&request);
    let found = websites::list(&site.app, caller.principal()).await?;
    let settled = is_settled(&found);
    let states = States {
        counts_line: counts_line(t, &found),
        t,
        may_change: may_change(&caller),
        form_token: caller.form_token(),
        rows: found.into_iter().map(|website| Row::of(t, website)).collect(),
    };
    super::rows(&states, settled)
}

/// `POST /websites`.
pub async fn add(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    form: Form,
) -> Result<HttpResponse, Failure> {
    let added = match wish(&form) {
        Ok(wish) => websites::add(&site.app, caller.principal(), &wish).await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match added {
        Ok(_) => Ok(go_to("/websites")),
        Err(failure) if matches!(failure.kind, Kind::Invalid | Kind::Conflict) => {
            page(&site, &request, &caller, &form, Some(failure.message)).await
        }
        Err(failure) => Err(failure),
    }
}

/// `POST /websites/{id}/every`.
pub async fn set_every(
    site: web::Data<Site>,
    caller: Caller,
    path: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, Failure> {
    let id = id(&path)?;
    websites::set_every(&site.app, caller.principal(), id, every(form.get("every"))?).await?;
    Ok(go_to(&format!("/websites/{id}")))
}

/// `POST /websites/{id}/read`.
pub async fn read(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    websites::read_again(&site.app, caller.principal(), id(&path)?).await?;
    Ok(go_to("/websites"))
}

/// `POST /websites/{id}/stop`.
pub async fn stop(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    websites::stop(&site.app, caller.principal(), id(&path)?).await?;
    Ok(go_to("/websites"))
}

/// `POST /websites/{id}/delete`.
pub async fn delete(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    websites::remove(&site.app, caller.principal(), id(&path)?).await?;
    Ok(go_to("/websites"))
}

/// What the form asks for.
fn wish(form: &Form) -> Result<Wish, Failure> {
    let number = |name: &str, otherwise: u32| match form.get(name).trim() {
        "" => Ok(otherwise),
        text => text.parse().map_err(|_| Failure::field(name, format!("{text:?} is not a whole number."))),
    };
    Ok(Wish {
        url: form.get("url").to_owned(),
        reach: reach(form.get("reach"), number("depth_max", limits::WEB_DEPTH_MAX_DEFAULT)?)?,
        pages_max: Some(number("pages_max", limits::WEB_PAGES_MAX_DEFAULT)?),
        every: every(form.get("every"))?,
    })
}

async fn page(
    site: &Site,
    request: &HttpRequest,
    caller: &Caller,
    form: &Form,
    wrong: Option<String>,
) -> Result<HttpResponse, Failure> {
    let found = websites::list(&site.app, caller.principal()).await?;
    let page = Page::of(site, request, caller, "websites", None).await?;
    let t = page.t;
    let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let template = WebsitesPage {
        t,
        wrong,
        counts_line: counts_line(t, &found),
        may_change: may_change(caller),
        form_token: caller.form_token(),
        form: Filled::of(t, form),
        depth_limit: limits::WEB_DEPTH_MAX,
        pages_limit: limits::WEB_PAGES_MAX,
        settled: is_settled(&found),
        rows: found.into_iter().map(|website| Row::of(t, website)).collect(),
        page,
    };
    html_with(status, &template)
}

fn is_settled(found: &[Website]) -> bool {
    found.iter().all(|website| website.state.is_settled())
}

fn counts_line(t: &Texts, found: &[Website]) -> String {
    match found.len() {
        0 => String::new(),
        1 => t.websites_one.to_owned(),
        many => say(t.websites_many, &[&many]),
    }
}

impl Filled {
    fn of(t: &Texts, form: &Form) -> Filled {
        let or = |name: &str, otherwise: u32| match form.get(name) {
            "" => otherwise.to_string(),
            typed => typed.to_owned(),
        };
        let depth_max = limits::WEB_DEPTH_MAX_DEFAULT;
        let reaches = [Reach::Page, Reach::Sitemap, Reach::Crawl { depth_max }].map(|reach| Choice {
            word: reach.as_str(),
            label: reach_label(t, reach),
            here: form.get("reach") == reach.as_str(),
        });
        Filled {
            url: form.get("url").to_owned(),
            depth_max: or("depth_max", depth_max),
            pages_max: or("pages_max", limits::WEB_PAGES_MAX_DEFAULT),
            reaches: reaches.into(),
            everies: everies(t, Every::parse(form.get("every")).unwrap_or(Every::Never)),
        }
    }
}

/// How often a web site may be read, with `now` chosen.
pub(super) fn everies(t: &Texts, now: Every) -> Vec<Choice> {
    let choice = |every: Every| Choice { word: every.as_str(), label: every_label(t, every), here: every == now };
    [Every::Never, Every::Day, Every::Week].map(choice).into()
}

fn every_label(t: &Texts, every: Every) -> &'static str {
    match every {
        Every::Never => t.every_never,
        Every::Day => t.every_day,
        Every::Week => t.every_week,
    }
}

pub(super) fn reach_label(t: &Texts, reach: Reach) -> &'static str {
    match reach {
        Reach::Page => t.reach_page,
        Reach::Sitemap => t.reach_sitemap,
        Reach::Crawl { .. } => t.reach_crawl,
    }
}

impl Row {
    pub(super) fn of(t: &Texts, website: Website) -> Row {
        let mut facts = vec![reach_label(t, website.reach).to_owned()];
        match website.pages {
            0 => {}
            1 => facts.push(t.pages_one.to_owned()),
            many => facts.push(say(t.pages_many, &[&many])),
        }
        if website.failed > 0 {
            facts.push(say(t.web_pages_failed, &[&website.failed]));
        }
        if website.gone > 0 {
            facts.push(say(t.web_pages_gone, &[&website.gone]));
        }
        if website.every != Every::Never {
            facts.push(every_label(t, website.every).to_owned());
        }
        let (dot, state_line) = match website.state {
            WebsiteState::Waiting => ("waiting", t.state_waiting),
            WebsiteState::Reading => ("reading", t.state_reading),
            WebsiteState::Read => ("ready", t.website_read),
            WebsiteState::Failed { .. } => ("failed", t.state_failed),
            WebsiteState::Leaving => ("waiting", t.state_gone),
        };
        Row {
            id: website.id,
            title: shown(&website.url).to_owned(),
            url: website.url,
            facts: facts.join(" · "),
            read: website.read_at_ms.map(Day::of),
            state: website.state.as_str(),
            dot,
            state_line: state_line.to_owned(),
            is_settled: website.state.is_settled(),
            reason: match website.state {
                WebsiteState::Failed { reason } => Some(reason),
                _ => None,
            },
            note: website.note,
        }
    }
}
