//! What a model's files say about its network, and the table of families.

use super::names::{self, Names};
use crate::inference::arch::kernel;
use crate::inference::gguf::Gguf;
use serde_json::{Map, Value};

/// The most that any of a network's sizes may be: far beyond any that exists.
const SIZE_MAX: usize = 1 << 24;
/// The pooling of a GGUF file that is a reranker (`llama_pooling_type` in llama.cpp).
const RANK: u64 = 4;

/// What a family does that its files do not say. A new one that is like these is a new row.
#[derive(Debug, PartialEq)]
pub(super) struct Family {
    /// What `config.json` calls it, and for people what it is.
    pub name: &'static str,
    /// `general.architecture` of a GGUF file.
    pub gguf: &'static str,
    pub position: Position,
    pub feed: Feed,
    /// Norms stand before attention and feed-forward network, not after them.
    pub norm_first: bool,
    /// What is between the layers of a reranker's head.
    pub judged_by: Activation,
    folder_names: &'static Names,
    gguf_names: &'static Names,
}

/// How a token's place is told to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// An embedding of its own, added.
    Table,
    /// The same; in folders the table begins with rows that no token has, as many as the padding token's number and one.
    TableAfterPadding,
    /// Queries and keys are turned.
    Rotary,
}

/// The feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// `narrow(activation(widen(x)))`
    Plain(Activation),
    /// `narrow(activation(a) * b)`, where `widen(x)` is `a` and `b` side by side.
    Gated(Activation),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// `x / 2 * (1 + erf(x / sqrt 2))`
    Gelu,
    /// `x * sigmoid(x)`
    Silu,
    Tanh,
}

impl Activation {
    /// Of one value; rows of them have loops of their own in `kernel`.
    pub(super) fn of(self, x: f32) -> f32 {
        match self {
            Activation::Gelu => {
                let mut row = [x];
                kernel::add_and_gelu(&mut row, &[0.0]);
                row[0]
            }
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::Tanh => x.tanh(),
        }
    }
}

const FAMILIES: &[Family] = &[
    BERT,
    Family { name: "xlm-roberta", position: Position::TableAfterPadding, folder_names: &names::ROBERTA, ..BERT },
    Family { name: "roberta", position: Position::TableAfterPadding, folder_names: &names::ROBERTA, ..BERT },
    Family {
        name: "modernbert",
        gguf: "modern-bert",
        position: Position::Rotary,
        feed: Feed::Gated(Activation::Gelu),
        norm_first: true,
        judged_by: Activation::Gelu,
        folder_names: &names::MODERN_BERT,
        gguf_names: &names::GGUF_MODERN_BERT,
    },
    Family {
        name: "nomic_bert",
        gguf: "nomic-bert",
        position: Position::Rotary,
        feed: Feed::Gated(Activation::Silu),
        folder_names: &names::NOMIC_BERT,
        gguf_names: &names::GGUF_NOMIC_BERT,
        ..BERT
    },
];

const BERT: Family = Family {
    name: "bert",
    gguf: "bert",
    position: Position::Table,
    feed: Feed::Plain(Activation::Gelu),
    norm_first: false,
    judged_by: Activation::Tanh,
    folder_names: &names::BERT,
    gguf_names: &names::GGUF_BERT,
};

/// The families that can be computed from folders, as `config.json` calls them.
pub(in crate::inference) fn supported_folders() -> Vec<&'static str> {
    FAMILIES.iter().map(|family| family.name).collect()
}

/// Those that can be computed from GGUF files, as these call them.
pub(in crate::inference) fn supported_files() -> Vec<&'static str> {
    let mut names: Vec<&str> = FAMILIES.iter().map(|family| family.gguf).collect();
    names.dedup();
    names
}

/// A network's sizes and constants.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::inference) struct Settings {
    pub(super) family: &'static Family,
    pub(super) names: &'static Names,
    /// The length of a state.
    pub hidden: usize,
    /// The values between the two halves of a feed-forward network.
    pub inner: usize,
    pub heads: usize,
    pub layers: usize,
    /// Tokens that it knows.
    pub vocabulary: usize,
    /// The most tokens of a sequence.
    pub tokens_max: usize,
    /// Rows of the table of positions before that of the first token.
    pub(super) positions_before: usize,
    pub(super) epsilon: f32,
    /// The base of the angles that queries and keys are turned by.
    pub(super) rotary_base: f32,
    pub(super) local: Option<Local>,
    /// Whether it is a reranker, which gives scores instead of vectors.
    pub judges: bool,
    /// It judges from the mean of all states, not from the first.
    pub(super) judges_mean: bool,
}

