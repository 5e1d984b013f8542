//! Where each layer's weights lie in the file.

use super::settings::{MambaSettings, Settings};
use crate::inference::InferenceError;
use crate::inference::gguf::Gguf;
use crate::inference::kernel::Matrix;

/// All weights of a network.
pub struct Weights {
    pub embeddings: Matrix,
    pub layers: Vec<Layer>,
    pub norm: Vec<f32>,
    pub head: Matrix,
    pub head_bias: Option<Vec<f32>>,
}

pub struct Layer {
    pub mixer_norm: Vec<f32>,
    pub mixer: Mixer,
    /// A norm of what the mixer gives, before it is added.
    pub mixer_norm_after: Option<Vec<f32>>,
    pub feed_norm: Vec<f32>,
    pub feed: Feed,
    pub feed_norm_after: Option<Vec<f32>>,
}

/// What lets positions know of one another.
pub enum Mixer {
    Attention(Attention),
    Mamba(Mamba),
}

pub struct Attention {
    pub query: Biased,
    pub key: Biased,
    pub value: Biased,
    pub query_norm: Option<Vec<f32>>,
    pub key_norm: Option<Vec<f32>>,
    pub output: Biased,
    pub kv_heads: usize,
}

/// A Mamba-2 layer.
pub struct Mamba {
    pub input: Matrix,
    /// `[channels, kernel]`
    pub convolution: Vec<f32>,
    pub convolution_bias: Vec<f32>,
    pub step_bias: Vec<f32>,
    /// Negative: how fast each head forgets.
    pub decay: Vec<f32>,
    /// How much of its input each head passes on.
    pub skip: Vec<f32>,
    pub norm: Vec<f32>,
    pub output: Matrix,
}

pub enum Feed {
    Dense(Gated),
    Experts(Mixture),
}

/// Experts, a router that picks some for each token, and one that all tokens go through.
pub struct Mixture {
    pub router: Matrix,
    pub experts: Vec<Gated>,
    pub shared: Option<Gated>,
}

/// `down(activation(gate(x)) * up(x))`
pub struct Gated {
    pub gate: Biased,
    pub up: Biased,
    pub down: Biased,
}

/// A matrix and what is added to its product.
pub struct Biased {
    pub matrix: Matrix,
    pub bias: Option<Vec<f32>>,
}

impl Gated {
    /// The values between the two halves.
    pub fn width(&self) -> usize {
        self.gate.matrix.rows
    }
}

/// The tensors of a file by name.
struct Tensors<'a> {
    gguf: &'a Gguf,
}

impl Tensors<'_> {
    fn has(&self, name: &str) -> bool {
        self.gguf.place(name).is_some()
    }

    /// The rows of the matrix `name`.
    fn rows(&self, name: &str) -> Result<usize, InferenceError> {
        match self.gguf.place(name) {
            Some((_, shape, _)) if shape.len() >= 2 => Ok(shape[1]),
            _ => Err(self.gguf.fault(&format!("the tensor {name} is missing or no matrix"))),
        }
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, InferenceError> {
        Matrix::of(self.gguf, name, rows, columns)
    }

    /// The `values` floats of `name`, if the file has it.
    fn floats_if(&self, name: &str, values: usize) -> Result<Option<Vec<f32>>, InferenceError> {
        match self.gguf.tensor(name) {
            None => Ok(None),
            Some(tensor) if tensor.values() == values => Ok(Some(tensor.to_f32())),
            Some(tensor) => {
                Err(self.gguf.fault(&format!("the tensor {name} has {} values, not {values}", tensor.values())))
            }
        }
    }

    fn floats(&self, name: &str, values: usize) -> Result<Vec<f32>, InferenceError> {
        self.floats_if(name, values)?.ok_or_else(|| self.gguf.fault(&format!("the tensor {name} is missing")))
    }

    /// The matrix `name.weight` with `name.bias`.
    fn biased(&self, name: &str, rows: usize, columns: usize) -> Result<Biased, InferenceError> {
        let matrix = self.matrix(&format!("{name}.weight"), rows, columns)?;
        Ok(Biased { matrix, bias: self.floats_if(&format!("{name}.bias"), rows)? })
    }
}

impl Weights {
    /// Finds every tensor that a network of these settings needs.
    pub fn find(gguf: &Gguf, settings: &Settings) -> Result<Weights, InferenceError> {
        let tensors = Tensors { gguf };
        let (hidden, vocabulary) = (settings.hidden, settings.vocabulary);
        let embeddings = tensors.matrix("token_embd.weight", vocabulary, hidden)?;
        let head = match tensors.has("output.weight") {
            true => tensors.matrix("output.weight", vocabulary, hidden)?,
            false => embeddings.clone(),
        };
        Ok(Weights {
            embeddings,
            layers: (0..settings.layers).map(|index| layer(&tensors, settings, index)).collect::<Result<_, _>>()?,
            norm: tensors.floats("output_norm.weight", hidden)?,
            head,
            head_bias: tensors.floats_if("output.bias", vocabulary)?,
        })
    }
}

