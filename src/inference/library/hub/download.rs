//! From a hub to the disk: what is here already is kept, what comes is checked, and a cut is no loss.

use super::choice::Choice;
use super::state::{State, state_of};
use super::{Hub, Meta, Reference};
use crate::inference::library::incoming::{check_name, move_in};
use crate::inference::library::receipt::{Kept, Receipt};
use crate::inference::library::{
    Found, GGUF, Library, LibraryError, PART, Progress, checksum, discard, disk, folder, without_ending,
};
use crate::net::{NetError, Response, Rest};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};

/// Tries in a row that bring nothing before it is given up.
const TRIES_MAX: u32 = 4;
/// The first wait between two tries; each further one is twice as long.
const WAIT: Duration = Duration::from_secs(1);
/// The most hosts that a file is sent on to.
const HOPS_MAX: usize = 5;
/// Bytes gathered before they are written: what a download that is stopped loses at most.
const GATHERED_BYTES: usize = 64 << 10;

/// How one try ended that did not bring the whole file.
enum Cut {
    /// Another try may bring more; why this one did not.
    Broken(String),
    /// None will.
    Final(LibraryError),
}

impl From<LibraryError> for Cut {
    fn from(error: LibraryError) -> Cut {
        Cut::Final(error)
    }
}

impl Hub {
    /// Fetches the model that `reference` means into `library`, going on with what an earlier try left.
    ///
    /// Dropped on the way, it leaves what has come, and the same call goes on there.
    pub async fn fetch(
        &self,
        library: &Library,
        reference: &Reference,
        progress: &Progress,
        now_ms: i64,
    ) -> Result<Found, LibraryError> {
        let choice = self.choose(reference).await?;
        let own = library.own()?.to_owned();
        let (name, part, files) = match &choice {
            Choice::File(file) => {
                let last = file.rsplit('/').next().unwrap_or(file);
                let name = without_ending(last).to_owned();
                let part = disk::with_ending(&own.join(format!("{name}{GGUF}")), PART);
                (name, part.clone(), vec![(file.clone(), part)])
            }
            Choice::Folder(files) => {
                let name = reference.repository.rsplit('/').next().unwrap_or_default().to_owned();
                let part = disk::with_ending(&own.join(&name), PART);
                let files = files.iter().map(|file| (file.clone(), part.join(file))).collect();
                (name, part, files)
            }
        };
        check_name(&name)?;
        library.must_be_free(&name)?;
        let (mut kept, mut commit) = (Vec::new(), None);
        for (file, place) in files {
            let (fetched, at) = self.file(&reference.with_file(&file), &place, progress).await?;
            if place != part && file == folder::SETTINGS {
                folder::check_settings(&part)?;
            }
            if place != part {
                // Beside the file it would become a part of the model. The weights come last, so that a later try has
                // only small files to fetch again.
                discard(&state_of(&place))?;
            }
            commit = commit.or(at);
            kept.push(Kept { name: if place == part { format!("{name}{GGUF}") } else { file }, ..fetched });
        }
        let source = match &choice {
            Choice::File(file) => reference.with_file(file).to_string(),
            Choice::Folder(_) => reference.to_string(),
        };
        let receipt = Receipt { source, commit, added_at_ms: now_ms, files: kept };
        let moved = tokio::task::spawn_blocking(move || {
            let found = move_in(&part, &own, &name, &receipt)?;
            discard(&state_of(&part))?;
            Ok(found)
        });
        moved.await.unwrap_or_else(|stopped| Err(LibraryError::io("the work was ended")(stopped.into())))
    }

    /// Fetches one file to `place`, whole and with the checksum that the hub promised; and the commit it is of.
    async fn file(
        &self,
        reference: &Reference,
        place: &Path,
        progress: &Progress,
    ) -> Result<(Kept, Option<String>), LibraryError> {
        let meta = self.meta(reference).await?;
        if let Some(folder) = place.parent() {
            disk::make_folder(folder)?;
        }
        let source = reference.to_string();
        let mut state = match State::read(place, &source, &meta) {
            Some(state) => state,
            None => {
                discard(place)?;
                let state = State::new(source, &meta);
                state.write(place)?;
                state
            }
        };
        let here = length(place);
        let total = meta.bytes.unwrap_or(0);
        disk::must_have_room(place.parent().unwrap_or(place), &reference.to_string(), total.saturating_sub(here))?;
        let already = if here > 0 { ", going on where it was" } else { "" };
        progress.begin(format!("Fetching {reference} from {}{already}", self.endpoint), total);
        self.complete(reference, &meta, &mut state, place, progress).await?;
        let kept = checked(reference, &meta, place, progress).await?;
        Ok((kept, meta.commit))
    }

