//! What a file is, judged by its first bytes; its name is asked only between kinds of plain text.

use std::io::Cursor;

use super::{ExtractError, archive, mail, sheet, subtitles};

/// The formats that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Pdf,
    Docx,
    Doc,
    Pptx,
    Ppt,
    Xlsx,
    Xlsb,
    Xls,
    Rtf,
    Odt,
    Odp,
    Ods,
    Csv,
    Subtitles,
    Epub,
    Message,
    Msg,
    Mailbox,
    Png,
    Jpeg,
    Tiff,
    Webp,
    Zip,
    Tar,
    Gzip,
    Html,
    Markdown,
    Text,
}

/// Each format: what people call it, and its media type as IANA registers it.
const FORMATS: &[(Format, &str, &str)] = &[
    (Format::Pdf, "PDF", "application/pdf"),
    (Format::Docx, "Word (.docx)", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (Format::Doc, "Word 97-2003 (.doc)", "application/msword"),
    (Format::Pptx, "PowerPoint (.pptx)", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (Format::Ppt, "PowerPoint 97-2003 (.ppt)", "application/vnd.ms-powerpoint"),
    (Format::Xlsx, "Excel (.xlsx)", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (Format::Xlsb, "Excel (.xlsb)", "application/vnd.ms-excel.sheet.binary.macroEnabled.12"),
    (Format::Xls, "Excel (.xls)", "application/vnd.ms-excel"),
    (Format::Rtf, "Rich Text (.rtf)", "application/rtf"),
    (Format::Odt, "OpenDocument text (.odt)", "application/vnd.oasis.opendocument.text"),
    (Format::Odp, "OpenDocument presentation (.odp)", "application/vnd.oasis.opendocument.presentation"),
    (Format::Ods, "OpenDocument spreadsheet (.ods)", "application/vnd.oasis.opendocument.spreadsheet"),
    (Format::Csv, "CSV and TSV", "text/csv"),
    (Format::Subtitles, "subtitles (.vtt, .srt)", "text/vtt"),
    (Format::Epub, "EPUB", "application/epub+zip"),
    (Format::Message, "messages (.eml, .mhtml)", "message/rfc822"),
    (Format::Msg, "Outlook messages (.msg)", "application/vnd.ms-outlook"),
    (Format::Mailbox, "mailboxes (.mbox)", "application/mbox"),
    (Format::Png, "PNG", "image/png"),
    (Format::Jpeg, "JPEG", "image/jpeg"),
    (Format::Tiff, "TIFF", "image/tiff"),
    (Format::Webp, "WebP", "image/webp"),
    (Format::Zip, "ZIP archives", "application/zip"),
    (Format::Tar, "TAR archives", "application/x-tar"),
    (Format::Gzip, "gzip archives", "application/gzip"),
    (Format::Html, "HTML", "text/html"),
    (Format::Markdown, "Markdown", "text/markdown"),
    (Format::Text, "plain text", "text/plain"),
];

impl Format {
    pub fn media_type(self) -> &'static str {
        FORMATS.iter().find(|(format, ..)| *format == self).map_or("application/octet-stream", |(.., media)| media)
    }
}

/// The formats as a list in a sentence: "PDF, Word (.docx) and plain text".
pub fn supported() -> String {
    let names: Vec<&str> = FORMATS.iter().map(|(_, name, _)| *name).collect();
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => names.concat(),
    }
}

/// What a file is: a format that can be read, or what to call it in a refusal.
type Known = Result<Format, &'static str>;

/// What files are by their first bytes.
///
/// Source of the values: each format's own specification, as collected in the `file` program's magic.
const KNOWN: &[(&[u8], Known)] = &[
    (b"\x89PNG\r\n\x1a\n", Ok(Format::Png)),
    (b"\xff\xd8\xff", Ok(Format::Jpeg)),
    (b"GIF8", Err("a GIF image")),
    (b"RIFF", Err("a picture, sound or film (RIFF)")),
    (b"II*\0", Ok(Format::Tiff)),
    (b"MM\0*", Ok(Format::Tiff)),
    (b"{\\rtf", Ok(Format::Rtf)),
    (b"%!PS", Err("a PostScript file")),
    (b"\x7fELF", Err("a program")),
    (b"MZ", Err("a Windows program")),
    (b"\x1f\x8b", Ok(Format::Gzip)),
    (b"BZh", Err("a bzip2 archive")),
    (b"\xfd7zXZ\0", Err("an xz archive")),
    (b"7z\xbc\xaf\x27\x1c", Err("a 7-Zip archive")),
    (b"Rar!\x1a\x07", Err("a RAR archive")),
    (b"\x28\xb5\x2f\xfd", Err("a Zstandard archive")),
    (b"SQLite format 3\0", Err("a SQLite database")),
    (b"ID3", Err("a sound file")),
    (b"OggS", Err("a sound or film file")),
    (b"PAR1", Err("a Parquet table")),
];

/// What a ZIP archive is, by how the path of a file in it begins.
const ZIPPED: &[(&str, Known)] = &[
    ("word/document", Ok(Format::Docx)),
    ("word/_rels/", Ok(Format::Docx)),
    ("xl/workbook.bin", Ok(Format::Xlsb)),
    ("xl/", Ok(Format::Xlsx)),
    ("ppt/", Ok(Format::Pptx)),
    ("visio/", Err("a Visio drawing")),
];

/// What a ZIP archive is that says so itself, in a first file called `mimetype` that is not compressed.
const DECLARED: &[(&str, Known)] = &[
    ("application/epub+zip", Ok(Format::Epub)),
    ("application/vnd.oasis.opendocument.text", Ok(Format::Odt)),
    ("application/vnd.oasis.opendocument.spreadsheet", Ok(Format::Ods)),
    ("application/vnd.oasis.opendocument.presentation", Ok(Format::Odp)),
];

/// What an OLE compound file is, by the name of a stream in it: the older formats of Office.
const COMPOUND: &[(&str, Known)] = &[
    ("WordDocument", Ok(Format::Doc)),
    ("Workbook", Ok(Format::Xls)),
    ("Book", Ok(Format::Xls)),
    ("PowerPoint Document", Ok(Format::Ppt)),
    ("__properties_version1.0", Ok(Format::Msg)),
];

/// How far into a file the formats' marks are looked for, in bytes. So much of a beginning is enough for [`detect`].
pub const HEAD_BYTES: usize = 64 << 10;

/// The format of a file called `file_name` that begins with `head` (all of it, or at least its first 64 KiB).
///
/// Refusing here is cheap and early; a file that passes may still turn out damaged.
pub fn detect(file_name: &str, head: &[u8]) -> Result<Format, ExtractError> {
    if head.is_empty() {
        return Err(ExtractError::Empty);
    }
    let whole = head;
    let head = &head[..head.len().min(HEAD_BYTES)];
    if is_pdf(head) {
        return Ok(Format::Pdf);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return zipped(whole);
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return compound(whole);
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Ok(Format::Webp);
    }
    if let Some((_, known)) = KNOWN.iter().find(|(mark, _)| head.starts_with(mark)) {
        let letters_only = matches!(known, Err("a Windows program" | "a sound file"));
        if !letters_only || is_binary(head) {
            return told(*known);
        }
    }
    if archive::is_tar(head) {
        return Ok(Format::Tar);
    }
    let wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    if !wide && is_binary(head) {
        return Err(ExtractError::Unsupported { found: "a binary file of an unknown kind".to_owned() });
    }
    Ok(plain(file_name, head))
}

/// Whether the PDF mark stands at the start, or, as readers tolerate, after some bytes that are no text about PDF.
fn is_pdf(head: &[u8]) -> bool {
    let begin = &head[..head.len().min(1024)];
    let Some(at) = find(begin, b"%PDF-") else { return false };
    let before = begin[..at].strip_prefix(b"\xef\xbb\xbf").unwrap_or(&begin[..at]);
    before.iter().all(u8::is_ascii_whitespace) || find(head, b" obj").is_some() || is_binary(head)
}

/// What the ZIP archive `bytes` is: by what it declares, else by the paths of the files in it.
///
/// Of a whole archive the directory at its end is asked; of a beginning, the paths that stand before each file.
fn zipped(bytes: &[u8]) -> Result<Format, ExtractError> {
    let declared =
        DECLARED.iter().find(|(media_type, _)| find(bytes, &[b"mimetype", media_type.as_bytes()].concat()).is_some());
    if let Some((_, known)) = declared {
        return told(*known);
    }
    let known = match zip::ZipArchive::new(Cursor::new(bytes)) {
        Ok(archive) => {
            let holds = |path: &str| archive.file_names().flatten().any(|name| name.starts_with(path));
            ZIPPED.iter().find(|(path, _)| holds(path))
        }
        Err(_) => ZIPPED.iter().find(|(path, _)| find(bytes, path.as_bytes()).is_some()),
    };
    match known {
        Some((_, known)) => told(*known),
        // A first part need not show all paths: what an Office document is then shows when all of it is there.
        None if bytes.len() == HEAD_BYTES && find(bytes, b"[Content_Types].xml").is_some() => Ok(Format::Docx),
        None => Ok(Format::Zip),
    }
}

/// What the OLE compound file `bytes` is. Office wraps encrypted documents in one, too.
fn compound(bytes: &[u8]) -> Result<Format, ExtractError> {
    let has = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        find(bytes, &wide).is_some()
    };
    if has("EncryptedPackage") {
        return Err(ExtractError::Encrypted);
    }
    match COMPOUND.iter().find(|(stream, _)| has(stream)) {
        Some((_, known)) => told(*known),
        // The names stand in a directory that may lie anywhere: what it is shows when all of it is there.
        None if bytes.len() == HEAD_BYTES => Ok(Format::Xls),
        None => told(Err("an older Office file")),
    }
}

