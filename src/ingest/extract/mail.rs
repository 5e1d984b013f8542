//! Messages: who wrote what to whom and when; what is attached is handed up as documents of their own.

mod msg;

use mail_parser::mailbox::mbox::MessageIterator;
use mail_parser::{Address, Message, MessageParser, MimeHeaders as _, PartType};

use super::{ExtractError, Hear, Heard, PartHead, html, text, too_much_text};
use crate::domain::extract::{Extract, PageSpan, Span, Unit};
use crate::limits;

pub(super) use msg::read as read_msg;

/// Header fields by which the beginning of a message is told.
const TELLING: [&str; 9] =
    ["from", "to", "subject", "date", "message-id", "received", "return-path", "mime-version", "delivered-to"];

/// Whether `head`, the beginning of a text, is a message's: two fields that only messages have, before anything else.
pub(super) fn is_message(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&head[..head.len().min(8 << 10)]);
    let mut telling = 0;
    for line in head.trim_start_matches('\u{feff}').lines() {
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else { break };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
            break;
        }
        telling += usize::from(TELLING.contains(&name.to_ascii_lowercase().as_str()));
    }
    telling >= 2
}

/// Whether `head` is the beginning of a mailbox: a line `From ` and a message.
pub(super) fn is_mailbox(head: &[u8]) -> bool {
    let line = head.iter().position(|&b| b == b'\n').unwrap_or(0);
    head.starts_with(b"From ") && is_message(&head[line + 1..])
}

/// Reads one message. A web page that was saved as one is read as a web page.
pub(super) fn read(bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let message = parsed(bytes)?;
    if let Some(page) = saved_page(&message) {
        return html::read(page.as_bytes());
    }
    let mut extract = Extract {
        title: message.subject().map(str::to_owned),
        author: message.from().map(people),
        date: message.date().map(|date| date.to_rfc3339().chars().take(10).collect()),
        markdown: text::clean(&markdown(&message)),
        ..Extract::default()
    };
    attached(&message, None, &mut extract, hear);
    Ok(extract)
}

/// Reads a mailbox, a page a message.
pub(super) fn read_mailbox(bytes: &[u8], hear: Hear<'_>) -> Result<Extract, ExtractError> {
    let mut extract = Extract { unit: Unit::Message, ..Extract::default() };
    let total = memchr::memmem::find_iter(bytes, b"\nFrom ").count() + 1;
    let total = u32::try_from(total).unwrap_or(u32::MAX);
    for (message, number) in MessageIterator::new(bytes).zip(1..=limits::EXTRACT_PAGES_MAX) {
        let message = message.map_err(|_| ExtractError::Damaged("its messages cannot be told apart".to_owned()))?;
        let start = extract.markdown.len();
        if let Ok(message) = parsed(message.contents()) {
            if start > 0 {
                extract.markdown.push_str("\n\n");
                let end = extract.markdown.len();
                extract.pages.iter_mut().last().into_iter().for_each(|page| page.span.end = end);
            }
            let start = extract.markdown.len();
            extract.markdown.push_str(&text::clean(&markdown(&message)));
            let span = Span { start, end: extract.markdown.len() };
            extract.pages.push(PageSpan { number, span });
            attached(&message, Some(number), &mut extract, hear);
        }
        if extract.markdown.len() > limits::EXTRACT_BYTES_MAX {
            return Err(too_much_text());
        }
        hear(Heard::Page { done: number.min(total), total });
    }
    Ok(extract)
}

fn parsed(bytes: &[u8]) -> Result<Message<'_>, ExtractError> {
    MessageParser::default().parse(bytes).ok_or_else(|| ExtractError::Damaged("it is no message".to_owned()))
}

/// The page in a message that holds a page and what belongs to it, addressed to nobody.
fn saved_page<'a>(message: &'a Message<'_>) -> Option<&'a str> {
    let related = message.is_content_type("multipart", "related") && message.to().is_none();
    message.html_bodies().filter(|_| related).find_map(|part| match &part.body {
        PartType::Html(page) => Some(page.as_ref()),
        _ => None,
    })
}

/// A message with its subject as heading, its fields, and its text as it was written.
fn markdown(message: &Message<'_>) -> String {
    let fields = Fields {
        subject: message.subject().unwrap_or_default(),
        from: message.from().map(people).unwrap_or_default(),
        to: message.to().map(people).unwrap_or_default(),
        cc: message.cc().map(people).unwrap_or_default(),
        date: message.date().map(|date| date.to_rfc3339()).unwrap_or_default(),
    };
    let texts = message.text_bodies().filter_map(|part| match &part.body {
        PartType::Text(text) => Some(text.trim().to_owned()),
        PartType::Html(page) => Some(html::whole(page)),
        _ => None,
    });
    fields.above(&texts.collect::<Vec<_>>().join("\n\n"))
}

/// What stands above a message's text.
#[derive(Default)]
struct Fields<'a> {
    subject: &'a str,
    from: String,
    to: String,
    cc: String,
    date: String,
}

impl Fields<'_> {
    fn above(&self, text: &str) -> String {
        let subject = self.subject.split_whitespace().collect::<Vec<_>>().join(" ");
        let heading = if subject.is_empty() { String::new() } else { format!("# {subject}") };
        let fields = [("From", &self.from), ("To", &self.to), ("Cc", &self.cc), ("Date", &self.date)];
        let fields = fields.iter().filter(|(_, value)| !value.is_empty());
        let fields = fields.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n");
        let blocks = [heading.as_str(), &fields, text];
        blocks.into_iter().filter(|block| !block.is_empty()).collect::<Vec<_>>().join("\n\n")
    }
}

