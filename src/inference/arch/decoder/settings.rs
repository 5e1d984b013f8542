//! What a model file says about its network, and the table of architectures.

use super::rope::{Pairing, Rope};
use crate::inference::InferenceError;
use crate::inference::gguf::{Gguf, Metadata, Value};

/// The function between the two halves of a feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`
    Silu,
    /// The tangent approximation of GELU.
    GeluTanh,
}

/// What an architecture does that its files do not say. A new one that is like these is a new row.
#[derive(Debug, PartialEq)]
struct Architecture {
    name: &'static str,
    pairing: Pairing,
    activation: Activation,
    /// Embeddings are multiplied by the square root of their length.
    embeddings_scaled: bool,
    /// The long or short factors of rotation, where the file has them, are chosen by the context's length.
    long_rope_by_tensor: bool,
}

const ARCHITECTURES: &[Architecture] = &[
    plain("llama", Pairing::Neighbours),
    plain("granite", Pairing::Neighbours),
    plain("granitehybrid", Pairing::Neighbours),
    plain("qwen2", Pairing::Halves),
    plain("qwen3", Pairing::Halves),
    Architecture { long_rope_by_tensor: true, ..plain("phi3", Pairing::Halves) },
    Architecture { activation: Activation::GeluTanh, embeddings_scaled: true, ..plain("gemma3", Pairing::Halves) },
];

const fn plain(name: &'static str, pairing: Pairing) -> Architecture {
    Architecture { name, pairing, activation: Activation::Silu, embeddings_scaled: false, long_rope_by_tensor: false }
}

/// The architectures that can be run, by their names in files.
pub fn supported() -> Vec<&'static str> {
    ARCHITECTURES.iter().map(|row| row.name).collect()
}

/// The most that any of a network's sizes may be: far beyond any that exists.
const SIZE_MAX: usize = 1 << 24;

/// A network's sizes and constants.
#[derive(Clone, Debug)]
pub struct Settings {
    pub architecture: &'static str,
    pub layers: usize,
    /// The length of an embedding.
    pub hidden: usize,
    pub vocabulary: usize,
    /// The most tokens of a sequence that the model was trained for.
    pub context: usize,
    pub heads: usize,
    /// The length of a head's query, key and value.
    pub head_size: usize,
    /// Key and value heads of each layer; 0 where a layer is no attention.
    pub kv_heads: Vec<usize>,
    pub activation: Activation,
    pub epsilon: f32,
    /// What the products of queries and keys are multiplied by.
    pub attention_scale: f32,
    pub embedding_scale: f32,
    pub residual_scale: f32,
    /// What logits are multiplied by.
    pub logit_scale: f32,
    /// Logits are bent to stay within this.
    pub logit_cap: Option<f32>,
    /// `None` where positions are not told to attention.
    pub rope: Option<Rope>,
    /// The rotation of layers that see a window only.
    pub rope_local: Option<Rope>,
    /// How many positions those layers see, their own among them.
    pub window: Option<usize>,
    /// Which layers these are.
    pub local: Vec<bool>,
    pub experts: Option<Experts>,
    pub mamba: Option<MambaSettings>,
}

/// A mixture of experts.
#[derive(Clone, Copy, Debug)]
pub struct Experts {
    pub count: usize,
    /// Experts that a token goes to.
    pub used: usize,
}

/// The sizes of a Mamba-2 layer.
#[derive(Clone, Copy, Debug)]
pub struct MambaSettings {
    /// Columns of the convolution.
    pub kernel: usize,
    /// Values of state for each channel.
    pub state: usize,
    pub groups: usize,
    /// Channels, over all heads.
    pub inner: usize,
    pub heads: usize,
}

/// The metadata of one architecture, by the last part of their names.
struct Named<'a> {
    gguf: &'a Gguf,
    metadata: &'a Metadata,
    architecture: &'static str,
}

impl Named<'_> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    /// A size that may be missing.
    fn size_if(&self, name: &str) -> Option<usize> {
        self.metadata.size(&self.key(name))
    }

    /// A size that must be there.
    fn size(&self, name: &str) -> Result<usize, InferenceError> {
        let size = self.size_if(name).filter(|size| (1..=SIZE_MAX).contains(size));
        size.ok_or_else(|| self.gguf.fault(&format!("{} is missing or makes no sense", self.key(name))))
    }

    fn float(&self, name: &str, otherwise: f32) -> f32 {
        self.metadata.f32(&self.key(name)).unwrap_or(otherwise)
    }

    /// A size for each layer: one number for all, or an array.
    fn sizes(&self, name: &str, layers: usize) -> Result<Option<Vec<usize>>, InferenceError> {
        match self.metadata.get(&self.key(name)) {
            None => Ok(None),
            Some(Value::Numbers(numbers)) if numbers.len() == layers => {
                Ok(Some(numbers.iter().map(|number| *number as usize).collect()))
            }
            Some(Value::Unsigned(_) | Value::Signed(_)) => Ok(self.size_if(name).map(|size| vec![size; layers])),
            Some(_) => Err(self.gguf.fault(&format!("{} is no number for each layer", self.key(name)))),
        }
    }
}