/// Layers whose tokens look at their neighbours only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Local {
    /// How far a token looks to each side.
    pub reach: usize,
    /// Of so many layers the first looks at everything.
    pub every: usize,
    pub rotary_base: f32,
}

/// A `config.json`, whose makers name the same thing differently.
struct Config<'a>(&'a Map<String, Value>);

impl Config<'_> {
    /// What stands under the first of `names` that is there.
    fn get(&self, names: &[&str]) -> Option<&Value> {
        names.iter().find_map(|name| self.0.get(*name).filter(|value| !value.is_null()))
    }

    fn text(&self, names: &[&str]) -> Option<&str> {
        self.get(names)?.as_str()
    }

    fn float(&self, names: &[&str], otherwise: f32) -> f32 {
        self.get(names).and_then(Value::as_f64).map_or(otherwise, |value| value as f32)
    }

    fn size_if(&self, names: &[&str]) -> Option<usize> {
        self.get(names)?.as_u64().map(|size| size as usize)
    }

    fn size(&self, names: &[&str]) -> Result<usize, String> {
        let size = self.size_if(names).filter(|size| (1..=SIZE_MAX).contains(size));
        size.ok_or_else(|| format!("{} is missing or makes no sense", names[0]))
    }

    /// The base of rotation of one kind of layers, which newer files keep in a table.
    fn rotary_base(&self, kind: &str, names: &[&str], otherwise: f32) -> f32 {
        let table = self.get(&["rope_parameters"]);
        let row = table.and_then(|table| table.get(kind).or(Some(table)));
        let base = row.and_then(|row| row.get("rope_theta")).and_then(Value::as_f64);
        base.map_or_else(|| self.float(names, otherwise), |base| base as f32)
    }

    /// Passes if what stands under the first of `names` that is there is one of `allowed`, or nothing does.
    fn must_be(&self, names: &[&str], allowed: &[&str]) -> Result<(), String> {
        let Some(value) = self.get(names) else { return Ok(()) };
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if allowed.contains(&shown.as_str()) {
            return Ok(());
        }
        Err(format!("{} is {value}, which is not supported; supported is {}", names[0], allowed.join(" or ")))
    }
}

impl Settings {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// What it lacks, contradicts itself in, or asks for that would be computed wrongly.
    pub(in crate::inference) fn of_config(config: &Map<String, Value>) -> Result<Settings, String> {
        let config = Config(config);
        let name = config.text(&["model_type"]).unwrap_or("(none)");
        let family = FAMILIES.iter().find(|family| family.name == name).ok_or_else(|| {
            let known = supported_folders().join(", ");
            format!("the architecture `{name}` is not supported; supported are {known}")
        })?;
        let activations: &[&str] = match family.feed {
            Feed::Gated(Activation::Silu) => &["swiglu", "silu"],
            _ => &["gelu"],
        };
        config.must_be(&["hidden_act", "hidden_activation", "activation_function"], activations)?;
        config.must_be(&["position_embedding_type"], &["absolute"])?;
        for name in ["prenorm", "causal", "rotary_emb_interleaved", "is_decoder"] {
            config.must_be(&[name], &["false"])?;
        }
        config.must_be(&["rotary_emb_fraction"], &["1.0", "1"])?;
        config.must_be(&["moe_every_n_layers"], &["0"])?;
        let positions = config.size(&["max_position_embeddings", "n_positions"])?;
        let positions_before = match family.position {
            Position::TableAfterPadding => config.size_if(&["pad_token_id"]).unwrap_or(1).min(positions) + 1,
            _ => 0,
        };
        // Beyond the length of its training a rotary model would need angles that we do not compute.
        let trained = config.size_if(&["max_trained_positions"]).unwrap_or(usize::MAX);
        let settings = Settings {
            family,
            names: family.folder_names,
            hidden: config.size(&["hidden_size", "n_embd"])?,
            inner: config.size(&["intermediate_size", "n_inner"])?,
            heads: config.size(&["num_attention_heads", "n_head"])?,
            layers: config.size(&["num_hidden_layers", "n_layer"])?,
            vocabulary: config.size(&["vocab_size"])?,
            tokens_max: positions.saturating_sub(positions_before).min(trained),
            positions_before,
            epsilon: config.float(&["norm_eps", "layer_norm_eps", "layer_norm_epsilon"], 1e-12),
            rotary_base: match name {
                "modernbert" => config.rotary_base("full_attention", &["global_rope_theta"], 160_000.0),
                _ => config.rotary_base("", &["rotary_emb_base", "rope_theta"], 10_000.0),
            },
            local: match name {
                "modernbert" => Some(Local {
                    reach: config.size_if(&["local_attention"]).unwrap_or(128) / 2,
                    every: config.size_if(&["global_attn_every_n_layers"]).unwrap_or(3),
                    rotary_base: config.rotary_base("sliding_attention", &["local_rope_theta"], 10_000.0),
                }),
                _ => None,
            },
            judges: config.get(&["architectures"]).and_then(Value::as_array).is_some_and(|names| {
                names.iter().filter_map(Value::as_str).any(|name| name.ends_with("ForSequenceClassification"))
            }),
            judges_mean: config.text(&["classifier_pooling"]) == Some("mean"),
        };
        settings.check()
    }