    /// Tries until all of the file is at `place`, as long as tries bring something.
    async fn complete(
        &self,
        reference: &Reference,
        meta: &Meta,
        state: &mut State,
        place: &Path,
        progress: &Progress,
    ) -> Result<(), LibraryError> {
        let (mut tries, mut wait) = (0, WAIT);
        loop {
            let before = length(place);
            if meta.bytes.is_some_and(|bytes| before == bytes) && before > 0 {
                return Ok(());
            }
            progress.set(before);
            let reason = match self.attempt(reference, meta, state, place, before, progress).await {
                Ok(()) => return Ok(()),
                Err(Cut::Final(error)) => return Err(error),
                Err(Cut::Broken(reason)) => reason,
            };
            let here = length(place);
            if here > before {
                (tries, wait) = (0, WAIT);
            }
            tries += 1;
            if tries >= TRIES_MAX {
                return Err(LibraryError::Unreachable(format!(
                    "{reference} came only in part ({here} bytes are here): {reason}. They are kept; the same command \
                     goes on from there."
                )));
            }
            tracing::debug!(%reference, here, reason, "a download was cut and is taken up again");
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    /// One request, for all of the file or for what is not here yet.
    async fn attempt(
        &self,
        reference: &Reference,
        meta: &Meta,
        state: &mut State,
        place: &Path,
        here: u64,
        progress: &Progress,
    ) -> Result<(), Cut> {
        let tag = state.storage_tag.clone();
        let rest = (here > 0).then_some(Rest { from: here, etag: tag.as_deref() });
        let mut response = self.open(reference, meta, rest).await?;
        let from = match response.status() {
            206 if begins_at(&response, here) => here,
            200 => 0,
            // Neither the rest nor the whole: the next try asks for all of it.
            206 | 416 => {
                discard(place)?;
                return Err(Cut::Broken("the server has another file than before".to_owned()));
            }
            429 | 500..=599 => {
                return Err(Cut::Broken(format!("the server answered with status {}", response.status())));
            }
            _ => return Err(Cut::Final(self.refusal(reference, response).await)),
        };
        let storage_tag = response.header("etag").map(str::to_owned);
        if storage_tag != state.storage_tag {
            state.storage_tag = storage_tag;
            state.write(place)?;
        }
        let most = meta.bytes.unwrap_or(u64::MAX);
        let written = append(&mut response, place, from, most, progress).await?;
        match meta.bytes {
            Some(bytes) if written < bytes => Err(Cut::Broken("the connection ended early".to_owned())),
            _ => Ok(()),
        }
    }

    /// Asks the hub for a file and follows it to where it is kept, without the token from the first other host on.
    async fn open(&self, reference: &Reference, meta: &Meta, rest: Option<Rest<'_>>) -> Result<Response, Cut> {
        let mut response = self.client.download(&meta.url, self.token.as_deref(), rest).await;
        for _ in 0..HOPS_MAX {
            let next = match &response {
                Ok(found) => found.redirect(),
                Err(_) => None,
            };
            let Some(next) = next else { break };
            response = self.storage.download(&next, None, rest).await;
        }
        response.map_err(|error| match error {
            NetError::Forbidden { .. } | NetError::Address { .. } => Cut::Final(self.unreachable(reference, &error)),
            other => Cut::Broken(other.to_string()),
        })
    }
}

/// Writes what comes behind the first `from` bytes of the file at `place`, up to `most` bytes in all; its length then.
async fn append(response: &mut Response, place: &Path, from: u64, most: u64, progress: &Progress) -> Result<u64, Cut> {
    let failed = || LibraryError::io(format!("{} cannot be written", place.display()));
    let file = File::options().create(true).append(true).open(place).await.map_err(failed())?;
    file.set_len(from).await.map_err(failed())?;
    let (mut file, mut written) = (BufWriter::with_capacity(GATHERED_BYTES, file), from);
    progress.set(written);
    let broken = loop {
        match response.chunk().await {
            Ok(Some(bytes)) => {
                written += bytes.len() as u64;
                if written > most {
                    break Some(format!("more came than the {most} bytes that it has"));
                }
                file.write_all(&bytes).await.map_err(failed())?;
                progress.set(written);
            }
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    file.flush().await.map_err(failed())?;
    broken.map_or(Ok(written), |reason| Err(Cut::Broken(reason)))
}

/// Reads the whole file again and compares it with what the hub promised; what is wrong is not kept.
async fn checked(reference: &Reference, meta: &Meta, place: &Path, progress: &Progress) -> Result<Kept, LibraryError> {
    let (path, progress): (PathBuf, Progress) = (place.to_owned(), progress.clone());
    progress.begin(format!("Checking {reference}"), length(place));
    let read = tokio::task::spawn_blocking(move || {
        disk::sync(&path)?;
        checksum::sha256(&path, &progress)
    });
    let (sha256, bytes) = read.await.map_err(|stopped| LibraryError::io("the work was ended")(stopped.into()))??;
    if let Some(promised) = meta.sha256().filter(|promised| !promised.eq_ignore_ascii_case(&sha256)) {
        discard(place)?;
        discard(&state_of(place))?;
        return Err(LibraryError::Refused(format!(
            "{reference} came damaged: its SHA-256 is {sha256}, and the hub says {promised}. Nothing of it was kept; try \
             again, and if it happens again, ask whoever runs the hub or the proxy in between."
        )));
    }
    Ok(Kept { name: String::new(), bytes, sha256 })
}

/// Whether the part that comes begins where ours ends: `Content-Range: bytes 100-199/200`.
fn begins_at(response: &Response, here: u64) -> bool {
    let range = response.header("content-range").and_then(|range| range.strip_prefix("bytes "));
    range.and_then(|range| range.split('-').next()?.trim().parse().ok()) == Some(here)
}

/// The bytes of a file; none of one that is not there.
fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}
