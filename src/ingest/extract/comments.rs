//! What people said about slides and sheets: comments, older and threaded ones, each with its author and time.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::ExtractError;
use super::package::{Package, Relation};
use super::xml::{attribute, reference};

/// The names of those who commented, by their numbers or identifiers.
#[derive(Default)]
pub(super) struct People(HashMap<String, String>);

/// One comment or one reply.
#[derive(Debug, Default, PartialEq, Eq)]
struct Comment {
    author: String,
    time: String,
    text: String,
}

impl People {
    /// Those that the main part of a presentation or workbook points to.
    pub fn of(package: &mut Package<'_>, relations: &[Relation]) -> Result<People, ExtractError> {
        let mut people = People::default();
        for part in
            relations.iter().filter(|part| ["commentAuthors", "authors", "person"].contains(&part.kind.as_str()))
        {
            if let Some(xml) = package.text(&part.target)? {
                people.read(&xml);
            }
        }
        Ok(people)
    }

    fn read(&mut self, xml: &str) {
        let mut reader = Reader::from_str(xml);
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag) | Event::Empty(tag)) => self.0.extend(person(&tag)),
                Ok(Event::Eof) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

/// The comments on the slide or sheet that has these relations, a paragraph each: `[author: Jo, time: 2026-01-01]: Why?`
pub(super) fn read(
    package: &mut Package<'_>,
    relations: &[Relation],
    people: &People,
) -> Result<Vec<String>, ExtractError> {
    let threads = relations.iter().any(|part| part.kind == "threadedComment");
    let mut shown = Vec::new();
    for part in relations.iter().filter(|part| ["comments", "threadedComment"].contains(&part.kind.as_str())) {
        let Some(xml) = package.text(&part.target)? else { continue };
        // Beside each thread stands a comment that tells older programs of it; its author is the thread.
        let comments = comments(&xml, people);
        let told_twice = |comment: &Comment| threads && comment.author.starts_with("tc=");
        shown.extend(comments.iter().filter(|comment| !told_twice(comment)).filter_map(Comment::markdown));
    }
    Ok(shown)
}

impl Comment {
    fn markdown(&self) -> Option<String> {
        let text = self.text.trim();
        let fields = [("author", &self.author), ("time", &self.time)];
        let said = fields.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}: {value}"));
        let about = said.collect::<Vec<_>>().join(", ");
        let about = if about.is_empty() { "comment" } else { &about };
        (!text.is_empty()).then(|| format!("[{about}]: {text}"))
    }
}

/// An author's number or identifier, and the name that is shown.
fn person(tag: &BytesStart<'_>) -> Option<(String, String)> {
    let id = attribute(tag, "id")?;
    match tag.local_name().into_inner() {
        "cmAuthor" | "author" => {
            let name = attribute(tag, "name")?;
            let initials = attribute(tag, "initials").filter(|initials| !initials.is_empty());
            Some((id, initials.map_or(name.clone(), |initials| format!("{name} ({initials})"))))
        }
        "person" => Some((id, attribute(tag, "displayName")?)),
        _ => None,
    }
}

/// The comments in `xml`. Older ones of a workbook have their authors in a list of their own, those of `people` do not.
fn comments(xml: &str, people: &People) -> Vec<Comment> {
    let mut reader = Reader::from_str(xml);
    let (mut comments, mut open) = (Vec::new(), Vec::new());
    let (mut authors, mut within) = (Vec::<String>::new(), String::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                tag.local_name().into_inner().clone_into(&mut within);
                match within.as_str() {
                    "author" => authors.push(String::new()),
                    "cm" | "reply" | "comment" | "threadedComment" => {
                        open.push(comments.len());
                        comments.push(begun(&tag, people, &authors));
                    }
                    _ => {}
                }
            }
            Ok(Event::Empty(tag)) if tag.local_name().into_inner() == "br" => say(&mut comments, &open, "\n"),
            Ok(Event::Text(text)) => match within.as_str() {
                "author" => authors.iter_mut().last().into_iter().for_each(|author| author.push_str(&text)),
                "t" => say(&mut comments, &open, &text),
                "text" if !text.trim().is_empty() => say(&mut comments, &open, &text),
                _ => {}
            },
            Ok(Event::GeneralRef(name)) if matches!(within.as_str(), "t" | "text") => {
                if let Some(c) = reference(&name) {
                    say(&mut comments, &open, c.encode_utf8(&mut [0; 4]));
                }
            }
            Ok(Event::End(tag)) => {
                within.clear();
                match tag.local_name().into_inner() {
                    "p" => say(&mut comments, &open, "\n"),
                    "cm" | "reply" | "comment" | "threadedComment" => drop(open.pop()),
                    _ => {}
                }
            }
            Ok(Event::Eof) | Err(_) => return comments,
            Ok(_) => {}
        }
    }
}