fn told(known: Known) -> Result<Format, ExtractError> {
    known.map_err(|found| ExtractError::Unsupported { found: found.to_owned() })
}

/// Whether `head` has more control characters than text ever has: over one NUL, or 20 others, in a thousand bytes.
fn is_binary(head: &[u8]) -> bool {
    let nuls = head.iter().filter(|&&b| b == 0).count();
    let controls =
        head.iter().filter(|&&b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x08 | 0x1b)).count();
    nuls * 1000 > head.len() || controls * 50 > head.len()
}

/// Which kind of text it is: HTML says so itself, Markdown is known only by its name.
fn plain(file_name: &str, head: &[u8]) -> Format {
    let extension = file_name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    let marks: Vec<u8> = head.iter().filter(|&&b| b != 0).take(4096).map(u8::to_ascii_lowercase).collect();
    let marks = after_prologue(&marks);
    if [&b"<!doctype html"[..], b"<html", b"<head", b"<body", b"<title", b"<meta"]
        .iter()
        .any(|mark| marks.starts_with(mark))
    {
        return Format::Html;
    }
    if mail::is_mailbox(head) {
        return Format::Mailbox;
    }
    if mail::is_message(head) {
        return Format::Message;
    }
    if subtitles::is_subtitles(head) {
        return Format::Subtitles;
    }
    match extension.as_str() {
        "html" | "htm" | "xhtml" | "shtml" if marks.contains(&b'<') => Format::Html,
        "csv" | "tsv" | "tab" if sheet::is_table(head) => Format::Csv,
        "md" | "markdown" | "mdown" | "mkd" | "mdx" | "qmd" | "rmd" => Format::Markdown,
        _ => Format::Text,
    }
}

