//! A conversation as the text that a model was trained to continue.
//!
//! A GGUF file carries a Jinja template (`tokenizer.chat_template`) that was written for Python. It is rendered here as
//! Hugging Face transformers renders it: blocks trimmed, the loop controls, `raise_exception`, `strftime_now`, a
//! `tojson` that writes what Python's `json.dumps` writes (`json`), Python's methods on strings, lists and
//! dictionaries (`methods`, `text`), Jinja's filters and its idea of what a sequence is (`filters`, `environment`).
//! What the engine lacks of the language is put into other words before (`source`). A template is a program that came
//! with a download: its steps and what it writes are bounded, and it sees nothing but the conversation.
//!
//! [`Template::render`] is the reference, byte for byte, its refusals included. [`Template::prompt`] is what an answer
//! begins with: the same, but a system turn that the template refuses or drops is put in front of the user's first
//! words, so that instructions reach every model.

mod environment;
mod filters;
mod fold;
mod json;
mod methods;
mod source;
mod strftime;
mod text;
#[cfg(test)]
mod tests;

use minijinja::value::Value;
use minijinja::{Environment, ErrorKind};

use crate::domain::chat::{Speaker, Turn};
use crate::inference::InferenceError;
use crate::limits;

/// The name under which the only template of an environment is kept.
const NAME: &str = "chat template";

/// Stack for one template, in bytes; only what is used of it is taken from the machine.
const STACK_BYTES: usize = 512 * limits::TEMPLATE_BYTES_MAX;

/// What a model is asked to continue where its file carries no template: ChatML, the most common form.
const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n\
    {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// A chat template, ready to render.
pub struct Template {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    /// Whether a system turn is rendered at all; found out once, when the template is parsed.
    knows_system: bool,
}

/// What a template is told beside the turns.
#[derive(Clone, Copy, Debug)]
pub struct Rendering {
    /// Whether the text ends where the assistant begins to speak (`add_generation_prompt`).
    pub answer_begins: bool,
    /// The time that `strftime_now` tells, in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
    /// Whether a model that can think before it answers should (`enable_thinking` and `thinking`); `None` leaves it to
    /// the template.
    pub thinking: Option<bool>,
}

impl Template {
    /// Reads the template `source`, whose `bos_token` and `eos_token` are `bos` and `eos` (empty for none).
    pub fn parse(source: &str, bos: &str, eos: &str) -> Result<Template, InferenceError> {
        let too_long =
            |reason: String| InferenceError::Model(format!("The model's chat template is refused: {reason}"));
        if source.len() > limits::TEMPLATE_BYTES_MAX {
            let (length, most) = (source.len(), limits::TEMPLATE_BYTES_MAX);
            return Err(too_long(format!("it has {length} bytes, and at most {most} are read")));
        }
        let source = source::prepared(source).map_err(too_long)?;
        let environment = with_deep_stack(|| {
            let mut environment = environment::environment();
            environment.add_template_owned(NAME, source).map_err(|error| fault(&error))?;
            Ok(environment)
        })?;
        let mut template = Template { environment, bos: bos.to_owned(), eos: eos.to_owned(), knows_system: true };
        template.knows_system = fold::knows_system(&template);
        Ok(template)
    }

    /// The template for a model whose file carries none.
    pub fn chatml() -> Template {
        Template::parse(CHATML, "", "").expect("the template is rendered by a test")
    }

    /// `turns` as the reference renders them. A template that refuses them, for instance because the speakers do not
    /// take turns, is an [`InferenceError::Input`] with its reason; one that is at fault itself, an
    /// [`InferenceError::Model`] with the line.
    pub fn render(&self, turns: &[Turn], rendering: &Rendering) -> Result<String, InferenceError> {
        let mut variables = vec![
            ("messages", messages(turns)),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(rendering.answer_begins)),
        ];
        if let Some(thinking) = rendering.thinking {
            variables.extend([("enable_thinking", Value::from(thinking)), ("thinking", Value::from(thinking))]);
        }
        self.render_variables(variables, rendering.now_ms)
    }

    /// `turns` as the text that an answer continues: as [`Template::render`] gives it, and with the system turns in
    /// front of the first user's turn where the template knows no system turn.
    pub fn prompt(&self, turns: &[Turn], rendering: &Rendering) -> Result<String, InferenceError> {
        let has_system = turns.iter().any(|turn| turn.speaker == Speaker::System);
        if has_system && !self.knows_system {
            return self.render(&fold::system_into_user(turns), rendering);
        }
        match self.render(turns, rendering) {
            Err(refusal @ InferenceError::Input(_)) if has_system => {
                self.render(&fold::system_into_user(turns), rendering).map_err(|_| refusal)
            }
            rendered => rendered,
        }
    }

    /// Renders with `variables`, to which the special tokens and the time are added.
    fn render_variables(&self, variables: Vec<(&str, Value)>, now_ms: i64) -> Result<String, InferenceError> {
        let tokens = [("bos_token", &self.bos), ("eos_token", &self.eos)];
        let known = tokens.into_iter().filter(|(_, text)| !text.is_empty());
        let context: Value = Value::from_pairs(
            variables
                .into_iter()
                .chain(known.map(|(name, text)| (name, Value::from(text.as_str()))))
                .chain([("strftime_now", strftime::function(now_ms))]),
        );
        with_deep_stack(|| {
            let template = self.environment.get_template(NAME).expect("it was added when it was parsed");
            template.render(context).map_err(|error| fault(&error))
        })
    }
}

/// Does `work` where there is stack enough for the deepest template that fits into [`limits::TEMPLATE_BYTES_MAX`]: the
/// engine calls itself for each level, and a stack that is used up ends the process.
fn with_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, InferenceError> + Send) -> Result<T, InferenceError> {
    let fails =
        |reason: &str| InferenceError::Model(format!("The model's chat template cannot be worked on: {reason}"));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("template".to_owned()).stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, work).map_err(|error| fails(&error.to_string()))?;
        thread.join().unwrap_or_else(|_| Err(fails("the engine broke off")))
    })
}

/// `turns` as templates know them.
fn messages(turns: &[Turn]) -> Value {
    let message = |turn: &Turn| {
        Value::from_pairs([("role", Value::from(turn.speaker.as_str())), ("content", Value::from(turn.text.as_str()))])
    };
    turns.iter().map(message).collect()
}

/// `error` in the words of this room: which line, and what it said.
fn fault(error: &minijinja::Error) -> InferenceError {
    if let Some(refusal) = environment::refusal(error) {
        return InferenceError::Input(format!("The model's chat template refuses this conversation: {refusal}"));
    }
    let line = error.line().map_or(String::new(), |line| format!(" on line {line}"));
    let reason = match error.kind() {
        ErrorKind::OutOfFuel => "it takes more steps or writes more than any conversation needs".to_owned(),
        kind => match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    InferenceError::Model(format!(
        "The model's chat template fails{line}: {reason}. Its file needs another template (`tokenizer.chat_template`)"
    ))
}
