//! Answers that must be JSON: which tokens may come next.
//!
//! A [`Compiler`] is made once for a model's vocabulary; a [`Constraint`] is one answer's place in a schema. Before
//! each token [`Constraint::mask`] forbids what would leave the schema, the end of the answer included while the
//! document is not complete, and after it [`Constraint::accept`] moves on. Whatever the model would like to write,
//! what it does write is valid; only an answer that is cut off by its greatest length is not complete.
//!
//! Keywords that are not supported (`not`, `if`, `uniqueItems`, ...) refuse the schema by name and place, since an
//! answer that looked checked and was not would be worse than none. Space between the parts of a document is bounded,
//! because a model that cannot decide writes spaces for ever. All work is bounded, by the engine's own measures.

use std::fmt::Display;
use std::sync::Arc;

use llguidance::api::{GrammarWithLexer, TopLevelGrammar};
use llguidance::toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};
use llguidance::{JsonCompileOptions, Matcher, ParserFactory, TokenParser};
use serde_json::json;

use super::keywords;
use crate::inference::{Format, InferenceError, Schema};
use crate::limits;

/// The space that may stand between two parts of a document: a line end and a deep indentation fit.
const SPACE: &str = r"[ \t\n\r]{1,32}";

/// Tokens longer than this are never written; the longest known have a thousand spaces.
const TOKEN_BYTES_MAX: usize = 1000;

/// What a vocabulary knows of JSON: shared by all answers of a model.
pub struct Compiler {
    factory: ParserFactory,
}

/// One answer's place in what it must be.
pub struct Constraint {
    matcher: Matcher,
}

impl Compiler {
    /// The compiler for a vocabulary: the bytes of each token, none for one that stands for no text, and the tokens
    /// that end an answer, at least one.
    pub fn new(mut tokens: Vec<Vec<u8>>, ends: &[u32]) -> Result<Compiler, InferenceError> {
        let fault = |reason: String| InferenceError::Model(format!("Answers in JSON are not possible: {reason}"));
        let Some(&end) = ends.first() else {
            return Err(fault("the model's vocabulary names no token that ends an answer".to_owned()));
        };
        if ends.iter().any(|&end| end as usize >= tokens.len()) {
            return Err(fault("a token that ends an answer is not in the model's vocabulary".to_owned()));
        }
        for (id, bytes) in tokens.iter_mut().enumerate() {
            // No text holds the byte 255, which the engine keeps for itself.
            let never = bytes.contains(&0xff) || bytes.len() > TOKEN_BYTES_MAX || ends.contains(&(id as u32));
            if never {
                bytes.clear();
            }
        }
        unbroken(|| {
            let count = u32::try_from(tokens.len()).map_err(|error| error.to_string())?;
            let trie = TokTrie::from(&TokRxInfo::new(count, end), &tokens).with_eos_tokens(ends);
            let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
            let slices = llguidance::earley::SlicedBiasComputer::json_slices();
            let factory = ParserFactory::new(&environment, InferenceCapabilities::default(), &slices);
            let mut factory = factory.map_err(first_line)?;
            factory.quiet();
            let bounds = factory.limits_mut();
            bounds.verbose_errors = false;
            bounds.max_grammar_size = limits::SCHEMA_PARTS_MAX;
            bounds.precompute_large_lexemes = false;
            Ok(Compiler { factory })
        })
        .map_err(fault)
    }

    /// The constraint that an answer is of `format`. An [`InferenceError::Input`] says what of a schema is not
    /// supported, or that it is too large.
    pub fn constraint(&self, format: &Format) -> Result<Constraint, InferenceError> {
        let fault = |reason: String| InferenceError::Input(format!("The JSON schema cannot be followed: {reason}"));
        let mut schema = match format {
            Format::Json => json!({ "type": "object" }),
            Format::Schema(Schema { schema, .. }) => {
                keywords::check(schema).map_err(fault)?;
                schema.clone()
            }
        };
        let options =
            JsonCompileOptions { whitespace_pattern: Some(SPACE.to_owned()), ..JsonCompileOptions::default() };
        let parser = unbroken(|| {
            options.apply_to(&mut schema);
            let grammar = GrammarWithLexer { json_schema: Some(schema), ..GrammarWithLexer::default() };
            let grammar = TopLevelGrammar { grammars: vec![grammar], max_tokens: None };
            self.factory.create_parser(grammar).map_err(first_line)
        })
        .map_err(fault)?;
        Constraint::begin(parser).map_err(fault)
    }
}

impl Constraint {
    fn begin(parser: TokenParser) -> Result<Constraint, String> {
        let mut constraint = Constraint { matcher: Matcher::new(Ok(parser)) };
        // A schema that nothing satisfies is found out here and not in the middle of an answer.
        constraint.matcher.compute_mask_or_eos().map_err(first_line)?;
        Ok(constraint)
    }

    /// Sets the logits of all tokens that may not come next to `-inf`.
    pub fn mask(&mut self, logits: &mut [f32]) -> Result<(), InferenceError> {
        let allowed = self.matcher.compute_mask_or_eos().map_err(too_hard)?;
        for (token, logit) in logits.iter_mut().enumerate() {
            if token >= allowed.len() || !allowed.is_allowed(token as u32) {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    /// Moves on by `token`, which must be one that the mask allowed.
    pub fn accept(&mut self, token: u32) -> Result<(), InferenceError> {
        self.matcher.consume_token(token).map_err(too_hard)
    }

    /// Whether the document is complete and nothing may follow it.
    pub fn is_done(&self) -> bool {
        self.matcher.is_stopped()
    }
}

/// Does `work` of the engine, whose panics are errors here: schemas come from outside.
fn unbroken<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err("the engine for schemas broke off".to_owned()))
}

fn first_line(error: impl Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn too_hard(error: impl Display) -> InferenceError {
    InferenceError::Input(format!("The answer in JSON was given up: {}. A simpler schema may do", first_line(error)))
}

#[cfg(test)]
mod tests;
