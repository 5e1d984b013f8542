//! What chunks promise, checked on tables of documents and on thousands of made ones.

use super::{chunk, context_title};
use crate::domain::chunk::{Chunk, ChunkRules};
use crate::domain::extract::{Extract, PageSpan, Span};
use crate::limits;

const RULES: ChunkRules = ChunkRules { tokens_max: 32, tokens_min: 8, merge_peers: true };

/// Counts like a word-piece model: a token for each mark, each four letters of a word, each character beyond Latin;
/// two are special.
fn by_word(text: &str) -> usize {
    let mut tokens = 2;
    let mut letters = 0;
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => {
                tokens += usize::from(letters % 4 == 0);
                letters += 1;
            }
            c => {
                letters = 0;
                tokens += usize::from(!c.is_whitespace());
            }
        }
    }
    tokens
}

/// Counts so that the parts of a text have fewer tokens in sum than the whole.
fn by_bytes(text: &str) -> usize {
    text.len() * 2 / 3
}

fn extract(markdown: &str, page_starts: &[usize]) -> Extract {
    let ends = page_starts.iter().skip(1).copied().chain([markdown.len()]);
    let pages = page_starts.iter().zip(ends).zip(1..);
    let pages = pages.map(|((&start, end), number)| PageSpan { number, span: Span { start, end } }).collect();
    Extract { markdown: markdown.to_owned(), pages, ..Extract::default() }
}

/// Checks all that holds for any text and rules, and returns the chunks.
fn check(extract: &Extract, title: &str, rules: ChunkRules, count: &dyn Fn(&str) -> usize) -> Vec<Chunk> {
    let chunks = chunk(extract, title, rules, count);
    let text = &extract.markdown;
    let title = context_title(title, rules, count);
    let mut at = 0;
    for chunk in &chunks {
        let Span { start, end } = chunk.span;
        assert!(at <= start && start < end && end <= text.len(), "{at} {:?}", chunk.span);
        assert_eq!(text.get(start..end), Some(chunk.text.as_str()), "a chunk is exactly its span");
        assert!(left_out(&text[at..start], extract), "left out: {:?}", &text[at..start]);
        assert_eq!(chunk.page, extract.page_at(start));
        let tokens = count(&chunk.embedded_text(title));
        assert_eq!(chunk.tokens as usize, tokens);
        assert!(tokens <= rules.tokens_max || chunk.text.chars().count() == 1, "{tokens} tokens: {:?}", chunk.text);
        at = end;
    }
    assert!(text[at..].trim().is_empty(), "left out at the end: {:?}", &text[at..]);
    chunks
}

/// Whether `text` may be in no chunk: white space, or, where there are pages, lines of headings.
fn left_out(text: &str, extract: &Extract) -> bool {
    let is_heading = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    text.trim().is_empty() || (!extract.pages.is_empty() && text.lines().any(is_heading))
}

fn texts(chunks: &[Chunk]) -> Vec<&str> {
    chunks.iter().map(|chunk| chunk.text.as_str()).collect()
}

#[test]
fn neighbours_are_joined_within_their_section() {
    let long = "word ".repeat(10);
    let long = long.trim();
    let cases: &[(String, Vec<String>)] = &[
        ("a\n\nb\n\n- c\n- d".into(), vec!["a\n\nb\n\n- c\n- d".into()]),
        (format!("# A\n\n{long}\n\n# B\n\n{long}"), vec![format!("# A\n\n{long}"), format!("# B\n\n{long}")]),
        (format!("# A\n\n{long}\n\n# B\n\nshort"), vec![format!("# A\n\n{long}\n\n# B\n\nshort")]),
        (format!("# A\n\n## B\n\n{long}"), vec![format!("# A\n\n## B\n\n{long}")]),
        (format!("{long}\n\n{long}\n\n{long}\n\n{long}"), vec![format!("{long}\n\n{long}\n\n{long}"), long.into()]),
        (String::new(), vec![]),
    ];
    for (markdown, expected) in cases {
        assert_eq!(texts(&check(&extract(markdown, &[]), "", RULES, &by_word)), *expected, "{markdown:?}");
    }
}

