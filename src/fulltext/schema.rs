//! What one chunk looks like in the index.

use std::collections::HashMap;

use tantivy::TantivyDocument;
use tantivy::Term;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{PreTokenizedString, Token};

use super::language::{Language, PLAIN};
use super::words::words;
use crate::domain::chunk::StoredChunk;
use crate::domain::id::SourceId;

/// The name of the column of chunk ids.
pub const CHUNK: &str = "chunk";
/// The name of the column of collection ids.
pub const COLLECTION: &str = "collection";
/// The name of the column of languages, as [`Language::number`].
pub const LANGUAGE: &str = "language";

/// The fields that are searched by term.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    pub source: Field,
    /// Terms of the chunk's text, in its language.
    pub body: Field,
    /// Terms of the title, the file name and the headings above it, in its language.
    pub head: Field,
    chunk: Field,
    collection: Field,
    language: Field,
}

/// The schema of every account's index. A change to it, or to how terms are made, needs another number in `index`.
pub fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let counted = TextFieldIndexing::default().set_tokenizer("raw").set_index_option(IndexRecordOption::WithFreqs);
    let terms = TextOptions::default().set_indexing_options(counted);
    let fields = Fields {
        chunk: builder.add_i64_field(CHUNK, FAST),
        source: builder.add_i64_field("source", INDEXED),
        collection: builder.add_i64_field(COLLECTION, FAST),
        language: builder.add_u64_field(LANGUAGE, FAST),
        body: builder.add_text_field("body", terms.clone()),
        head: builder.add_text_field("head", terms),
    };
    (builder.build(), fields)
}

impl Fields {
    /// The term that all chunks of `source` have.
    pub fn source_term(&self, source: SourceId) -> Term {
        Term::from_field_i64(self.source, source.0)
    }

    fn document(&self, stored: &StoredChunk, language: Language) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_i64(self.chunk, stored.id.0);
        document.add_i64(self.source, stored.source.0);
        document.add_i64(self.collection, stored.collection.0);
        document.add_u64(self.language, language.number());
        document.add_pre_tokenized_text(self.body, tokens(language, [stored.chunk.text.as_str()]));
        let names = [&*stored.title, &*stored.file_name];
        // A file that does not name itself is called by its file name, which is said once.
        let names = &names[..if stored.title == stored.file_name { 1 } else { 2 }];
        let headings = stored.chunk.headings.iter().map(String::as_str);
        document.add_pre_tokenized_text(self.head, tokens(language, names.iter().copied().chain(headings)));
        document
    }

    /// The documents of `puts`, in order.
    ///
    /// A chunk whose own language cannot be told takes the one that most of its source is in.
    pub fn documents(&self, puts: &[StoredChunk]) -> Vec<TantivyDocument> {
        let told: Vec<Option<Language>> = puts.iter().map(|put| Language::of(&put.chunk.text)).collect();
        let mut bytes: HashMap<SourceId, HashMap<Language, usize>> = HashMap::new();
        for (put, language) in puts.iter().zip(&told) {
            if let Some(language) = language {
                *bytes.entry(put.source).or_default().entry(*language).or_default() += put.chunk.text.len();
            }
        }
        let mostly = |source: SourceId| {
            let languages = bytes.get(&source)?;
            languages.iter().max_by_key(|(language, bytes)| (**bytes, **language)).map(|(language, _)| *language)
        };
        let language = |(put, told): (&StoredChunk, Option<Language>)| told.or_else(|| mostly(put.source));
        let languages: Vec<Language> = puts.iter().zip(told).map(|put| language(put).unwrap_or(PLAIN)).collect();
        puts.iter().zip(languages).map(|(put, language)| self.document(put, language)).collect()
    }
}

/// The terms of `texts` as tantivy takes them.
fn tokens<'a>(language: Language, texts: impl IntoIterator<Item = &'a str>) -> PreTokenizedString {
    let words = texts.into_iter().flat_map(words);
    let token = |(position, word)| Token { text: language.term(&word), position, ..Token::default() };
    let tokens = words.enumerate().map(token).collect();
    PreTokenizedString { text: String::new(), tokens }
}
