//! What is written here, by forms: adding a text or a question with its answer, and changing either.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::sources as listing;
use super::{Page, go_to, html_with};
use crate::app::error::Kind;
use crate::app::{sources, texts};
use crate::domain::id::SourceId;
use crate::domain::source::{Source, SourceKind};
use crate::domain::written::Written;
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::nosia::sources::id;
use crate::limits;

#[derive(Template)]
#[template(path = "written.html")]
struct WrittenPage {
    page: Page,
    id: SourceId,
    title: String,
    is_qna: bool,
    wrong: Option<String>,
    typed_title: String,
    typed_body: String,
    title_max: usize,
}

/// What a form of this kind holds: its fields are `title` and `text` for either.
fn typed(kind: SourceKind, form: &Form) -> Written {
    // A browser sends lines that end as those of Windows do.
    let (title, body) = (form.get("title").to_owned(), form.get("text").replace("\r\n", "\n"));
    match kind {
        SourceKind::Qna => Written::Qna { question: title, answer: body },
        SourceKind::Text | SourceKind::Document | SourceKind::Website => Written::Text { title, text: body },
    }
}

/// `POST /texts`: a text written here.
pub async fn add_text(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    form: Form,
) -> Result<HttpResponse, Failure> {
    add(&site, &request, &caller, typed(SourceKind::Text, &form)).await
}

/// `POST /qnas`: a question with its answer.
pub async fn add_qna(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    form: Form,
) -> Result<HttpResponse, Failure> {
    add(&site, &request, &caller, typed(SourceKind::Qna, &form)).await
}

async fn add(site: &Site, request: &HttpRequest, caller: &Caller, written: Written) -> Result<HttpResponse, Failure> {
    match texts::add(&site.app, caller.principal(), &written).await {
        Ok(_) => Ok(go_to("/sources")),
        Err(error) if error.kind == Kind::Invalid => {
            let before = listing::Before { wrong: Some(error.message), written: Some(written) };
            listing::page(site, request, caller, StatusCode::BAD_REQUEST, before).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /sources/{id}/edit`.
pub async fn show(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (source, written) = texts::get(&site.app, caller.principal(), id(&path)?).await?;
    page(&site, &request, &caller, source, &written, None).await
}

/// `POST /sources/{id}/edit`.
pub async fn save(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, Failure> {
    let source = sources::get(&site.app, caller.principal(), id(&path)?).await?;
    let written = typed(source.kind, &form);
    match texts::change(&site.app, caller.principal(), source.id, &written).await {
        Ok(_) => Ok(go_to(&format!("/sources/{}", source.id))),
        Err(error) if matches!(error.kind, Kind::Invalid | Kind::Conflict) => {
            page(&site, &request, &caller, source, &written, Some(error.message)).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn page(
    site: &Site,
    request: &HttpRequest,
    caller: &Caller,
    source: Source,
    written: &Written,
    wrong: Option<String>,
) -> Result<HttpResponse, Failure> {
    let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let template = WrittenPage {
        title: source.title,
        page: Page::of(site, request, caller, "sources", None).await?,
        id: source.id,
        is_qna: written.kind() == SourceKind::Qna,
        wrong,
        typed_title: written.title(),
        typed_body: written.body().to_owned(),
        title_max: limits::TITLE_CHARS_MAX,
    };
    html_with(status, &template)
}