    /// Reads the metadata of `gguf`, as llama.cpp's converter writes them.
    ///
    /// # Errors
    /// As [`Settings::of_config`].
    pub(in crate::inference) fn of_gguf(gguf: &Gguf) -> Result<Settings, String> {
        let metadata = gguf.metadata();
        let name = metadata.text("general.architecture").unwrap_or("(none)");
        let family = FAMILIES.iter().find(|family| family.gguf == name).ok_or_else(|| {
            let known = supported_files().join(", ");
            format!("its architecture is {name}, which is no encoder that is supported; supported are {known}")
        })?;
        let key = |name: &str| format!("{}.{name}", family.gguf);
        let size = |name: &str| {
            let size = metadata.size(&key(name)).filter(|size| (1..=SIZE_MAX).contains(size));
            size.ok_or_else(|| format!("{} is missing or makes no sense", key(name)))
        };
        let rows = |name: &str| gguf.place(name).map_or(0, |(_, shape, _)| shape.iter().skip(1).product::<usize>());
        let names = family.gguf_names;
        if metadata.bool(&key("attention.causal")) == Some(true) {
            return Err("its tokens see only those before them, which is not supported for an encoder".to_owned());
        }
        let judges = metadata.u64(&key("pooling_type")) == Some(RANK) || gguf.tensor("cls.output.weight").is_some();
        if judges && gguf.tensor("cls.weight").is_none() {
            return Err(
                "it is a reranker without a part of its head, which converters to this format leave out of some \
                        families; take the folder that it was made from"
                    .to_owned(),
            );
        }
        let settings = Settings {
            family,
            names,
            hidden: size("embedding_length")?,
            inner: size("feed_forward_length")?,
            heads: size("attention.head_count")?,
            layers: size("block_count")?,
            vocabulary: rows(names.words),
            tokens_max: size("context_length")?,
            positions_before: 0,
            epsilon: metadata.f32(&key("attention.layer_norm_epsilon")).unwrap_or(1e-12),
            rotary_base: metadata.f32(&key("rope.freq_base")).unwrap_or(10_000.0),
            local: metadata.size(&key("attention.sliding_window")).filter(|window| *window > 0).map(|window| Local {
                reach: window / 2,
                every: metadata.size(&key("attention.sliding_window_pattern")).unwrap_or(3),
                rotary_base: metadata.f32(&key("rope.freq_base_swa")).unwrap_or(10_000.0),
            }),
            judges,
            judges_mean: false,
        };
        settings.check()
    }

    fn check(self) -> Result<Settings, String> {
        if !self.hidden.is_multiple_of(self.heads) {
            return Err("the length of a state is not a multiple of the number of heads".to_owned());
        }
        if self.family.position == Position::Rotary && !self.head().is_multiple_of(2) {
            return Err("its heads cannot be turned: their length is odd".to_owned());
        }
        if self.local.is_some_and(|local| local.every == 0) {
            return Err("none of its layers looks at everything".to_owned());
        }
        if self.vocabulary == 0 || self.tokens_max == 0 {
            return Err("it has no embeddings of tokens or of positions".to_owned());
        }
        Ok(self)
    }

    /// The length of a head's query, key and value.
    pub(super) fn head(&self) -> usize {
        self.hidden / self.heads
    }

    /// The window of layer `index`, if it has one.
    pub(super) fn local(&self, index: usize) -> Option<Local> {
        self.local.filter(|local| !index.is_multiple_of(local.every))
    }