#[test]
fn without_merging_only_small_chunks_are_joined() {
    let rules = ChunkRules { merge_peers: false, ..RULES };
    let ten = "word ".repeat(10);
    let ten = ten.trim();
    let markdown = format!("{ten}\n\n{ten}\n\nx\n\ny");
    assert_eq!(texts(&check(&extract(&markdown, &[]), "", rules, &by_word)), [ten, &format!("{ten}\n\nx\n\ny")]);
}

#[test]
fn headings_above_are_context_and_headings_within_are_not_repeated() {
    let ten = "word ".repeat(24);
    let markdown = format!("# A\n\n## B\n\n{ten}\n\n{ten}\n\n# C\n\n{ten}");
    let chunks = check(&extract(&markdown, &[]), "T", RULES, &by_word);
    let headings: Vec<_> = chunks.iter().map(|chunk| chunk.headings.join("/")).collect();
    assert_eq!(headings, ["", "A/B", ""]);
    let named = check(&extract(&markdown, &[]), "A", RULES, &by_word);
    assert_eq!(named[1].headings, ["B"], "the title is not repeated as a heading");
}

#[test]
fn chunks_do_not_cross_pages() {
    let markdown = "A sentence that goes\n\non over the page.\n\n# H\n\nnext";
    let chunks = check(&extract(markdown, &[0, 22, 46]), "", RULES, &by_word);
    let pages: Vec<_> = chunks.iter().map(|chunk| (chunk.page, chunk.text.as_str())).collect();
    assert_eq!(pages, [(Some(1), "A sentence that goes"), (Some(2), "on over the page.\n\n# H"), (Some(3), "next")]);
    assert_eq!(chunks[2].headings, ["H"]);
}

#[test]
fn headings_alone_on_a_page_are_left_to_the_context_of_what_follows() {
    let markdown = "# A\n\n## B\n\nText of the second page.\n\n# C\n\n# D";
    let chunks = check(&extract(markdown, &[0, 10]), "", RULES, &by_word);
    assert_eq!(texts(&chunks), ["Text of the second page.\n\n# C\n\n# D"]);
    assert_eq!((chunks[0].page, chunks[0].headings.join("/")), (Some(2), "A/B".to_owned()));
    assert_eq!(texts(&check(&extract("# A\n\n# B", &[0, 5]), "", RULES, &by_word)), ["# A", "# B"]);
}

#[test]
fn rows_that_a_cut_parts_from_their_header_have_it_as_context() {
    let rows: String = (0..12).map(|row| format!("| name{row} | {row} |\n")).collect();
    let table = format!("# Pay\n\n| Who | Sum |\n| --- | --- |\n{rows}");
    let chunks = chunk(&extract(table.trim_end(), &[]), "", RULES, &by_word);
    assert!(chunks.len() > 2, "{chunks:#?}");
    assert_eq!(chunks[0].headings, Vec::<String>::new());
    for chunk in &chunks[1..] {
        assert_eq!(chunk.headings.last().map(String::as_str), Some("Who | Sum"), "{chunk:#?}");
        assert!(chunk.tokens as usize <= RULES.tokens_max);
    }
}

#[test]
fn tables_and_code_are_whole_when_they_fit_and_cut_between_lines_when_not() {
    let row = "| cell | cell |\n";
    let fits = format!("word word word word word word word word word word word\n\n{}", row.repeat(4));
    let chunks = check(&extract(&fits, &[]), "", RULES, &by_word);
    assert_eq!(texts(&chunks)[1], row.repeat(4).trim());
    let large = row.repeat(40);
    for chunk in check(&extract(&large, &[]), "", RULES, &by_word) {
        assert!(chunk.text.lines().all(|line| line == row.trim()), "{:?}", chunk.text);
    }
    let code = format!("```\n{}```", "let a = b;\n".repeat(40));
    for chunk in check(&extract(&code, &[]), "", RULES, &by_word) {
        assert!(chunk.text.lines().all(|line| line == "```" || line == "let a = b;"), "{:?}", chunk.text);
    }
}

#[test]
fn large_paragraphs_are_cut_between_sentences_then_words_then_characters() {
    let sentence = "This is one sentence here. ";
    for chunk in check(&extract(&sentence.repeat(30), &[]), "", RULES, &by_word) {
        assert!(chunk.text.starts_with("This") && chunk.text.ends_with("here."), "{:?}", chunk.text);
    }
    for chunk in check(&extract(&"word ".repeat(300), &[]), "", RULES, &by_word) {
        assert!(chunk.text.split(' ').all(|word| word == "word"), "{:?}", chunk.text);
    }
    let chinese = "这是一个句子。".repeat(40);
    for chunk in check(&extract(&chinese, &[]), "", RULES, &by_word) {
        assert!(chunk.text.ends_with('。'), "{:?}", chunk.text);
    }
    check(&extract(&"é".repeat(5000), &[]), "", RULES, &by_word);
    check(&extract(&"x".repeat(100_000), &[]), "", RULES, &by_word);
}

