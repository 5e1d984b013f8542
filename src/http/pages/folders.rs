//! The pages of folders: which are kept in step, adding more, and what became of the files of each.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::texts::{Texts, say};
use super::{Day, Page, Pager, go_to, html, html_with, language, may_change};
use crate::app::error::Kind;
use crate::app::folders;
use crate::domain::folder::{Folder, FolderFile, FolderFileState, FolderState};
use crate::domain::id::{FolderId, SourceId};
use crate::http::Site;
use crate::http::body::Form;
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::nosia::folders::id;

/// Rows on one page.
const ROWS: u32 = 100;

#[derive(Template)]
#[template(path = "folders.html")]
struct FoldersPage {
    page: Page,
    t: &'static Texts,
    wrong: Option<String>,
    counts_line: String,
    may_change: bool,
    /// Whether the caller may add and remove folders.
    may_own: bool,
    form_token: String,
    /// The folders in which others may be added.
    allowed: Vec<String>,
    typed: String,
    settled: bool,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "folder_states.html")]
struct States {
    counts_line: String,
    t: &'static Texts,
    may_change: bool,
    form_token: String,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "folder.html")]
struct FolderPage {
    page: Page,
    row: Row,
    may_change: bool,
    may_own: bool,
    files: Vec<FileRow>,
    pager: Pager,
}

/// One folder as pages show it.
struct Row {
    id: FolderId,
    path: String,
    facts: String,
    read: Option<Day>,
    state: &'static str,
    /// The state of a source whose colour it has.
    dot: &'static str,
    state_line: String,
    is_settled: bool,
    reason: Option<String>,
    note: Option<String>,
}

struct FileRow {
    path: String,
    source: Option<SourceId>,
    read: Day,
    dot: &'static str,
    state_line: &'static str,
    reason: Option<String>,
}

/// `GET /folders`.
pub async fn list(site: web::Data<Site>, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Failure> {
    page(&site, &request, &caller, "", None).await
}

/// `GET /folders/states`: the rows, for the page's script.
pub async fn states(site: web::Data<Site>, request: HttpRequest, caller: Caller) -> Result<HttpResponse, Failure> {
    let t = language(&request);
    let found = folders::list(&site.app, caller.principal()).await?;
    let settled = is_settled(&found);
    let states = States {
        counts_line: counts_line(t, &found),
        t,
        may_change: may_change(&caller),
        form_token: caller.form_token(),
        rows: found.into_iter().map(|folder| Row::of(t, folder)).collect(),
    };
    super::rows(&states, settled)
}

/// `POST /folders`.
pub async fn add(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    form: Form,
) -> Result<HttpResponse, Failure> {
    let typed = form.get("path");
    match folders::add(&site.app, caller.principal(), typed).await {
        Ok(_) => Ok(go_to("/folders")),
        Err(error) if matches!(error.kind, Kind::Invalid | Kind::Conflict) => {
            page(&site, &request, &caller, typed, Some(error.message)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /folders/{id}?page=`.
pub async fn show(
    site: web::Data<Site>,
    request: HttpRequest,
    caller: Caller,
    path: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = id(&path)?;
    let number = Form::parse(request.query_string().as_bytes()).get("page").parse().unwrap_or(1);
    let number: u32 = u32::clamp(number, 1, u32::MAX / ROWS);
    let folder = folders::get(&site.app, caller.principal(), id).await?;
    let found = folders::files(&site.app, caller.principal(), id, (number - 1) * ROWS, ROWS).await?;
    let page = Page::of(&site, &request, &caller, "folders", None).await?;
    let t = page.t;
    html(&FolderPage {
        row: Row::of(t, folder),
        may_change: may_change(&caller),
        may_own: caller.principal().must_own().is_ok(),
        pager: Pager::of(t, number, ROWS, found.rows.len(), found.total, |number| {
            format!("/folders/{id}?page={number}")
        }),
        files: found.rows.into_iter().map(|file| FileRow::of(t, file)).collect(),
        page,
    })
}

/// `POST /folders/{id}/read`.
pub async fn read(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    folders::read_again(&site.app, caller.principal(), id(&path)?).await?;
    Ok(go_to("/folders"))
}

/// `POST /folders/{id}/delete`.
pub async fn delete(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    folders::remove(&site.app, caller.principal(), id(&path)?).await?;
    Ok(go_to("/folders"))
}

async fn page(
    site: &Site,
    request: &HttpRequest,
    caller: &Caller,
    typed: &str,
    wrong: Option<String>,
) -> Result<HttpResponse, Failure> {
    let found = folders::list(&site.app, caller.principal()).await?;
    let page = Page::of(site, request, caller, "folders", None).await?;
    let t = page.t;
    let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let allowed = folders::allowed(&site.app, caller.principal());
    let template = FoldersPage {
        t,
        wrong,
        counts_line: counts_line(t, &found),
        may_change: may_change(caller),
        may_own: caller.principal().must_own().is_ok(),
        form_token: caller.form_token(),
        allowed: allowed.iter().map(|folder| folder.display().to_string()).collect(),
        typed: typed.to_owned(),
        settled: is_settled(&found),
        rows: found.into_iter().map(|folder| Row::of(t, folder)).collect(),
        page,
    };
    html_with(status, &template)
}

fn is_settled(found: &[Folder]) -> bool {
    found.iter().all(|folder| folder.state.is_settled())
}

fn counts_line(t: &Texts, found: &[Folder]) -> String {
    match found.len() {
        0 => String::new(),
        1 => t.folders_one.to_owned(),
        many => say(t.folders_many, &[&many]),
    }
}

impl Row {
    fn of(t: &Texts, folder: Folder) -> Row {
        let mut facts = Vec::new();
        match folder.files {
            0 => {}
            1 => facts.push(t.files_one.to_owned()),
            many => facts.push(say(t.files_many, &[&many])),
        }
        if folder.failed > 0 {
            facts.push(say(t.files_failed, &[&folder.failed]));
        }
        if folder.gone > 0 {
            facts.push(say(t.files_gone, &[&folder.gone]));
        }
        let (dot, state_line) = match folder.state {
            FolderState::Waiting => ("waiting", t.state_waiting),
            FolderState::Reading => ("reading", t.state_reading),
            FolderState::Read => ("ready", t.folder_in_step),
            FolderState::Failed { .. } => ("failed", t.state_failed),
            FolderState::Leaving => ("waiting", t.state_gone),
        };
        Row {
            id: folder.id,
            path: folder.path,
            facts: facts.join(" · "),
            read: folder.read_at_ms.map(Day::of),
            state: folder.state.as_str(),
            dot,
            state_line: state_line.to_owned(),
            is_settled: folder.state.is_settled(),
            reason: match folder.state {
                FolderState::Failed { reason } => Some(reason),
                _ => None,
            },
            note: folder.note,
        }
    }
}

impl FileRow {
    fn of(t: &Texts, file: FolderFile) -> FileRow {
        let (dot, state_line) = match file.state {
            FolderFileState::Read => ("ready", t.file_in_step),
            FolderFileState::Gone => ("waiting", t.web_page_gone),
            FolderFileState::Failed { .. } => ("failed", t.web_page_failed),
            FolderFileState::Dropped => ("waiting", t.web_page_dropped),
        };
        FileRow {
            reason: file.state.reason().map(str::to_owned),
            path: file.path,
            source: file.source,
            read: Day::of(file.read_at_ms),
            dot,
            state_line,
        }
    }
}