    /// The architecture for people: what `config.json` would call it.
    pub(in crate::inference) fn family(&self) -> &'static str {
        self.family.name
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    /// What the makers of published models write, as far as it is read.
    const GRANITE: &str = r#""model_type": "xlm-roberta", "architectures": ["XLMRobertaModel"], "hidden_act": "gelu",
        "hidden_size": 768, "intermediate_size": 3072, "layer_norm_eps": 1e-05, "max_position_embeddings": 514,
        "num_attention_heads": 12, "num_hidden_layers": 12, "pad_token_id": 1, "position_embedding_type": "absolute",
        "type_vocab_size": 1, "vocab_size": 250002"#;
    const MODERN: &str = r#""model_type": "modernbert", "architectures": ["ModernBertForSequenceClassification"],
        "classifier_pooling": "mean", "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0,
        "hidden_activation": "gelu", "hidden_size": 768, "intermediate_size": 1152, "layer_norm_eps": 1e-05,
        "local_attention": 128, "local_rope_theta": 10000.0, "max_position_embeddings": 8192, "norm_eps": 1e-05,
        "num_attention_heads": 12, "num_hidden_layers": 22, "position_embedding_type": "absolute", "vocab_size": 50368"#;
    const NOMIC: &str = r#""model_type": "nomic_bert", "architectures": ["NomicBertModel"], "activation_function": "swiglu",
        "causal": false, "layer_norm_epsilon": 1e-12, "max_trained_positions": 2048, "n_embd": 768, "n_head": 12,
        "n_inner": 3072, "n_layer": 12, "n_positions": 8192, "prenorm": false, "rotary_emb_base": 1000,
        "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": false, "rotary_scaling_factor": null,
        "type_vocab_size": 2, "vocab_size": 30528"#;

    /// `config` with `change` behind it: of two values under one name the last counts.
    fn read(config: &str, change: &str) -> Result<Settings, String> {
        let comma = if change.is_empty() { "" } else { ", " };
        Settings::of_config(&serde_json::from_str(&format!("{{{config}{comma}{change}}}")).expect("it is JSON"))
    }

    #[test]
    fn published_settings_are_understood() {
        for (config, sizes, tokens_max, rotary_base, judges) in [
            (GRANITE, (768, 3072, 12, 12, 250_002), 512, 10_000.0, false),
            (MODERN, (768, 1152, 12, 22, 50_368), 8192, 160_000.0, true),
            (NOMIC, (768, 3072, 12, 12, 30_528), 2048, 1000.0, false),
        ] {
            let found = read(config, "").unwrap_or_else(|error| panic!("{config}: {error}"));
            let found_sizes = (found.hidden, found.inner, found.heads, found.layers, found.vocabulary);
            assert_eq!((found_sizes, found.tokens_max), (sizes, tokens_max), "{config}");
            assert_eq!((found.rotary_base, found.judges, found.judges_mean), (rotary_base, judges, judges), "{config}");
        }
        let modern = read(MODERN, "").expect("it is understood");
        let locals: Vec<Option<usize>> = (0..4).map(|at| modern.local(at).map(|local| local.reach)).collect();
        assert_eq!(locals, [None, Some(64), Some(64), None]);
        assert_eq!((read(GRANITE, "").map(|found| found.positions_before), modern.local(0)), (Ok(2), None));
        // As newer exports write it.
        let table =
            r#""rope_parameters": {"full_attention": {"rope_theta": 7.0}, "sliding_attention": {"rope_theta": 5.0}}"#;
        let found = read(MODERN, table).expect("it is understood");
        assert_eq!((found.rotary_base, found.local(1).map(|local| local.rotary_base)), (7.0, Some(5.0)));
        let found = read(NOMIC, r#""rope_parameters": {"rope_theta": 3.0}"#).expect("it is understood");
        assert_eq!(found.rotary_base, 3.0);
    }

    #[test]
    fn what_would_be_computed_wrongly_is_refused() {
        for (config, change, part) in [
            (GRANITE, r#""model_type": "t5""#, "`t5` is not supported; supported are bert"),
            (GRANITE, r#""hidden_act": "relu""#, "hidden_act is \"relu\", which is not supported; supported is gelu"),
            (GRANITE, r#""position_embedding_type": "relative_key""#, "relative_key"),
            (GRANITE, r#""num_attention_heads": 7"#, "not a multiple"),
            (GRANITE, r#""hidden_size": 0"#, "hidden_size is missing or makes no sense"),
            (GRANITE, r#""hidden_size": -1"#, "hidden_size is missing or makes no sense"),
            (GRANITE, r#""max_position_embeddings": 1"#, "no embeddings of tokens or of positions"),
            (MODERN, r#""global_attn_every_n_layers": 0"#, "looks at everything"),
            (MODERN, r#""num_attention_heads": 256"#, "odd"),
            (NOMIC, r#""prenorm": true"#, "prenorm is true, which is not supported"),
            (NOMIC, r#""rotary_emb_fraction": 0.5"#, "rotary_emb_fraction is 0.5"),
            (NOMIC, r#""moe_every_n_layers": 2"#, "moe_every_n_layers is 2"),
            (NOMIC, r#""activation_function": "gelu""#, "supported is swiglu"),
        ] {
            let refused = read(config, change).expect_err(change);
            assert!(refused.contains(part), "{refused:?} does not say {part:?}");
        }
    }
}