/// `text` from its first tag that is neither a comment nor an XML declaration.
fn after_prologue(mut text: &[u8]) -> &[u8] {
    text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    text = text.strip_prefix(b"\xff\xfe").or_else(|| text.strip_prefix(b"\xfe\xff")).unwrap_or(text);
    loop {
        text = text.trim_ascii_start();
        let end: &[u8] = match text {
            _ if text.starts_with(b"<!--") => b"-->",
            _ if text.starts_with(b"<?xml") => b"?>",
            _ => return text,
        };
        let Some(at) = find(text, end) else { return text };
        text = &text[at + end.len()..];
    }
}

/// Where `needle` first stands in `bytes`.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, needle)
}

#[cfg(test)]
mod tests {
    use super::{Format, detect};

    #[test]
    fn formats_are_told_by_content() {
        let utf16: Vec<u8> = "\u{feff}<html><p>é".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
        let deck =
            [&ole[..], &"PowerPoint Document".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()].concat();
        let cases: &[(&str, &[u8], Format)] = &[
            ("lies.xls", &deck, Format::Ppt),
            ("lies.txt", b"%PDF-1.4\n1 0 obj", Format::Pdf),
            ("late.pdf", b"mail header\r\n%PDF-1.4\n1 0 obj", Format::Pdf),
            ("about.md", b"# On PDF\n\nA file begins with %PDF-1.4.", Format::Markdown),
            ("lies.pdf", b"plain words", Format::Text),
            ("lies.pdf", b"<!-- c --> <!DOCTYPE HTML><p>x", Format::Html),
            ("x.xhtml", b"<?xml version=\"1.0\"?>\n<html xmlns='x'>", Format::Html),
            ("part.html", b"<div>x</div>", Format::Html),
            ("page", b"<title>x</title><p>y", Format::Html),
            ("readme.md", b"<h1 align=center>x</h1>", Format::Markdown),
            ("wide", &utf16, Format::Html),
            ("no extension", b"x", Format::Text),
            ("money.csv", b"a,b\n1,2\n", Format::Csv),
            ("prose.csv", b"words, and\nmore words", Format::Text),
            ("x.zip", b"PK\x03\x04 xl/workbook.xml", Format::Xlsx),
            ("a.zip", b"PK\x03\x04....word/document.xml", Format::Docx),
            ("notes.zip", b"PK\x03\x04 notes.txt", Format::Zip),
            ("book", b"PK\x03\x04\x14\0mimetypeapplication/epub+zip", Format::Epub),
            ("lies.doc", b"{\\rtf1 x}", Format::Rtf),
            ("picture", b"RIFF\x10\0\0\0WEBPVP8 ", Format::Webp),
            ("mail.txt", b"Subject: x\r\nFrom: a@b.c\r\n\r\nwords", Format::Message),
            ("MZ.txt", b"MZ is how this sentence begins", Format::Text),
        ];
        for (name, bytes, format) in cases {
            assert_eq!(detect(name, bytes).expect(name), *format, "{name}");
        }
    }

    #[test]
    fn what_is_refused_is_named() {
        let ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
        let wide = |name: &str| name.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let cases: &[(Vec<u8>, &str)] = &[
            ([&ole[..], &wide("EncryptedPackage")].concat(), "password"),
            (b"\x7fELF\x02\x01".to_vec(), "a program"),
            (b"abc\0\0\x01\x02def".to_vec(), "binary"),
            (Vec::new(), "empty"),
        ];
        for (bytes, said) in cases {
            let error = detect("a.docx", bytes).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
