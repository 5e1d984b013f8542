//! An extract's text cut into chunks for the embedder, along the document's own structure.
//!
//! Blocks ([`scan`]) that are too large are split at the best borders they have ([`split`]); neighbours that belong
//! together are joined while they fit ([`pack`]). A chunk is one contiguous stretch of the text, lies on one page, and
//! with its title and headings never has more tokens than the embedder takes. Time is near linear in the text's
//! length: tokens are counted on pieces of bounded size only, a few times each.

mod pack;
mod scan;
mod section;
mod split;

use crate::domain::chunk::{Chunk, ChunkRules};
use crate::domain::extract::{Extract, Span, page_at};
use crate::limits;
use section::Section;

/// Cuts `extract`, whose source is called `title`, into chunks that cover its text in order, but for headings that
/// stand alone on their page above text that has them as context.
///
/// `count_tokens` counts as the embedding model does, special tokens included. What is embedded later must be
/// [`Chunk::embedded_text`] of [`context_title`], whose tokens each chunk's `tokens` gives; that is never more than
/// `rules.tokens_max`, as long as that leaves room for one character. At most one chunk more than
/// [`limits::CHUNKS_PER_SOURCE_MAX`] is made; that one says that there were more.
pub fn chunk(extract: &Extract, title: &str, rules: ChunkRules, count_tokens: &dyn Fn(&str) -> usize) -> Vec<Chunk> {
    let scale = Scale::new(rules, count_tokens);
    let title = context_title(title, rules, count_tokens);
    let drafts = pack::drafts(extract, title, &scale);
    let mut chunks = Vec::with_capacity(drafts.len());
    for draft in drafts {
        finish(extract, title, &scale, draft.span, &draft.above, &mut chunks);
        if chunks.len() > limits::CHUNKS_PER_SOURCE_MAX {
            chunks.truncate(limits::CHUNKS_PER_SOURCE_MAX + 1);
            break;
        }
    }
    chunks
}

/// As much of `title` as is put before each chunk: at most half of the tokens that context may take.
pub fn context_title<'a>(title: &'a str, rules: ChunkRules, count_tokens: &dyn Fn(&str) -> usize) -> &'a str {
    let scale = Scale::new(rules, count_tokens);
    scale.beginning(title, scale.context_max / 2)
}

/// How text is weighed against the rules.
struct Scale<'a> {
    rules: ChunkRules,
    count_tokens: &'a dyn Fn(&str) -> usize,
    /// Tokens that even an empty text has.
    special: usize,
    /// Tokens that title and headings may take together.
    context_max: usize,
}

impl<'a> Scale<'a> {
    fn new(rules: ChunkRules, count_tokens: &'a dyn Fn(&str) -> usize) -> Scale<'a> {
        let context_max = limits::CHUNK_CONTEXT_TOKENS_MAX.min(rules.tokens_max / 4);
        Scale { rules, count_tokens, special: count_tokens(""), context_max }
    }

    /// Tokens of `text` within a larger one. Text too long for any chunk is weighed by its bytes alone.
    fn cost(&self, text: &str) -> usize {
        let least = text.len().div_ceil(limits::CHUNK_BYTES_PER_TOKEN_MAX);
        if least > self.rules.tokens_max {
            return least;
        }
        (self.count_tokens)(text).saturating_sub(self.special).max(least)
    }

    /// The longest beginning of `text` that has at most `tokens_max` tokens, cut between words where that is near.
    fn beginning<'t>(&self, text: &'t str, tokens_max: usize) -> &'t str {
        let text = text.trim();
        let text = &text[..text.floor_char_boundary(tokens_max * limits::CHUNK_BYTES_PER_TOKEN_MAX)];
        if self.cost(text) <= tokens_max {
            return text;
        }
        let (mut fits, mut over) = (0, text.len());
        while let Some(middle) = split::middle(text, fits, over) {
            if self.cost(&text[..middle]) <= tokens_max { fits = middle } else { over = middle }
        }
        let cut = text[..fits].rfind(char::is_whitespace).filter(|&space| space * 2 > fits).unwrap_or(fits);
        text[..cut].trim_end()
    }
}

/// Makes chunks of the text at `span`: one, unless the estimate by which it was packed was too low.
fn finish(extract: &Extract, title: &str, scale: &Scale<'_>, span: Span, above: &Section, chunks: &mut Vec<Chunk>) {
    let mut todo = vec![span];
    while let Some(span) = todo.pop() {
        let span = trimmed(&extract.markdown, span);
        let text = span.of(&extract.markdown);
        if text.is_empty() {
            continue;
        }
        let page = page_at(&extract.pages, span.start);
        let mut chunk = Chunk { headings: above.headings.clone(), page, span, text: text.to_owned(), tokens: 0 };
        let tokens = (scale.count_tokens)(&chunk.embedded_text(title));
        let cut = (tokens > scale.rules.tokens_max).then(|| split::halve(text)).flatten();
        match cut {
            Some(cut) => todo.extend([
                Span { start: span.start + cut, end: span.end },
                Span { start: span.start, end: span.start + cut },
            ]),
            None => {
                chunk.tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
                chunks.push(chunk);
            }
        }
    }
}

/// `span` without the white space at its ends.
fn trimmed(text: &str, span: Span) -> Span {
    let inner = span.of(text);
    let start = span.start + (inner.len() - inner.trim_start().len());
    Span { start, end: start + inner.trim().len() }
}

#[cfg(test)]
mod tests;
