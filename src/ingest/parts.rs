//! Documents within documents: what is attached to a message, what lies in an archive, become sources of their own.

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Rooms;
use super::extract::{HEAD_BYTES, PartHead, detect};
use crate::domain::source::{Source, SourceKind};
use crate::limits;
use crate::store::{Created, NewSource};

/// Bytes of a part that are read at once.
const READ_BYTES: usize = 64 << 10;
/// The most parts of one document that are named as left out.
const NAMED_MAX: usize = 50;

/// What becomes of the parts of one source.
pub(super) struct Parts<'a> {
    rooms: &'a Rooms,
    source: &'a Source,
    now: fn() -> i64,
    left_out: Vec<String>,
    unnamed: usize,
}

impl<'a> Parts<'a> {
    pub fn of(source: &'a Source, rooms: &'a Rooms, now: fn() -> i64) -> Parts<'a> {
        Parts { rooms, source, now, left_out: Vec::new(), unnamed: 0 }
    }

    /// Makes a part a source, unless it cannot be read or is one already. Safe to run twice: the same part of the same
    /// source is the same source.
    pub async fn take(&mut self, head: PartHead, content: &mut (impl AsyncRead + Unpin + Send)) -> std::io::Result<()> {
        if self.source.depth >= limits::PARTS_DEPTH_MAX {
            self.leave_out(format!("{} lies in too many documents within one another and was left out.", head.name));
            return Ok(());
        }
        let mut incoming = self.rooms.blobs.receive().await.map_err(std::io::Error::other)?;
        let (mut first, mut buffer) = (Vec::new(), vec![0; READ_BYTES]);
        loop {
            let read = content.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            let bytes = &buffer[..read];
            first.extend_from_slice(&bytes[..read.min(HEAD_BYTES - first.len())]);
            incoming.write(bytes).await.map_err(std::io::Error::other)?;
        }
        let file_name = head.name.rsplit('/').next().unwrap_or_default().to_owned();
        let format = match detect(&file_name, &first) {
            Ok(format) => format,
            Err(error) => {
                self.leave_out(format!("{}: {error}", head.name));
                return Ok(());
            }
        };
        // Until its row is there, no deletion of the same bytes may take the file away.
        let _gate = self.rooms.blob_gate.read().await;
        let (sha256, bytes) = incoming.finish().await.map_err(std::io::Error::other)?;
        let new = NewSource {
            account: self.source.account,
            collection: self.source.collection,
            kind: SourceKind::Document,
            title: head.name.clone(),
            file_name,
            media_type: format.media_type().to_owned(),
            bytes,
            sha256,
            added_by: None,
            parent: Some(self.source.id),
        };
        let created = self.rooms.store.create_source(new, (self.now)()).await.map_err(std::io::Error::other)?;
        if let Created::Same(same) = created
            && same.parent != Some(self.source.id)
        {
            self.leave_out(format!("{} is among the documents already.", head.name));
        }
        Ok(())
    }

    /// What was left out and why, for the reader.
    pub fn notes(self) -> Vec<String> {
        let rest = (self.unnamed > 0).then(|| format!("{} more files were left out.", self.unnamed));
        self.left_out.into_iter().chain(rest).collect()
    }

    fn leave_out(&mut self, why: String) {
        match self.left_out.len() < NAMED_MAX {
            true => self.left_out.push(why),
            false => self.unnamed += 1,
        }
    }
}