fn layer(tensors: &Tensors, settings: &Settings, index: usize) -> Result<Layer, InferenceError> {
    let name = |part: &str| format!("blk.{index}.{part}");
    let hidden = settings.hidden;
    let mixer = match (settings.kv_heads[index], settings.mamba) {
        (0, Some(sizes)) => Mixer::Mamba(mamba(tensors, &name, hidden, sizes)?),
        (kv_heads, _) => Mixer::Attention(attention(tensors, &name, settings, kv_heads)?),
    };
    let feed = match settings.experts {
        Some(experts) => Feed::Experts(Mixture {
            router: tensors.matrix(&name("ffn_gate_inp.weight"), experts.count, hidden)?,
            experts: stacked(tensors, &name, hidden, experts.count)?,
            shared: tensors
                .has(&name("ffn_gate_shexp.weight"))
                .then(|| gated(tensors, &name, "_shexp", hidden))
                .transpose()?,
        }),
        None => Feed::Dense(gated(tensors, &name, "", hidden)?),
    };
    Ok(Layer {
        mixer_norm: tensors.floats(&name("attn_norm.weight"), hidden)?,
        mixer,
        mixer_norm_after: tensors.floats_if(&name("post_attention_norm.weight"), hidden)?,
        feed_norm: tensors.floats(&name("ffn_norm.weight"), hidden)?,
        feed,
        feed_norm_after: tensors.floats_if(&name("post_ffw_norm.weight"), hidden)?,
    })
}

fn attention(
    tensors: &Tensors,
    name: &impl Fn(&str) -> String,
    settings: &Settings,
    kv_heads: usize,
) -> Result<Attention, InferenceError> {
    let (hidden, size) = (settings.hidden, settings.head_size);
    let (queries, keys) = (settings.heads * size, kv_heads * size);
    let [query, key, value] = if tensors.has(&name("attn_qkv.weight")) {
        let all = tensors.biased(&name("attn_qkv"), queries + 2 * keys, hidden)?;
        [0..queries, queries..queries + keys, queries + keys..queries + 2 * keys].map(|rows| Biased {
            bias: all.bias.as_ref().map(|bias| bias[rows.clone()].to_vec()),
            matrix: all.matrix.slice(rows),
        })
    } else {
        [
            tensors.biased(&name("attn_q"), queries, hidden)?,
            tensors.biased(&name("attn_k"), keys, hidden)?,
            tensors.biased(&name("attn_v"), keys, hidden)?,
        ]
    };
    Ok(Attention {
        query,
        key,
        value,
        query_norm: tensors.floats_if(&name("attn_q_norm.weight"), size)?,
        key_norm: tensors.floats_if(&name("attn_k_norm.weight"), size)?,
        output: tensors.biased(&name("attn_output"), hidden, queries)?,
        kv_heads,
    })
}

/// The feed-forward network whose tensors' names end in `suffix`. Some files have both halves in one tensor.
fn gated(
    tensors: &Tensors,
    name: &impl Fn(&str) -> String,
    suffix: &str,
    hidden: usize,
) -> Result<Gated, InferenceError> {
    let (gate, up) = (name(&format!("ffn_gate{suffix}")), name(&format!("ffn_up{suffix}")));
    let rows = tensors.rows(&format!("{up}.weight"))?;
    let (gate, up) = if tensors.has(&format!("{gate}.weight")) {
        (tensors.biased(&gate, rows, hidden)?, tensors.biased(&up, rows, hidden)?)
    } else {
        let both = tensors.matrix(&format!("{up}.weight"), rows, hidden)?;
        let half = |rows| Biased { matrix: both.slice(rows), bias: None };
        (half(0..rows / 2), half(rows / 2..rows))
    };
    let down = tensors.biased(&name(&format!("ffn_down{suffix}")), hidden, gate.matrix.rows)?;
    Ok(Gated { gate, up, down })
}

/// The experts, which lie one after another in each tensor.
fn stacked(
    tensors: &Tensors,
    name: &impl Fn(&str) -> String,
    hidden: usize,
    count: usize,
) -> Result<Vec<Gated>, InferenceError> {
    let width = tensors.rows(&name("ffn_up_exps.weight"))?;
    let all = |part: &str, rows, columns| Matrix::stacked(tensors.gguf, &name(part), rows, columns, count);
    let gates = all("ffn_gate_exps.weight", width, hidden)?;
    let ups = all("ffn_up_exps.weight", width, hidden)?;
    let downs = all("ffn_down_exps.weight", hidden, width)?;
    let plain = |matrix| Biased { matrix, bias: None };
    let experts = gates.into_iter().zip(ups).zip(downs);
    Ok(experts.map(|((gate, up), down)| Gated { gate: plain(gate), up: plain(up), down: plain(down) }).collect())
}

fn mamba(
    tensors: &Tensors,
    name: &impl Fn(&str) -> String,
    hidden: usize,
    sizes: MambaSettings,
) -> Result<Mamba, InferenceError> {
    let channels = sizes.inner + 2 * sizes.groups * sizes.state;
    Ok(Mamba {
        input: tensors.matrix(&name("ssm_in.weight"), sizes.inner + channels + sizes.heads, hidden)?,
        convolution: tensors.floats(&name("ssm_conv1d.weight"), channels * sizes.kernel)?,
        convolution_bias: tensors.floats(&name("ssm_conv1d.bias"), channels)?,
        step_bias: tensors.floats(&name("ssm_dt.bias"), sizes.heads)?,
        decay: tensors.floats(&name("ssm_a"), sizes.heads)?,
        skip: tensors.floats(&name("ssm_d"), sizes.heads)?,
        norm: tensors.floats(&name("ssm_norm.weight"), sizes.inner)?,
        output: tensors.matrix(&name("ssm_out.weight"), hidden, sizes.inner)?,
    })
}