fn people(address: &Address<'_>) -> String {
    let person = |address: &mail_parser::Addr<'_>| match (&address.name, &address.address) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(either), None) | (None, Some(either)) => either.to_string(),
        (None, None) => String::new(),
    };
    address.iter().map(person).filter(|person| !person.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Hands up what is attached, and names it in the text.
fn attached(message: &Message<'_>, page: Option<u32>, extract: &mut Extract, hear: Hear<'_>) {
    let mut names = Vec::new();
    for (part, number) in message.attachments().zip(1..) {
        // Pictures within a text are its decoration: logos, lines, portraits.
        if matches!(part.body, PartType::InlineBinary(_)) && part.content_id().is_some() {
            continue;
        }
        let (name, bytes) = match &part.body {
            PartType::Message(inner) => {
                let name = inner.subject().filter(|subject| !subject.trim().is_empty()).unwrap_or("message");
                (format!("{}.eml", name.replace(['/', '\\'], " ")), inner.raw_message())
            }
            _ => {
                (part.attachment_name().map_or_else(|| format!("attachment {number}"), str::to_owned), part.contents())
            }
        };
        hear(Heard::Part { head: PartHead { name: name.clone(), page }, bytes });
        names.push(name);
    }
    name_attached(&names, extract);
}

fn name_attached(names: &[String], extract: &mut Extract) {
    if names.is_empty() {
        return;
    }
    extract.markdown.push_str(&format!("\n\nAttached: {}", text::clean(&names.join(", ")).replace('\n', " ")));
    let end = extract.markdown.len();
    extract.pages.iter_mut().last().into_iter().for_each(|page| page.span.end = end);
}

#[cfg(test)]
mod tests {
    use super::{is_mailbox, is_message, read, read_mailbox};
    use crate::domain::extract::{Extract, Unit};
    use crate::ingest::extract::{ExtractError, Heard};

    const MESSAGE: &str = "From: =?utf-8?q?J=C3=B6?= <jo@example.org>\r\nTo: ann@example.org\r\nSubject: The plan\r\n\
        Date: Tue, 5 Mar 2024 10:11:12 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
        <p>We meet at the caf=E9.</p>\r\n--b\r\nContent-Type: text/plain; name=\"a/b.txt\"\r\n\
        Content-Disposition: attachment; filename=\"a/b.txt\"\r\n\r\nattached words\r\n--b--\r\n";

    fn heard(
        bytes: &[u8],
        read: fn(&[u8], super::Hear<'_>) -> Result<Extract, ExtractError>,
    ) -> (Extract, Vec<(String, Vec<u8>)>) {
        let mut parts = Vec::new();
        let extract = read(bytes, &mut |heard| {
            if let Heard::Part { head, bytes } = heard {
                parts.push((head.name, bytes.to_vec()));
            }
        });
        (extract.expect("a message"), parts)
    }

    #[test]
    fn a_message_is_its_fields_its_text_and_what_is_attached() {
        assert!(is_message(MESSAGE.as_bytes()));
        let (extract, parts) = heard(MESSAGE.as_bytes(), read);
        let expected = "# The plan\n\nFrom: Jö <jo@example.org>\nTo: ann@example.org\nDate: 2024-03-05T10:11:12+01:00\n\n\
            We meet at the café.\n\nAttached: a/b.txt";
        assert_eq!(extract.markdown, expected);
        assert_eq!((extract.title.as_deref(), extract.date.as_deref()), (Some("The plan"), Some("2024-03-05")));
        assert_eq!(parts, [("a/b.txt".to_owned(), b"attached words".to_vec())]);
    }

    #[test]
    fn a_mailbox_has_its_messages_as_pages() {
        let box_of = format!(
            "From jo@example.org Tue Mar  5 10:11:12 2024\n{MESSAGE}\nFrom x Tue Mar  5 10:11:12 2024\nFrom: a@b.c\nSubject: Two\n\n>From here on\n"
        );
        assert!(is_mailbox(box_of.as_bytes()) && !is_mailbox(MESSAGE.as_bytes()));
        let (extract, parts) = heard(box_of.as_bytes(), read_mailbox);
        assert_eq!((extract.unit, extract.pages.len(), parts.len()), (Unit::Message, 2, 1));
        let second = extract.pages[1].span.of(&extract.markdown);
        assert!(second.starts_with("# Two") && second.ends_with("From here on"), "{second}");
        assert!(extract.pages[0].span.of(&extract.markdown).contains("Attached: a/b.txt"));
    }

    #[test]
    fn a_saved_page_is_a_page() {
        let page = "From: <Saved by Blink>\r\nSubject: A page\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n\
            --b\r\nContent-Type: text/html\r\n\r\n<html><head><title>Title</title></head><body><p>The words.</p></body></html>\r\n--b--\r\n";
        let (extract, parts) = heard(page.as_bytes(), read);
        assert_eq!((extract.markdown.as_str(), parts.len()), ("The words.", 0));
    }

    #[test]
    fn texts_are_not_messages() {
        for text in ["To: whom it may concern\n\nHello", "Note: this\nAnd: that", "", "From here: on\nto: there\n"] {
            assert!(!is_message(text.as_bytes()), "{text:?}");
        }
    }
}
