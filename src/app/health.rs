//! How each room is.

use super::App;
use super::models::generator::State;
use super::models::{self, embedder, reranker};
use crate::ingest::ocr;
use crate::ingest::sandbox::Door;
use crate::limits;

/// The state of the whole and of each room.
#[derive(Clone, Debug)]
pub struct Health {
    /// Whether questions can be answered and files taken.
    pub ready: bool,
    pub rooms: Vec<RoomHealth>,
}

/// The state of one room.
#[derive(Clone, Debug)]
pub struct RoomHealth {
    pub name: &'static str,
    pub well: bool,
    /// What it does or lacks, in a few words.
    pub detail: String,
}

/// Whether the process does its work at all; a full disk or a remote endpoint that is down is no reason to restart it.
pub async fn is_alive(app: &App) -> bool {
    store(app).await.well
}

/// Asks every room.
pub async fn check(app: &App) -> Health {
    let rooms = vec![store(app).await, disk(app), reading(app), embedder(app).await, reranker(app), generator(app)];
    Health { ready: rooms.iter().all(|room| room.well), rooms }
}

async fn store(app: &App) -> RoomHealth {
    match app.store.job_counts().await {
        Ok((waiting, running)) => {
            RoomHealth { name: "store", well: true, detail: format!("{waiting} jobs waiting, {running} running") }
        }
        Err(error) => RoomHealth { name: "store", well: false, detail: error.to_string() },
    }
}

fn disk(app: &App) -> RoomHealth {
    let detail = |free: u64| format!("{} MiB free", free >> 20);
    match app.disk_free_bytes() {
        Ok(free) => RoomHealth { name: "disk", well: free >= limits::DISK_FREE_BYTES_MIN, detail: detail(free) },
        Err(error) => RoomHealth { name: "disk", well: false, detail: error.to_string() },
    }
}

/// A kernel that cannot confine the readers of documents is no reason to send nobody here; documents are still limited.
fn reading(app: &App) -> RoomHealth {
    let confined = "documents are read in a process without files, network and programs".to_owned();
    let detail = reading_warning(&app.reading).unwrap_or(confined);
    RoomHealth { name: "reading", well: app.reading.is_ok(), detail }
}

/// Whether text in pictures is read. It starts a program, and so is no part of what is asked again and again.
pub async fn pictures(app: &App) -> RoomHealth {
    let (mut well, mut detail) = (true, format!("text in pictures is not read. {}", ocr::MISSING));
    if let Some(tesseract) = app.ocr.find(&[]).await {
        detail = format!("text in pictures is read by tesseract ({})", tesseract.languages().join(", "));
        if !tesseract.lacking.is_empty() {
            well = false;
            let (lacking, package) = (tesseract.lacking.join(", "), tesseract.lacking[0].replace('_', "-"));
            detail += &format!(
                "; OCR_LANGUAGES names {lacking}: not installed (on Debian: apt install tesseract-ocr-{package})"
            );
        }
    }
    RoomHealth { name: "pictures", well, detail }
}

/// What is lacking where documents are read; `None` if nothing is.
pub(super) fn reading_warning(reading: &std::result::Result<Vec<Door>, String>) -> Option<String> {
    let open = match reading {
        Ok(open) if open.is_empty() => return None,
        Ok(open) => open.iter().map(|door| door.as_str()).collect::<Vec<_>>().join(", "),
        Err(error) => return Some(format!("no process to read documents in could be started: {error}")),
    };
    Some(format!(
        "this kernel does not confine what reads documents: it may still {open}; memory and time are limited all the \
         same. A kernel with seccomp filters (CONFIG_SECCOMP_FILTER) and Landlock confines it"
    ))
}

/// Search by words alone is no reason to send nobody here.
async fn embedder(app: &App) -> RoomHealth {
    let (name, searching) = ("embedder", app.searching());
    let comparing = match models::comparing(app).await {
        Ok(comparing) => comparing,
        Err(error) => return RoomHealth { name, well: false, detail: error.to_string() },
    };
    let mut detail = match &searching.active {
        Some(model) => format!("{}, {} dimensions", model.embedder.identity().name, model.embedder.dimensions()),
        None => "missing: documents are searched by words alone".to_owned(),
    };
    match &searching.state {
        embedder::State::Chosen => {}
        embedder::State::Missing { wanted } => detail.push_str(&format!("; {wanted} was chosen and is not installed")),
        embedder::State::Unusable { name, .. } => detail.push_str(&format!("; {name} was chosen and cannot be used")),
    }
    if let Some(next) = comparing.next {
        detail.push_str(&format!("; {} takes over, {} % of its vectors are made", next.name, next.percent));
    }
    RoomHealth { name, well: true, detail }
}

fn reranker(app: &App) -> RoomHealth {
    let reranking = app.reranking();
    let detail = match (&reranking.rereader, &reranking.state) {
        (Some(rereader), _) => rereader.reranker.name().to_owned(),
        (None, reranker::State::Nothing) => "none: passages keep the order in which they were found".to_owned(),
        (None, state) => state.sentence(),
    };
    RoomHealth { name: "reranker", well: true, detail }
}

fn generator(app: &App) -> RoomHealth {
    let writing = app.writing();
    let detail = match (&writing.generator, &writing.state) {
        (Some(generator), _) => match generator.computes() {
            None => generator.name().to_owned(),
            Some(computes) => format!("{}, on {computes}", generator.name()),
        },
        (None, State::Nothing) => "none: answers are quotations".to_owned(),
        (None, state) => state.sentence(),
    };
    RoomHealth { name: "generator", well: true, detail }
}

#[cfg(test)]
mod tests {
    use super::reading_warning;
    use crate::ingest::sandbox::Door;

    #[test]
    fn what_the_kernel_leaves_open_is_named() {
        assert_eq!(reading_warning(&Ok(Vec::new())), None);
        let open = reading_warning(&Ok(vec![Door::Files, Door::Network])).expect("a warning");
        assert!(open.contains("may still open files, use the network;"), "{open}");
        let none = reading_warning(&Err("no such file".to_owned())).expect("a warning");
        assert!(none.ends_with("no such file"), "{none}");
    }
}