/// A comment that has no text yet.
fn begun(tag: &BytesStart<'_>, people: &People, authors: &[String]) -> Comment {
    let first = |names: &[&str]| names.iter().find_map(|name| attribute(tag, name)).unwrap_or_default();
    let id = first(&["authorId", "personId"]);
    let listed = || id.parse().ok().and_then(|at: usize| authors.get(at)).map(|author| author.trim().to_owned());
    let author = people.0.get(&id).filter(|_| authors.is_empty()).cloned().or_else(listed).unwrap_or_default();
    Comment { author, time: first(&["dt", "dT", "created"]), text: String::new() }
}

/// Adds to the comment that is read; one with replies may say its own text after them.
fn say(comments: &mut [Comment], open: &[usize], text: &str) {
    if let Some(comment) = open.last().and_then(|&at| comments.get_mut(at)) {
        comment.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::{Comment, People, comments};

    #[test]
    fn older_and_threaded_comments_are_read_alike() {
        let cases = [
            (
                "<l><p:cmAuthor id=\"0\" name=\"Jo\" initials=\"J\"/></l>",
                "<p:cmLst><p:cm authorId=\"0\" dt=\"2026-01-01\"><p:text>Is it a &amp; b?</p:text></p:cm></p:cmLst>",
                vec!["[author: Jo (J), time: 2026-01-01]: Is it a & b?"],
            ),
            (
                "<l><p188:author id=\"{A}\" name=\"Jo\"/><p188:author id=\"{B}\" name=\"Ann\"/></l>",
                "<p188:cmLst><p188:cm authorId=\"{A}\" created=\"2026\"><p188:replyLst><p188:reply authorId=\"{B}\">\
                 <p188:txBody><a:p><a:r><a:t>No.</a:t></a:r></a:p></p188:txBody></p188:reply></p188:replyLst>\
                 <p188:txBody><a:p><a:r><a:t>Yes?</a:t></a:r></a:p></p188:txBody></p188:cm></p188:cmLst>",
                vec!["[author: Jo, time: 2026]: Yes?", "[author: Ann]: No."],
            ),
            (
                "<personList><person displayName=\"Ann\" id=\"{1}\"/></personList>",
                "<ThreadedComments><threadedComment personId=\"{1}\" dT=\"2026\"><text>Ducks</text></threadedComment>\
                 </ThreadedComments>",
                vec!["[author: Ann, time: 2026]: Ducks"],
            ),
            (
                "",
                "<comments><authors><author>Jo</author></authors><commentList><comment authorId=\"0\"><text>\
                 <r><t>two </t></r><r><t>runs</t></r></text></comment><comment authorId=\"7\"><text><t>x</t></text>\
                 </comment></commentList></comments>",
                vec!["[author: Jo]: two runs", "[comment]: x"],
            ),
            ("", "<cm><cm><reply>".repeat(20_000).leak(), vec![]),
        ];
        for (authors, xml, expected) in cases {
            let mut people = People::default();
            people.read(authors);
            let read = comments(xml, &people);
            assert_eq!(read.iter().filter_map(Comment::markdown).collect::<Vec<_>>(), expected);
        }
    }
}