impl Settings {
    /// Reads and checks the metadata of `gguf`.
    pub fn read(gguf: &Gguf) -> Result<Settings, InferenceError> {
        let metadata = gguf.metadata();
        let name = metadata.text("general.architecture").unwrap_or("(none)");
        let Some(row) = ARCHITECTURES.iter().find(|row| row.name == name) else {
            let known = supported().join(", ");
            return Err(
                gguf.fault(&format!("its architecture is {name}, which is not supported; supported are {known}"))
            );
        };
        let named = Named { gguf, metadata, architecture: row.name };
        let layers = named.size("block_count")?;
        let hidden = named.size("embedding_length")?;
        let heads = named
            .sizes("attention.head_count", layers)?
            .and_then(|heads| heads.into_iter().max())
            .filter(|heads| (1..=SIZE_MAX).contains(heads))
            .ok_or_else(|| gguf.fault("attention.head_count is missing or makes no sense"))?;
        let kv_heads = named.sizes("attention.head_count_kv", layers)?.unwrap_or_else(|| vec![heads; layers]);
        let head_size = named.size_if("attention.key_length").unwrap_or(hidden / heads);
        if kv_heads.iter().any(|kv| *kv > 0 && !heads.is_multiple_of(*kv)) || head_size == 0 || head_size > SIZE_MAX {
            return Err(gguf.fault("its numbers of attention heads do not fit together"));
        }
        if named.size_if("attention.value_length").is_some_and(|value| value != head_size) {
            return Err(gguf.fault("its keys and values differ in length, which is not supported"));
        }
        let vocabulary =
            gguf.tensor("token_embd.weight").map(|tensor| tensor.shape.iter().skip(1).product()).ok_or_else(|| {
                gguf.fault("it has no tensors (a file of a vocabulary only?): token_embd.weight is missing")
            })?;
        let context = named.size("context_length")?;
        let rotated = metadata.bool(&named.key("rope.scaling.finetuned")).unwrap_or(true);
        let is_hybrid = kv_heads.contains(&0);
        let (window, local) = windows(&named, layers)?;
        let attention_scale = match named.float("attention.scale", 0.0) {
            0.0 => gemma_scale(row.name, layers, hidden, heads).unwrap_or(1.0 / (head_size as f32).sqrt()),
            scale => scale,
        };
        Ok(Settings {
            architecture: row.name,
            layers,
            hidden,
            vocabulary,
            context,
            heads,
            head_size,
            activation: row.activation,
            epsilon: named.float("attention.layer_norm_rms_epsilon", 1e-5),
            attention_scale,
            embedding_scale: if row.embeddings_scaled {
                (hidden as f32).sqrt()
            } else {
                named.float("embedding_scale", 1.0)
            },
            residual_scale: named.float("residual_scale", 1.0),
            logit_scale: 1.0 / named.float("logit_scale", 1.0),
            logit_cap: Some(named.float("final_logit_softcapping", 0.0)).filter(|cap| *cap > 0.0),
            rope: rotated
                .then(|| Rope::read(gguf, row.name, row.pairing, head_size, row.long_rope_by_tensor))
                .transpose()?,
            rope_local: window.map(|_| {
                let size = named.size_if("rope.dimension_count").unwrap_or(head_size);
                Rope::plain(row.pairing, size, named.float("rope.freq_base_swa", 10_000.0))
            }),
            window,
            local,
            experts: experts(&named)?,
            mamba: is_hybrid.then(|| mamba(&named)).transpose()?,
            kv_heads,
        })
    }
}

/// The one model of its family whose scale is not that of its heads, known by its layers.
fn gemma_scale(architecture: &str, layers: usize, hidden: usize, heads: usize) -> Option<f32> {
    /// Gemma 3 27B.
    const LAYERS: usize = 62;
    (architecture == "gemma3" && layers == LAYERS).then(|| 1.0 / ((hidden / heads) as f32).sqrt())
}

/// The window of local layers, and which layers are local.
fn windows(named: &Named, layers: usize) -> Result<(Option<usize>, Vec<bool>), InferenceError> {
    /// Of so many layers the last sees everything, unless the file says otherwise.
    const PATTERN: usize = 6;
    let window = named.size_if("attention.sliding_window").filter(|window| *window > 0);
    if named.architecture != "gemma3" || window.is_none() {
        return Ok((None, vec![false; layers]));
    }
    let key = named.key("attention.sliding_window_pattern");
    let local = match named.metadata.get(&key) {
        None => (0..layers).map(|layer| layer % PATTERN < PATTERN - 1).collect(),
        Some(Value::Unsigned(_) | Value::Signed(_)) => {
            let pattern = named.size("attention.sliding_window_pattern")?;
            (0..layers).map(|layer| layer % pattern < pattern - 1).collect()
        }
        Some(Value::Array(switches)) if switches.len() == layers => {
            switches.iter().map(|switch| *switch == Value::Bool(true)).collect()
        }
        Some(_) => return Err(named.gguf.fault(&format!("{key} is neither a number nor a switch for each layer"))),
    };
    Ok((window, local))
}

fn experts(named: &Named) -> Result<Option<Experts>, InferenceError> {
    let count = named.size_if("expert_count").unwrap_or(0);
    if count == 0 {
        return Ok(None);
    }
    let used = named.size("expert_used_count")?;
    if used > count || count > SIZE_MAX {
        return Err(named.gguf.fault("it uses more experts than it has"));
    }
    Ok(Some(Experts { count, used }))
}

fn mamba(named: &Named) -> Result<MambaSettings, InferenceError> {
    let settings = MambaSettings {
        kernel: named.size("ssm.conv_kernel")?,
        state: named.size("ssm.state_size")?,
        groups: named.size("ssm.group_count")?,
        inner: named.size("ssm.inner_size")?,
        heads: named.size("ssm.time_step_rank")?,
    };
    let fits = settings.inner.is_multiple_of(settings.heads)
        && settings.heads.is_multiple_of(settings.groups)
        && settings.inner.is_multiple_of(settings.groups);
    if fits { Ok(settings) } else { Err(named.gguf.fault("the sizes of its state-space layers do not fit together")) }
}
