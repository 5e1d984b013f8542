//! Documents that are archives of parts, as those of Office, OpenDocument and EPUB are: parts by path, each with a bound
//! on what it unpacks to, and the relations between parts by which Office's formats find them.

use std::io::{Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;
use zip::result::ZipError;

use super::xml::{attribute, reference};
use super::{ExtractError, text};
use crate::domain::extract::Extract;
use crate::limits;

/// An open archive.
pub(super) struct Package<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Bytes that its parts may still unpack to, all together.
    left: u64,
}

/// Where one part points to another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Relation {
    pub id: String,
    /// The last word of its type's address, such as `slide`.
    pub kind: String,
    /// The path of the other part within the archive; an address where it lies outside.
    pub target: String,
}

impl<'a> Package<'a> {
    pub fn open(bytes: &'a [u8]) -> Result<Package<'a>, ExtractError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
        Ok(Package { zip, left: limits::INFLATED_TOTAL_BYTES_MAX })
    }

    /// Refuses an archive that says itself that it unpacks to too much, for libraries that do not count.
    pub fn must_be_bounded(&mut self) -> Result<(), ExtractError> {
        let mut total = 0u64;
        for at in 0..self.zip.len() {
            total = total.saturating_add(self.zip.by_index_raw(at).map_err(damaged)?.size());
        }
        if total > self.left { Err(too_large()) } else { Ok(()) }
    }

    /// The part at `path` as text; `None` if there is none.
    pub fn text(&mut self, path: &str) -> Result<Option<String>, ExtractError> {
        Ok(self.bytes(path)?.map(|bytes| text::decode(&bytes).text))
    }

    /// The part at `path`; `None` if there is none.
    pub fn bytes(&mut self, path: &str) -> Result<Option<Vec<u8>>, ExtractError> {
        let file = match self.zip.by_name(path) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(damaged(error)),
        };
        if file.encrypted() {
            return Err(ExtractError::Encrypted);
        }
        let most = limits::INFLATED_BYTES_MAX.min(self.left);
        let mut bytes = Vec::new();
        let read = file.take(most + 1).read_to_end(&mut bytes);
        if bytes.len() as u64 > most {
            return Err(too_large());
        }
        self.left -= bytes.len() as u64;
        read.map_err(|error| ExtractError::Damaged(format!("its part {path} does not unpack ({error})")))?;
        Ok(Some(bytes))
    }

    /// Where the part at `path` points to, in order; the archive itself where `path` is empty.
    pub fn relations(&mut self, path: &str) -> Result<Vec<Relation>, ExtractError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(xml) = self.text(&joined(folder, &format!("_rels/{name}.rels")))? else { return Ok(Vec::new()) };
        let mut reader = Reader::from_str(&xml);
        let mut relations = Vec::new();
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag) | Event::Empty(tag)) if tag.local_name().into_inner() == "Relationship" => {
                    let [id, kind, target] = ["Id", "Type", "Target"].map(|name| attribute(&tag, name));
                    let (Some(id), Some(kind), Some(target)) = (id, kind, target) else { continue };
                    let outside = attribute(&tag, "TargetMode").is_some_and(|mode| mode == "External");
                    let target = if outside { target } else { joined(folder, &target) };
                    let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                    relations.push(Relation { id, kind, target });
                }
                Ok(Event::Eof) | Err(_) => return Ok(relations),
                Ok(_) => {}
            }
        }
    }

    /// The part that an Office document begins with.
    pub fn main_part(&mut self) -> Result<Option<String>, ExtractError> {
        let relations = self.relations("")?;
        Ok(relations.into_iter().find(|relation| relation.kind == "officeDocument").map(|relation| relation.target))
    }

    /// Takes title, author, date and language from an Office document's properties.
    pub fn about(&mut self, extract: &mut Extract) -> Result<(), ExtractError> {
        if let Some(xml) = self.text("docProps/core.xml")? {
            about(&xml, extract);
        }
        Ok(())
    }
}