#[test]
fn one_endless_word_that_the_model_does_not_know_is_cut_too() {
    let unknown = |text: &str| 2 + text.split_whitespace().count();
    let chunks = check(&extract(&"x".repeat(1 << 20), &[]), "", RULES, &unknown);
    let most = RULES.tokens_max * limits::CHUNK_BYTES_PER_TOKEN_MAX;
    assert!(chunks.iter().all(|chunk| chunk.text.len() <= most));
}

#[test]
fn long_titles_and_headings_leave_room_for_text() {
    let long = "Heading ".repeat(100);
    let markdown = format!("# {long}\n\n## {long}\n\n{}", "word ".repeat(200));
    let chunks = check(&extract(&markdown, &[]), &"Title ".repeat(200), RULES, &by_word);
    let last = chunks.last().expect("there are chunks");
    assert!(last.headings.len() == 1 && last.text.len() > 40, "{last:?}");
}

/// Numbers that look random and are the same in every run. Source: Marsaglia, "Xorshift RNGs".
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap_or(0)
    }
}

#[test]
fn any_text_under_any_rules_is_covered_in_order() {
    const PARTS: &[&str] = &[
        "# ",
        "\n",
        "\n\n",
        "## H\n",
        "- ",
        "1. ",
        "| a | b |\n",
        "```\n",
        "~~~",
        "---\n",
        "===\n",
        "word ",
        "Sentence. ",
        "汉字",
        "。",
        "é",
        "😀",
        "\u{301}",
        "\t",
        "  ",
        "|",
        "x",
        "longlonglonglonglong",
        "\u{200b}",
        "\u{202e}",
        ">",
        "*",
        "#",
        "\u{0}",
    ];
    let mut numbers = Numbers(88_172_645_463_325_252);
    for round in 0..3000 {
        let markdown: String = (0..numbers.below(120)).map(|_| PARTS[numbers.below(PARTS.len())]).collect();
        let mut starts: Vec<usize> = (0..numbers.below(4)).map(|_| numbers.below(markdown.len() + 1)).collect();
        starts.retain(|&start| markdown.is_char_boundary(start));
        starts.push(0);
        starts.sort_unstable();
        let pages = if round % 2 == 0 { &starts[..] } else { &[] };
        let tokens_max = 16 + numbers.below(64);
        let rules = ChunkRules { tokens_max, tokens_min: numbers.below(tokens_max), merge_peers: round % 3 == 0 };
        let title = ["", "Title", "汉字的题目很长很长很长很长很长很长"][round % 3];
        check(&extract(&markdown, pages), title, rules, &by_word);
        check(&extract(&markdown, pages), title, rules, &by_bytes);
    }
}

#[test]
fn time_grows_with_the_text_and_not_with_its_square() {
    for part in ["word word word. ", "word\n\n", "- item\n", "# H\n\n", "| a | b |\n", "x", "汉"] {
        let counted = |bytes: usize| {
            let sum = std::cell::Cell::new(0usize);
            let count = |text: &str| {
                sum.set(sum.get() + text.len());
                by_word(text)
            };
            chunk(&extract(&part.repeat(bytes / part.len()), &[]), "T", RULES, &count);
            sum.get()
        };
        let (small, large) = (counted(20_000), counted(200_000));
        assert!(large < small * 13, "{part:?}: {small} bytes counted, then {large} for ten times the text");
    }
}

#[test]
fn naughty_strings_and_hostile_files_are_chunked() {
    let Some(data) = std::env::var_os("NOSIA_TEST_DATA") else {
        return eprintln!("NOSIA_TEST_DATA is not set: hostile texts are left out");
    };
    let folder = std::path::Path::new(&data).join("hostile/naughty-strings");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        let Ok(bytes) = std::fs::read(entry.path()) else { continue };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        check(&extract(&text, &[]), "naughty", RULES, &by_word);
        read += 1;
    }
    assert!(read > 0);
}
