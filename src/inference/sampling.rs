//! How an answer's words are to be chosen, as far as somebody said.

use serde_json::Value;

/// How words are chosen; what is `None` is left to the model's side: a remote endpoint's own defaults, or here the
/// value that changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 for the likeliest word, 1 for the model's own distribution.
    pub temperature: Option<f32>,
    /// Only so many of the likeliest words; 0 for all.
    pub top_k: Option<u32>,
    /// Only the likeliest words that make up this share.
    pub top_p: Option<f32>,
    /// Only words at least this many times as likely as the likeliest.
    pub min_p: Option<f32>,
    /// How much less likely a word is that was written lately; 1 for no less.
    pub repeat_penalty: Option<f32>,
    /// How much less likely a word is for each time that the answer has it.
    pub frequency_penalty: Option<f32>,
    /// How much less likely a word is that the answer has.
    pub presence_penalty: Option<f32>,
    /// The most tokens of the answer.
    pub max_tokens: Option<u32>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    pub seed: Option<u64>,
    /// What the answer must be, if it is not free text.
    pub format: Option<Format>,
}

/// What an answer must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// A JSON object.
    Json,
    /// JSON that a schema allows.
    Schema(Schema),
}

/// A JSON schema for an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// What it is called; for remote endpoints, which want a name.
    pub name: String,
    pub schema: Value,
    /// Whether a remote endpoint is to hold the answer to it, word for word; a model here always is.
    pub strict: bool,
}
