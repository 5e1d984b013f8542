//! Subtitles (WebVTT and SubRip): what is said, without the times at which it is.

use super::ExtractError;
use super::text;
use crate::domain::extract::Extract;

/// Whether `head`, the beginning of a text, is of subtitles.
pub(super) fn is_subtitles(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty());
    match lines.next() {
        Some(first) if first.starts_with("WEBVTT") => true,
        Some(first) => first.bytes().all(|b| b.is_ascii_digit()) && lines.next().is_some_and(is_times),
        None => false,
    }
}

/// Reads subtitles, a paragraph for each that is shown; who speaks stands before it where it is said anew.
pub(super) fn read(bytes: &[u8]) -> Result<Extract, ExtractError> {
    let decoded = text::decode(bytes);
    let clean = text::clean(&decoded.text);
    let (mut speaker, mut paragraphs) = (String::new(), Vec::new());
    for block in clean.split("\n\n") {
        let mut lines = block.lines().skip_while(|line| !is_times(line));
        if lines.next().is_none() {
            continue;
        }
        let said = lines.collect::<Vec<_>>().join("\n");
        let (voice, words) = untagged(&said);
        match voice.filter(|voice| *voice != speaker) {
            Some(voice) => {
                paragraphs.push(format!("{voice}: {words}"));
                speaker = voice;
            }
            None => paragraphs.push(words),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.trim().is_empty());
    let markdown = text::clean(&paragraphs.join("\n\n"));
    Ok(Extract { markdown, notes: decoded.note.into_iter().collect(), ..Extract::default() })
}

fn is_times(line: &str) -> bool {
    line.split_once("-->").is_some_and(|(from, _)| from.trim().contains(':'))
}

/// The text without its tags, and the voice that the first of them names.
fn untagged(said: &str) -> (Option<String>, String) {
    let (mut voice, mut words) = (None, String::new());
    let mut rest = said;
    while let Some((before, tag)) = rest.split_once('<') {
        let Some((tag, after)) = tag.split_once('>') else { break };
        words.push_str(before);
        if let Some(name) =
            tag.strip_prefix("v ").or_else(|| tag.strip_prefix("v.").and_then(|tag| Some(tag.split_once(' ')?.1)))
        {
            voice.get_or_insert(name.trim().to_owned());
        }
        rest = after;
    }
    words.push_str(rest);
    (voice, words)
}

#[cfg(test)]
mod tests {
    use super::{is_subtitles, read};

    #[test]
    fn what_is_said_is_kept_and_when_is_not() {
        let vtt = "WEBVTT\n\nNOTE made by hand\n\nid-1\n00:01.000 --> 00:02.000\n<v Jo>Good <i>morning</i>,\nall</v>\n\n\
                   00:02.000 --> 00:03.000\n<v Jo>again 1 < 2\n\n00:03.000 --> 00:04.000\n<v.loud Ann>Yes";
        assert!(is_subtitles(vtt.as_bytes()));
        assert_eq!(read(vtt.as_bytes()).expect("text").markdown, "Jo: Good morning,\nall\n\nagain 1 < 2\n\nAnn: Yes");
        let srt = "1\r\n00:00:01,000 --> 00:00:02,000\r\nHello\r\n\r\n2\r\n00:00:02,000 --> 00:00:03,000\r\nworld\r\n";
        assert!(is_subtitles(srt.as_bytes()));
        assert_eq!(read(srt.as_bytes()).expect("text").markdown, "Hello\n\nworld");
        assert!(!is_subtitles(b"1\nis a number"));
    }
}
