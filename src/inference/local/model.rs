//! A model file, ready to answer: network, vocabulary, template.

use super::memory;
use super::work::Request;
use super::{LocalOptions, Reader};
use crate::domain::chat::Turn;
use crate::inference::InferenceError;
use crate::inference::arch::decoder::Decoder;
use crate::inference::arch::decoder::cache::{Cache, PAGE, Precision};
use crate::inference::generator::Sender;
use crate::inference::gguf::Gguf;
use crate::inference::sample::{Compiler, Constraint, Rules, Sampler, Stops};
use crate::inference::sampling::Sampling;
use crate::inference::template::{Rendering, Template};
use crate::inference::vocabulary::{Special, Utf8Stream, Vocabulary};
use crate::{clock, limits};
use std::path::Path;
use std::sync::OnceLock;

/// Of all memory, one part in so many is for keys and values unless somebody says otherwise.
const CACHE_SHARE: u64 = 8;
/// Memory of a forward pass and of everything else that runs beside the model, in bytes.
const BESIDE_BYTES: u64 = 512 << 20;

/// A model that can be asked.
pub struct Model {
    pub name: String,
    pub decoder: Decoder,
    pub vocabulary: Vocabulary,
    template: Template,
    /// The most tokens of prompt and answer together.
    pub context: usize,
    /// Made when an answer first must have a form: it takes a look at every token.
    compiler: OnceLock<Result<Compiler, InferenceError>>,
}

impl Model {
    /// Maps the file at `path` and makes the cache.
    pub fn open(path: &Path, options: LocalOptions) -> Result<(Model, Cache), InferenceError> {
        let gguf = Gguf::open(path)?;
        let decoder = Decoder::new(&gguf)?;
        let vocabulary = Vocabulary::read(gguf.metadata()).map_err(|what| gguf.fault(&what))?;
        if vocabulary.len() > decoder.settings.vocabulary {
            let (tokens, rows) = (vocabulary.len(), decoder.settings.vocabulary);
            return Err(gguf.fault(&format!("its vocabulary has {tokens} tokens, its network {rows}")));
        }
        let context = options.context.min(decoder.settings.context);
        let (cache, pages) = cache(&gguf, &decoder, context, options.cache_bytes)?;
        gguf.will_be_read();
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
        let model = Model { name, decoder, vocabulary, template, context, compiler: OnceLock::new() };
        Ok((model, cache))
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

/// A cache that fits this machine, and its pages.
fn cache(gguf: &Gguf, decoder: &Decoder, context: usize, bytes: Option<u64>) -> Result<(Cache, usize), InferenceError> {
    let shape = decoder.cache_shape();
    let page_bytes = shape.page_bytes(Precision::Half).max(1) as u64;
    let one_context = context.div_ceil(PAGE) as u64 * page_bytes;
    let total = memory::total_bytes();
    let states = limits::GENERATIONS_AT_ONCE_MAX as u64 * shape.state_bytes() as u64;
    let fixed = gguf.bytes() as u64 + states + BESIDE_BYTES;
    let wanted = bytes.unwrap_or((total / CACHE_SHARE).max(one_context));
    // More than all conversations at once can use is never needed.
    let most = limits::GENERATIONS_AT_ONCE_MAX as u64 * 2 * one_context;
    let room = total.saturating_sub(fixed);
    let given = wanted.min(most).min(if bytes.is_some() { u64::MAX } else { room });
    let pages = usize::try_from(given / page_bytes).unwrap_or(usize::MAX);
    let needed = fixed + given.max(limits::CONTEXT_TOKENS_MIN.div_ceil(PAGE) as u64 * page_bytes);
    if needed > total || pages * PAGE < limits::CONTEXT_TOKENS_MIN.min(context) {
        return Err(InferenceError::Model(format!(
            "The model {} does not fit the memory: it needs {} (weights {}, conversations {}, everything else {}), and \
             there are {}. Choose a smaller model or quantisation, or lower LLM_NUM_CTX.",
            gguf.path().display(),
            gibibytes(needed),
            gibibytes(gguf.bytes() as u64),
            gibibytes(needed - fixed + states),
            gibibytes(BESIDE_BYTES),
            gibibytes(total),
        )));
    }
    Ok((Cache::new(shape, pages, Precision::Half), pages))
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}
