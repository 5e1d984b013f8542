//! A model file, ready to answer: network, vocabulary, template.

use super::place::{Placed, place};
use super::work::Request;
use super::{LocalOptions, Reader};
use crate::domain::chat::Turn;
use crate::inference::InferenceError;
use crate::inference::arch::decoder::cache::PAGE;
use crate::inference::arch::decoder::{Decoder, Network};
use crate::inference::generator::Sender;
use crate::inference::gguf::Gguf;
use crate::inference::sample::{Compiler, Constraint, Rules, Sampler, Stops};
use crate::inference::sampling::Sampling;
use crate::inference::template::{Rendering, Template};
use crate::inference::vocabulary::{Special, Utf8Stream, Vocabulary};
use crate::{clock, limits};
use std::path::Path;
use std::sync::OnceLock;

/// A model that can be asked.
pub struct Model {
    pub name: String,
    /// What computes it, for the administrator.
    pub computes: String,
    pub vocabulary: Vocabulary,
    template: Template,
    /// The most tokens of prompt and answer together.
    pub context: usize,
    /// Made when an answer first must have a form: it takes a look at every token.
    compiler: OnceLock<Result<Compiler, InferenceError>>,
}

impl Model {
    /// Maps the file at `path`, and loads its network with a cache.
    pub fn open(path: &Path, options: LocalOptions) -> Result<(Model, Network), InferenceError> {
        let gguf = Gguf::open(path)?;
        let decoder = Decoder::new(&gguf)?;
        let vocabulary = Vocabulary::read(gguf.metadata()).map_err(|what| gguf.fault(&what))?;
        if vocabulary.len() > decoder.settings.vocabulary {
            let (tokens, rows) = (vocabulary.len(), decoder.settings.vocabulary);
            return Err(gguf.fault(&format!("its vocabulary has {tokens} tokens, its network {rows}")));
        }
        let context = options.context.min(decoder.settings.context);
        let Placed { network, pages, computes } = place(&gguf, decoder, context, options)?;
        let special = |token: Option<u32>| token.map_or("", |token| vocabulary.text(token)).to_owned();
        let template = match gguf.metadata().text("tokenizer.chat_template") {
            Some(source) => Template::parse(source, &special(vocabulary.bos()), &special(vocabulary.eos()))?,
            None => {
                tracing::warn!(path = %path.display(), "the model has no chat template; the most common one is used");
                Template::chatml()
            }
        };
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let context = context.min(pages * PAGE);
        tracing::info!(model = name, %computes, context, "the model is loaded");
        let model = Model { name, computes, vocabulary, template, context, compiler: OnceLock::new() };
        Ok((model, network))
    }

    /// The tokens of `text` within a prompt.
    pub fn count(&self, text: &str) -> usize {
        self.vocabulary.encode(text, Special::Plain).len()
    }

    /// The tokens of a prompt that a template rendered.
    pub fn tokens(&self, text: &str) -> Vec<u32> {
        let mut tokens = self.vocabulary.encode(text, Special::Parsed);
        // A template that writes the first token itself has written it.
        if let Some(bos) = self.vocabulary.bos().filter(|_| self.vocabulary.adds_bos())
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        tokens
    }

    /// A conversation as a request for its next turn.
    pub fn request(
        &self,
        turns: &[Turn],
        sampling: &Sampling,
        reader: Reader,
        sender: Sender,
    ) -> Result<Request, InferenceError> {
        let rendering = Rendering { answer_begins: true, now_ms: clock::now_ms(), thinking: None };
        let prompt = self.tokens(&self.template.prompt(turns, &rendering)?);
        let room = self.context.saturating_sub(prompt.len());
        if prompt.is_empty() || room == 0 {
            return Err(InferenceError::Input(format!(
                "The conversation has {} tokens and {} holds {} with the answer. Begin a new one, ask more briefly, or \
                 raise LLM_NUM_CTX.",
                prompt.len(),
                self.name,
                self.context
            )));
        }
        let wanted = sampling.max_tokens.map_or(limits::ANSWER_TOKENS_MAX_DEFAULT, |tokens| tokens as usize);
        let chance = rand::random();
        Ok(Request {
            tokens_max: wanted.clamp(1, room),
            sampler: Sampler::new(Rules::of(sampling, chance), &prompt),
            constraint: self.constraint(sampling)?,
            stops: Stops::new(&sampling.stop),
            text: Utf8Stream::default(),
            prompt,
            reader,
            sender,
            told: 0,
        })
    }

    /// What the answer must be, if it must be something.
    fn constraint(&self, sampling: &Sampling) -> Result<Option<Constraint>, InferenceError> {
        let Some(format) = &sampling.format else {
            return Ok(None);
        };
        let compiler = self.compiler.get_or_init(|| compiler(&self.vocabulary)).as_ref().map_err(Clone::clone)?;
        compiler.constraint(format).map(Some)
    }
}

/// What the constraints of answers are made with.
fn compiler(vocabulary: &Vocabulary) -> Result<Compiler, InferenceError> {
    let tokens = 0..u32::try_from(vocabulary.len()).expect("tokens are 32-bit numbers");
    let bytes = |token| if vocabulary.is_special(token) { Vec::new() } else { vocabulary.bytes(token).to_vec() };
    let ends: Vec<u32> = tokens.clone().filter(|token| vocabulary.ends_generation(*token)).collect();
    Compiler::new(tokens.map(bytes).collect(), &ends)
}
