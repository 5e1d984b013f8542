//! The end of the write walk: one transaction makes what was read of a source its text, chunks and vectors.

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::error::{Result, StoreError};
use super::{Store, builds, changes, chunks, columns, generations, jobs, listings, sources};
use crate::domain::chunk::Chunk;
use crate::domain::extract::Extract;
use crate::domain::id::{ChunkId, GenerationId, JobId, Seq, SourceId};
use crate::domain::source::{Source, SourceKind};
use crate::limits;

/// All that a job made of a source.
#[derive(Clone, Debug)]
pub struct Finished {
    pub job: JobId,
    pub source: SourceId,
    pub extract: Extract,
    /// What the content turned out to be.
    pub media_type: String,
    pub generation: GenerationId,
    /// In the order of the text, each with its vector of the generation's dimensions.
    pub chunks: Vec<(Chunk, Vec<f32>)>,
}

const SEQ: &str = "SELECT seq FROM sources WHERE id = ?1";

const LATEST_VERSION: &str = "
    SELECT version, markdown = ?2 AND pages = ?3 AS same FROM source_versions
    WHERE source = ?1 ORDER BY version DESC LIMIT 1";

const INSERT_VERSION: &str = "
    INSERT INTO source_versions (source, version, markdown, pages, notes, created_at_ms)
    VALUES (?1, ?2, ?3, ?4, '[]', ?5)";

/// What may be told otherwise of the same text.
const SET_ABOUT: &str = "
    UPDATE source_versions
    SET author = :author, date = :date, language = :language, unit = :unit, unread = :unread, notes = :notes
    WHERE source = :source AND version = :version";

const PUT_VECTOR: &str = "
    INSERT INTO vectors (generation, collection, chunk, vector) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (chunk, generation) DO UPDATE SET vector = excluded.vector";

const SET_INDEXING: &str = "
    UPDATE sources
    SET title = :title, names = :names, media_type = :media_type, version = :version, state = 'indexing', done = 0,
        total = 0, reason = NULL, pages = :pages, unread = :unread, chunks = :chunks, seq = :seq, updated_at_ms = :now_ms
    WHERE id = :id";

impl Store {
    /// Puts what a job made of a source in place of what it had, ends the job, and returns the number of the change;
    /// `None` if the source was deleted meanwhile, or its reading stopped.
    ///
    /// A text that is the same as the present version's stays that version, and chunks that are the same keep their
    /// numbers and their vectors of other generations. Where questions are asked of another generation than the vectors
    /// are of, because that changed meanwhile, what it lacks now is queued to be made. A job that has ended already changes
    /// nothing and returns the number that it was given. `Conflict("generation")` if there is
    /// no such generation, `Conflict("dimensions")` if a vector is not of it.
    pub async fn finish_ingest(&self, finished: Finished, now_ms: i64) -> Result<Option<Seq>> {
        self.write(move |rows| finish(rows, &finished, now_ms)).await
    }
}

fn finish(rows: &Connection, finished: &Finished, now_ms: i64) -> Result<Option<Seq>> {
    let ended_now = jobs::end(rows, finished.job)?;
    let Some(source) = sources::find_unscoped(rows, finished.source)? else { return Ok(None) };
    if !ended_now {
        return Ok(rows.prepare_cached(SEQ)?.query_row([source.id.0], |row| row.get(0))?);
    }
    check_dimensions(rows, finished)?;
    let version = put_version(rows, source.id, &finished.extract, now_ms)?;
    let ids = put_chunks(rows, finished)?;
    put_vectors(rows, &source, finished, &ids)?;
    builds::enqueue_for_active(rows, finished.generation, now_ms)?;
    let seq = changes::append(rows, &source, changes::ChangeKind::Put, now_ms)?;
    let title = title(&source, &finished.extract);
    rows.prepare_cached(SET_INDEXING)?.execute(named_params! {
        ":id": source.id.0,
        ":title": title,
        ":names": listings::names(&title, &source.file_name),
        ":media_type": finished.media_type,
        ":version": version,
        ":pages": finished.extract.pages.len() as i64,
        ":unread": finished.extract.unread.len() as i64,
        ":chunks": ids.len() as i64,
        ":seq": seq,
        ":now_ms": now_ms,
    })?;
    Ok(Some(seq))
}

fn check_dimensions(rows: &Connection, finished: &Finished) -> Result<()> {
    let dimensions = generations::dimensions(rows, finished.generation)?;
    match finished.chunks.iter().all(|(_, vector)| vector.len() == dimensions) {
        true => Ok(()),
        false => Err(StoreError::Conflict("dimensions")),
    }
}

/// Stores the text unless it is the present one already; its version.
fn put_version(rows: &Connection, source: SourceId, extract: &Extract, now_ms: i64) -> Result<u32> {
    let pages = columns::pages(&extract.pages);
    let latest: Option<(u32, bool)> = rows
        .prepare_cached(LATEST_VERSION)?
        .query_row(params![source.0, extract.markdown, pages], |row| Ok((row.get("version")?, row.get("same")?)))
        .optional()?;
    let version = match latest {
        Some((version, true)) => version,
        other => {
            let version = other.map_or(1, |(version, _)| version + 1);
            rows.prepare_cached(INSERT_VERSION)?.execute(params![
                source.0,
                version,
                extract.markdown,
                pages,
                now_ms
            ])?;
            version
        }
    };
    rows.prepare_cached(SET_ABOUT)?.execute(named_params! {
        ":source": source.0,
        ":version": version,
        ":author": extract.author,
        ":date": extract.date,
        ":language": extract.language,
        ":unit": extract.unit.as_str(),
        ":unread": columns::unread(&extract.unread),
        ":notes": columns::list(&extract.notes),
    })?;
    Ok(version)
}

/// Stores the chunks unless the source has the same ones already; their numbers in order.
fn put_chunks(rows: &Connection, finished: &Finished) -> Result<Vec<ChunkId>> {
    let stored = chunks::of_source(rows, finished.source)?;
    let same = stored.len() == finished.chunks.len()
        && stored.iter().zip(&finished.chunks).all(|(stored, (chunk, _))| stored.chunk == *chunk);
    if same {
        return Ok(stored.into_iter().map(|stored| stored.id).collect());
    }
    chunks::replace(rows, finished.source, finished.chunks.iter().map(|(chunk, _)| chunk))
}

fn put_vectors(rows: &Connection, source: &Source, finished: &Finished, ids: &[ChunkId]) -> Result<()> {
    let mut statement = rows.prepare_cached(PUT_VECTOR)?;
    for (id, (_, vector)) in ids.iter().zip(&finished.chunks) {
        let bytes = columns::vector(vector);
        statement.execute(params![finished.generation.0, source.collection.0, id.0, bytes])?;
    }
    Ok(())
}

/// What readers will call the source: a title that a person gave stays, a file or page may name itself.
fn title(source: &Source, extract: &Extract) -> String {
    let own = extract.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
    match (source.kind, own) {
        (SourceKind::Document | SourceKind::Website, Some(own)) => own.chars().take(limits::TITLE_CHARS_MAX).collect(),
        _ => source.title.clone(),
    }
}
