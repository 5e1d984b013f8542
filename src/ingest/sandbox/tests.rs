//! Both sides of the protocol, and real processes that misbehave.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::wire::{Answer, Outcome, Read, Request, Wanted};
use super::{Deaf, Reader, child};
use crate::ingest::extract::ExtractError;

/// What the child says to this document.
fn said(file_name: &str, document: &[u8]) -> Vec<Answer> {
    said_of(Wanted::Text, file_name, document)
}

fn said_of(wanted: Wanted, file_name: &str, document: &[u8]) -> Vec<Answer> {
    let request = Request { file_name: file_name.to_owned(), bytes: document.len() as u64, wanted };
    let input = [request.line().as_bytes(), document].concat();
    let mut output = Vec::new();
    child::answer(&input[..], &mut output).expect("reading from and writing to memory");
    output.split_inclusive(|&b| b == b'\n').map(|line| Answer::parse(line).expect("agreed lines")).collect()
}

fn outcome(answers: Vec<Answer>) -> Outcome {
    match answers.into_iter().last() {
        Some(Answer::Outcome(outcome)) => outcome,
        other => panic!("the last line is the outcome, not {other:?}"),
    }
}

#[test]
fn a_document_goes_in_and_its_text_comes_out() {
    let document = "---\ntitle: T\n---\n# \"H\"\n\nline\n\u{2028}é\\";
    let (extract, media_type) = outcome(said("a.md", document.as_bytes())).checked().expect("Markdown is read");
    assert_eq!(media_type, "text/markdown");
    assert_eq!(extract.title.as_deref(), Some("T"));
    assert_eq!(extract.markdown, "# \"H\"\n\nline\n\né\\");
}

#[test]
fn the_links_of_a_page_come_out_where_they_are_wanted() {
    let page = "<link rel=canonical href=/here><a href=one>1</a><a href='\n two'>2</a>";
    let links = outcome(said_of(Wanted::Links, "a", page.as_bytes())).checked_links().expect("every page has links");
    assert_eq!(links.canonical.as_deref(), Some("/here"));
    assert_eq!(links.pages, ["one", "two"]);
    assert!(outcome(said_of(Wanted::Links, "a", b"")).checked().is_err(), "links are no text");
}

#[test]
fn refusals_come_through_word_for_word() {
    let cases: &[(&str, &[u8])] = &[("a", b""), ("a.gif", b"GIF89a\0\0"), ("a.txt", b"  "), ("a.pdf", b"%PDF-1.4\n")];
    for (name, document) in cases {
        let here = crate::ingest::extract::extract(name, document, &mut |_| {}).expect_err(name).to_string();
        let there = outcome(said(name, document)).checked().expect_err(name).to_string();
        assert_eq!(here, there);
    }
}

#[test]
fn a_result_that_contradicts_itself_is_not_taken() {
    let page_lists: &[&[(u32, usize, usize)]] = &[
        &[(1, 0, 99)],
        &[(1, 0, 1), (2, 0, 2)],
        &[(1, 1, 2)],
        &[(1, 0, 1)],
        &[(1, 0, 2), (2, 2, 1)],
        &[(1, 0, 3), (2, 3, 4)],
    ];
    for pages in page_lists {
        let read = Read { markdown: "aaé".to_owned(), pages: pages.to_vec(), ..Read::default() };
        let outcome = Outcome::Read(Box::new(read));
        assert!(matches!(outcome.checked(), Err(ExtractError::Stopped(_))), "{pages:?}");
    }
}

/// What becomes of reading a document with a child that runs `script`.
async fn misbehaving(script: &str, silence_max: Duration) -> Result<String, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("child");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("the script is written");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("the script may be run");
    let document = folder.path().join("document");
    std::fs::write(&document, vec![b'x'; 1 << 20]).expect("the document is written");
    let reader = Reader { program };
    // Another test's fork may hold the script open for writing for a moment (ETXTBSY).
    for _ in 0..50 {
        match reader.read_within(silence_max, &document, "a.txt", &mut Deaf).await {
            Err(ExtractError::Io(error)) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok((extract, _)) => return Ok(extract.markdown),
            Err(error) => return Err(error.to_string()),
        }
    }
    panic!("the script stayed busy");
}

#[tokio::test]
async fn whatever_the_child_does_there_is_a_sentence_for_it() {
    let read =
        r#"{"outcome":{"read":{"title":null,"markdown":"text","pages":[],"notes":[],"media_type":"text/plain"}}}"#;
    let long = Duration::from_secs(60);
    let short = Duration::from_millis(300);
    let cases: &[(&str, Duration, Result<&str, &str>)] = &[
        (&format!("cat >/dev/null; echo '{read}'"), long, Ok("text")),
        (&format!("echo '{read}'"), long, Ok("text")),
        (&format!("echo '{{\"page\":{{\"done\":1,\"total\":2}}}}'; echo '{read}'; exit 1"), long, Ok("text")),
        ("cat >/dev/null; sleep 60", short, Err("made no progress")),
        ("kill -XCPU $$", long, Err("10 minutes of processor time")),
        ("echo 'memory allocation of 99 bytes failed' >&2; kill -ABRT $$", long, Err("2 GiB of memory")),
        ("echo 'thread x has overflowed its stack' >&2; kill -ABRT $$", long, Err("nested too deeply")),
        ("kill -SEGV $$", long, Err("made the reader stop")),
        ("echo garbage; sleep 60", long, Err("made the reader stop")),
        ("echo 'no such command' >&2; exit 2", long, Err("ended with exit status: 2: no such command")),
    ];
    for (script, silence_max, expected) in cases {
        let got = misbehaving(script, *silence_max).await;
        match (&got, expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, expected, "{script}"),
            (Err(said), Err(expected)) => assert!(said.contains(expected) && said.ends_with('.'), "{script}: {said}"),
            _ => panic!("{script}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn a_child_that_never_stops_talking_is_cut_off() {
    let got = misbehaving("exec yes x", Duration::from_secs(60)).await;
    assert!(got.is_err_and(|said| said.contains("made the reader stop")));
}
