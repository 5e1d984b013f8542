//! Outlook's messages: properties in the streams of a compound file. Source: [MS-OXMSG] and [MS-OXPROPS].

use std::io::{Cursor, Read as _};

use cfb::CompoundFile;

use super::{Fields, name_attached};
use crate::domain::extract::Extract;
use crate::ingest::extract::{ExtractError, Hear, Heard, PartHead, html, text};
use crate::limits;

type File<'a> = CompoundFile<Cursor<&'a [u8]>>;

const SUBJECT: u16 = 0x0037;
const SENDER_NAME: u16 = 0x0c1a;
const SENDER_ADDRESS: u16 = 0x5d01;
const TO: u16 = 0x0e04;
const CC: u16 = 0x0e03;
const BODY: u16 = 0x1000;
const HTML: u16 = 0x1013;
const SUBMITTED: u16 = 0x0039;
const DELIVERED: u16 = 0x0e06;
const ATTACHED: u16 = 0x3701;
const LONG_NAME: u16 = 0x3707;
const SHORT_NAME: u16 = 0x3704;
const CONTENT_ID: u16 = 0x3712;

/// Types of properties: text in UTF-16, text in a code page, bytes, a moment.
const UNICODE: u16 = 0x001f;
const NARROW: u16 = 0x001e;
const BINARY: u16 = 0x0102;
const TIME: u16 = 0x0040;

/// The most attachments of one message.
const ATTACHMENTS_MAX: usize = 1_000;
/// Bytes before the properties in the stream of those of fixed length, and of each property in it.
const HEADER_BYTES: usize = 32;
const PROPERTY_BYTES: usize = 16;
/// Seconds from 1601, where Windows begins to count, to 1970.
const SECONDS_TO_1970: i64 = 11_644_473_600;

/// Reads a message.
pub(in crate::ingest::extract) fn read(bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let damaged = |error| ExtractError::Damaged(format!("the message does not open ({error})"));
    let mut file = CompoundFile::open(Cursor::new(bytes)).map_err(damaged)?;
    let mut said = |id| string(&mut file, "", id).unwrap_or_default();
    let (subject, name, address) = (said(SUBJECT), said(SENDER_NAME), said(SENDER_ADDRESS));
    let (to, cc, plain) = (said(TO), said(CC), said(BODY));
    let from = if address.is_empty() || name == address { name } else { format!("{name} <{address}>") };
    let date = moment(&mut file, &[SUBMITTED, DELIVERED]).unwrap_or_default();
    let body = if plain.trim().is_empty() { page(&mut file).unwrap_or_default() } else { plain };
    let fields = Fields { subject: &subject, from, to, cc, date };
    let mut extract = Extract {
        markdown: text::clean(&fields.above(body.trim())),
        date: fields.date.get(..10).map(str::to_owned),
        author: Some(fields.from).filter(|from| !from.is_empty()),
        title: Some(subject).filter(|subject| !subject.trim().is_empty()),
        ..Extract::default()
    };
    attached(&mut file, &mut extract, hear);
    Ok(extract)
}

/// The stream of a property of the message itself or of the storage `within` it.
fn stream(file: &mut File<'_>, within: &str, id: u16, kind: u16) -> Option<Vec<u8>> {
    contents(file, &format!("{within}/__substg1.0_{id:04X}{kind:04X}"))
}

fn contents(file: &mut File<'_>, path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    file.open_stream(path).ok()?.take(limits::INFLATED_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn string(file: &mut File<'_>, within: &str, id: u16) -> Option<String> {
    let text = match stream(file, within, id, UNICODE) {
        Some(bytes) => {
            let (pairs, _) = bytes.as_chunks::<2>();
            String::from_utf16_lossy(&pairs.iter().map(|&pair| u16::from_le_bytes(pair)).collect::<Vec<_>>())
        }
        None => text::decode(&stream(file, within, id, NARROW)?).text,
    };
    Some(text.trim_end_matches('\0').to_owned())
}

fn page(file: &mut File<'_>) -> Option<String> {
    let bytes = stream(file, "", HTML, BINARY);
    let page = match bytes {
        Some(bytes) => text::decode(&bytes).text,
        None => string(file, "", HTML)?,
    };
    Some(html::whole(&page))
}

/// The first of these moments that the message has.
fn moment(file: &mut File<'_>, ids: &[u16]) -> Option<String> {
    let bytes = contents(file, "/__properties_version1.0")?;
    let properties = bytes.get(HEADER_BYTES..)?;
    ids.iter().find_map(|&id| {
        let tag = (u32::from(id) << 16 | u32::from(TIME)).to_le_bytes();
        let property = properties.chunks_exact(PROPERTY_BYTES).find(|property| property[..4] == tag)?;
        let ticks = i64::from_le_bytes(property[8..16].try_into().ok()?);
        let moment = time::OffsetDateTime::from_unix_timestamp(ticks / 10_000_000 - SECONDS_TO_1970).ok()?;
        moment.format(&time::format_description::well_known::Rfc3339).ok()
    })
}

fn attached(file: &mut File<'_>, extract: &mut Extract, hear: Hear<'_>) {
    let entries = file.read_root_storage().filter(|entry| entry.is_storage() && entry.name().starts_with("__attach"));
    let storages: Vec<String> = entries.map(|entry| format!("/{}", entry.name())).take(ATTACHMENTS_MAX).collect();
    let mut names = Vec::new();
    for (storage, number) in storages.iter().zip(1..) {
        let Some(bytes) = stream(file, storage, ATTACHED, BINARY) else {
            extract.notes.push(format!("Attachment {number} is a message within the message and was left out."));
            continue;
        };
        let name = string(file, storage, LONG_NAME).or_else(|| string(file, storage, SHORT_NAME));
        let name = name.unwrap_or_else(|| format!("attachment {number}"));
        // What the text shows within it is its decoration.
        if string(file, storage, CONTENT_ID).is_some_and(|id| !id.is_empty()) {
            continue;
        }
        hear(Heard::Part { head: PartHead { name: name.clone(), page: None }, bytes: &bytes });
        names.push(name);
    }
    name_attached(&names, extract);
}