/// Takes what Dublin Core's elements in `xml` say: all formats that are packages tell about themselves in these.
pub(super) fn about(xml: &str, extract: &mut Extract) {
    let mut reader = Reader::from_str(xml);
    let (mut field, mut value) = (String::new(), String::new());
    let (mut created, mut changed) = (None, None);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                tag.local_name().into_inner().clone_into(&mut field);
                value.clear();
            }
            Ok(Event::Text(text)) => value.push_str(&text),
            Ok(Event::GeneralRef(name)) => value.extend(reference(&name)),
            Ok(Event::End(_)) => {
                let said = Some(value.trim()).filter(|said| !said.is_empty());
                let first = |slot: &mut Option<String>| {
                    if slot.is_none() {
                        *slot = said.map(str::to_owned);
                    }
                };
                match field.as_str() {
                    "title" => first(&mut extract.title),
                    "creator" => first(&mut extract.author),
                    "language" => first(&mut extract.language),
                    "modified" => first(&mut changed),
                    "created" | "date" | "creation-date" => first(&mut created),
                    _ => {}
                }
                field.clear();
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let day = |moment: String| moment.get(..10).map_or(moment.clone(), str::to_owned);
    extract.date = extract.date.take().or(changed).or(created).map(day);
}

/// `path` as seen from `folder`, with `.` and `..` followed; from the top if it begins with a slash.
pub(super) fn joined(folder: &str, path: &str) -> String {
    let from = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn too_large() -> ExtractError {
    let most = limits::INFLATED_BYTES_MAX >> 20;
    ExtractError::TooLarge(format!("a part of it unpacks to more than {most} MiB"))
}

fn damaged(error: ZipError) -> ExtractError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => ExtractError::Encrypted,
        error => ExtractError::Damaged(format!("the archive that holds it does not open ({error})")),
    }
}

/// An archive of these parts.
#[cfg(test)]
pub(super) fn packed(parts: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, xml) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("in memory");
        zip.write_all(xml.as_bytes()).expect("in memory");
    }
    zip.finish().expect("in memory").into_inner()
}

#[cfg(test)]
mod tests {
    use super::{Package, about, joined, packed};
    use crate::domain::extract::Extract;

    #[test]
    fn paths_are_followed() {
        let cases = [
            ("ppt/slides", "../media/a.png", "ppt/media/a.png"),
            ("ppt", "/docProps/core.xml", "docProps/core.xml"),
            ("", "word/document.xml", "word/document.xml"),
            ("a", "../../../b", "b"),
        ];
        for (folder, path, whole) in cases {
            assert_eq!(joined(folder, path), whole);
        }
    }

    #[test]
    fn relations_lead_to_parts() {
        let rels = r#"<Relationships><Relationship Id="r1" Type="http://x/officeDocument" Target="word/document.xml"/>
            <Relationship Id="r2" Type="http://x/hyperlink" Target="http://a/../b" TargetMode="External"/></Relationships>"#;
        let bytes = packed(&[("_rels/.rels", rels)]);
        let mut package = Package::open(&bytes).expect("an archive");
        assert_eq!(package.main_part().expect("it is read").as_deref(), Some("word/document.xml"));
        assert_eq!(package.relations("").expect("it is read")[1].target, "http://a/../b");
    }

    #[test]
    fn properties_are_taken_once() {
        let xml = "<p><dc:title>A &amp; B</dc:title><dc:creator> Jo </dc:creator><dc:title>C</dc:title>
            <dcterms:created>2020-01-02T03:04:05Z</dcterms:created><dcterms:modified>2021-05-06T00:00:00Z</dcterms:modified></p>";
        let mut extract = Extract::default();
        about(xml, &mut extract);
        assert_eq!(extract.title.as_deref(), Some("A & B"));
        assert_eq!((extract.author.as_deref(), extract.date.as_deref()), (Some("Jo"), Some("2021-05-06")));
    }
}
