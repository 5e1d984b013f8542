//! `/api/v1/files` and `/api/v1/sources`: adding, listing, reading, stopping, retrying, deleting.

use std::path::Path;
use std::time::Duration;

use actix_multipart::{Field, Multipart};
use actix_web::http::header::{self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream::Fuse;
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use crate::app::error::Kind;
use crate::app::sources::{self, Added, SourceFilter};
use crate::domain::extract::PageSpan;
use crate::domain::id::SourceId;
use crate::domain::source::{Source, SourceKind};
use crate::http::body::{self, Form, stalled};
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::{Site, nosia};
use crate::limits;

/// Bytes read from an original at once.
const READ_BYTES: usize = 64 << 10;

/// `POST /api/v1/files`: 202 with what became of each file, in their order. A single file that is refused gives the
/// error itself.
pub async fn upload(site: web::Data<Site>, caller: Caller, form: Multipart) -> Result<HttpResponse, Failure> {
    let mut received = receive(&site, &caller, form).await?;
    if let [(_, Err(_))] = received.as_slice()
        && let Some((_, Err(failure))) = received.pop()
    {
        return Err(failure);
    }
    let sources: Vec<Value> = received.iter().map(|(name, result)| told(name, result)).collect();
    Ok(HttpResponse::Accepted().json(json!({ "sources": sources })))
}

fn told(name: &str, result: &Result<Added, Failure>) -> Value {
    match result {
        Ok(added) => nosia::added(added),
        Err(failure) => {
            failure.log("/api/v1/files");
            let mut shape = failure.json();
            shape["file_name"] = json!(name);
            shape
        }
    }
}

/// What became of each file of a form, by the name it came under. Files go to disk as they arrive and are never held in
/// memory. An error of the whole request is returned as such; one file's error leaves the others alone.
pub async fn receive(
    site: &Site,
    caller: &Caller,
    mut form: Multipart,
) -> Result<Vec<(String, Result<Added, Failure>)>, Failure> {
    let mut received = Vec::new();
    while let Some(field) = within_silence(form.next()).await? {
        let field = field.map_err(broken)?;
        let name = file_name(&field);
        // A field must not be asked again after its end; fused, it may be.
        let mut field = field.fuse();
        let Some(name) = name else {
            while within_silence(field.next()).await?.is_some() {}
            continue;
        };
        if received.len() == limits::UPLOAD_FILES_MAX {
            let most = limits::UPLOAD_FILES_MAX;
            return Err(Failure::new(
                Kind::TooLarge,
                format!(
                    "One request may hold {most} files; send the others in another. The first {most} were received."
                ),
            ));
        }
        match receive_one(site, caller, &name, &mut field).await {
            Err(failure) if matches!(failure.kind, Kind::Forbidden | Kind::DiskFull) => {
                body::discard(field, limits::DISCARDED_BYTES_MAX).await;
                return Err(failure);
            }
            // Only what is far too large is not read to its end: the connection ends with the answer then.
            Err(failure) if !body::discard(&mut field, limits::UPLOAD_BYTES_MAX).await => return Err(failure),
            result => received.push((name, result)),
        }
    }
    if received.is_empty() {
        return Err(Failure::field(
            "files",
            "The form holds no file. Send each as a field `files` with its file name.",
        ));
    }
    Ok(received)
}

async fn receive_one(site: &Site, caller: &Caller, name: &str, field: &mut Fuse<Field>) -> Result<Added, Failure> {
    let mut upload = sources::begin(&site.app, caller.principal(), name).await?;
    while let Some(part) = within_silence(field.next()).await? {
        upload.write(&part.map_err(broken)?).await?;
    }
    Ok(upload.finish().await?)
}

/// The name that the sender gives a file; `None` for a field that is no file.
fn file_name(field: &Field) -> Option<String> {
    let disposition = field.content_disposition()?;
    let extended = disposition.get_filename_ext().and_then(|name| String::from_utf8(name.value.clone()).ok());
    extended.or_else(|| disposition.get_filename().map(str::to_owned))
}

async fn within_silence<T>(next: impl Future<Output = T>) -> Result<T, Failure> {
    let silence = Duration::from_secs(limits::BODY_SILENCE_SECONDS_MAX);
    tokio::time::timeout(silence, next).await.map_err(|_| stalled())
}

fn broken(error: actix_multipart::MultipartError) -> Failure {
    Failure::new(
        Kind::Invalid,
        format!("The upload broke off or is no multipart form: {error}. Nothing of the unfinished file was kept."),
    )
}

/// `GET /api/v1/sources?words=&state=&kind=&offset=&limit=`.
pub async fn list(site: web::Data<Site>, caller: Caller, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let filter = read_filter(&Form::parse(request.query_string().as_bytes()))?;
    let offset = filter.offset;
    let page = sources::list(&site.app, caller.principal(), filter).await?;
    Ok(HttpResponse::Ok().json(json!({
        "sources": page.rows.iter().map(nosia::source).collect::<Vec<_>>(),
        "offset": offset,
        "total": page.total,
    })))
}

/// The states that a listing may be narrowed to; `working` is all that are neither ready nor failed, `unread` all
/// that failed or have pages that were not read.
const STATES: [&str; 8] = ["waiting", "reading", "embedding", "indexing", "ready", "failed", "working", "unread"];

fn read_filter(query: &Form) -> Result<SourceFilter, Failure> {
    let text = |name: &str| Some(query.get(name).trim()).filter(|text| !text.is_empty());
    let (offset, limit) = nosia::window(query)?;
    let state = text("state");
    if let Some(state) = state.filter(|state| !STATES.contains(state)) {
        return Err(Failure::field("state", format!("`state` must be one of {}, not {state:?}.", STATES.join(", "))));
    }
    let kind = text("kind").map(|word| {
        SourceKind::parse(word).ok_or_else(|| {
            Failure::field("kind", format!("`kind` must be one of document, website, text, qna, not {word:?}."))
        })
    });
    Ok(SourceFilter {
        words: text("words").map(str::to_owned),
        state: state.map(str::to_owned),
        kind: kind.transpose()?,
        offset,
        limit,
    })
}

/// `GET /api/v1/sources/counts`.
pub async fn counts(site: web::Data<Site>, caller: Caller) -> Result<HttpResponse, Failure> {
    let counts = sources::counts(&site.app, caller.principal()).await?;
    Ok(HttpResponse::Ok().json(json!({
        "total": counts.total, "ready": counts.ready, "failed": counts.failed, "working": counts.working,
        "unread": counts.unread,
    })))
}

/// The number in an address; anything else is nothing that exists.
pub fn id(path: &str) -> Result<SourceId, Failure> {
    path.parse().map_err(|_| Failure::not_found())
}

/// `GET /api/v1/sources/{id}`.
pub async fn get(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let source = sources::get(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::Ok().json(nosia::source(&source)))
}

/// `DELETE /api/v1/sources/{id}`.
pub async fn delete(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    sources::delete(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v1/sources/{id}/stop`.
pub async fn stop(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let source = sources::stop(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::Ok().json(nosia::source(&source)))
}

/// `GET /api/v1/sources/{id}/pages`: of each page whether it was read, is empty, or was not read and why.
pub async fn pages(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let read = sources::text(&site.app, caller.principal(), id(&path)?, None).await?;
    let page = |page: &PageSpan| {
        let unread = read.extract.unread.iter().find(|unread| unread.page == page.number);
        let text = page.span.of(&read.extract.markdown).trim();
        let state = match unread {
            Some(_) => "unread",
            None if text.is_empty() => "empty",
            None => "read",
        };
        json!({
            "number": page.number,
            "state": state,
            "characters": text.chars().count(),
            "reason": unread.map(|unread| &unread.reason),
        })
    };
    Ok(HttpResponse::Ok().json(json!({
        "source": read.source.id.0,
        "version": read.version,
        "unit": read.extract.unit.as_str(),
        "pages": read.extract.pages.iter().map(page).collect::<Vec<_>>(),
    })))
}

/// `POST /api/v1/sources/{id}/retry`.
pub async fn retry(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let source = sources::retry(&site.app, caller.principal(), id(&path)?).await?;
    Ok(HttpResponse::Accepted().json(nosia::source(&source)))
}

/// `GET /api/v1/sources/{id}/text?version=`.
pub async fn text(
    site: web::Data<Site>,
    caller: Caller,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let version = match Form::parse(request.query_string().as_bytes()).get("version") {
        "" => None,
        text => Some(text.parse().map_err(|_| Failure::field("version", "`version` must be a whole number from 1."))?),
    };
    let read = sources::text(&site.app, caller.principal(), id(&path)?, version).await?;
    let pages = read
        .extract
        .pages
        .iter()
        .map(|page| json!({ "number": page.number, "start": page.span.start, "end": page.span.end }));
    Ok(HttpResponse::Ok().json(json!({
        "source": nosia::source(&read.source),
        "version": read.version,
        "author": read.extract.author,
        "date": read.extract.date,
        "language": read.extract.language,
        "text": read.extract.markdown,
        "pages": pages.collect::<Vec<_>>(),
        "notes": read.extract.notes,
    })))
}

/// `GET /api/v1/sources/{id}/original`, and the same for the pages: the file as it came, always as a download.
pub async fn original(site: web::Data<Site>, caller: Caller, path: web::Path<String>) -> Result<HttpResponse, Failure> {
    let (source, file) = sources::original(&site.app, caller.principal(), id(&path)?).await?;
    let body = read(&file).await.map_err(|error| Failure::internal(format!("{}: {error}", file.display())))?;
    Ok(HttpResponse::Ok()
        .content_type(source.media_type.as_str())
        .insert_header(attachment(&source))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        // A document that came from anywhere never runs as a page of ours, whatever a browser makes of it.
        .insert_header((header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"))
        .no_chunking(source.bytes)
        .streaming(body))
}

fn attachment(source: &Source) -> ContentDisposition {
    let has_ending = Path::new(&source.file_name).extension().is_some();
    let name = match source.kind {
        SourceKind::Text | SourceKind::Qna if !has_ending => format!("{}.md", source.file_name),
        _ => source.file_name.clone(),
    };
    let plain: String =
        name.chars().map(|c| if c.is_ascii() && !c.is_control() && !"\"\\/".contains(c) { c } else { '_' }).collect();
    let extended =
        ExtendedValue { charset: Charset::Ext("UTF-8".to_owned()), language_tag: None, value: name.into_bytes() };
    ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(plain), DispositionParam::FilenameExt(extended)],
    }
}

/// The file's bytes as they are asked for.
async fn read(path: &Path) -> std::io::Result<impl Stream<Item = std::io::Result<Bytes>> + use<>> {
    let file = File::open(path).await?;
    Ok(stream::try_unfold(file, async |mut file| {
        let mut buffer = Vec::with_capacity(READ_BYTES);
        file.read_buf(&mut buffer).await?;
        Ok((!buffer.is_empty()).then(|| (Bytes::from(buffer), file)))
    }))
}

#[cfg(test)]
mod tests {
    use super::read_filter;
    use crate::http::body::Form;

    #[test]
    fn a_listing_is_narrowed_or_refused_by_name() {
        let cases = [
            ("", Ok((0, 50))),
            ("offset=10&limit=5&state=working&kind=document&words=annual+report", Ok((10, 5))),
            ("limit=100000", Ok((0, 200))),
            ("limit=-1", Err("limit")),
            ("offset=ten", Err("offset")),
            ("state=asleep", Err("state")),
            ("kind=song", Err("kind")),
        ];
        for (query, expected) in cases {
            let read = read_filter(&Form::parse(query.as_bytes()));
            let read = read.map(|filter| (filter.offset, filter.limit)).map_err(|failure| failure.field);
            assert_eq!(read, expected.map_err(|field: &str| Some(field.to_owned())), "{query}");
        }
    }
}
