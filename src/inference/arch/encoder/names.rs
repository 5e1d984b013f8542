//! What the parts of an encoder are called, in folders of safetensors and in GGUF files.
//!
//! `{}` stands for the number of the layer; `.weight` and `.bias` are left out where a part may have both.

/// The names of one family in one kind of file.
#[derive(Debug, PartialEq)]
pub(super) struct Names {
    /// What some exports put before every name.
    pub prefixes: &'static [&'static str],
    pub words: &'static str,
    pub positions: &'static str,
    /// Embeddings of the first text and of the second.
    pub types: &'static str,
    pub norm: &'static str,
    /// Query, key and value: one part that has all, or three.
    pub attend: &'static [&'static str],
    pub attended: &'static str,
    pub attend_norm: &'static str,
    /// The first half of the feed-forward network; where it is gated, what goes through the activation comes first:
    /// one part that has both, or two.
    pub widen: &'static [&'static str],
    pub narrow: &'static str,
    pub feed_norm: &'static str,
    pub last_norm: &'static str,
    /// The head of a reranker: a layer before the last, its norm, and the last.
    pub pool: &'static str,
    pub pool_norm: &'static str,
    pub judge: &'static str,
}

/// BERT, and all that is called like it.
pub(super) const BERT: Names = Names {
    prefixes: &["", "bert."],
    words: "embeddings.word_embeddings.weight",
    positions: "embeddings.position_embeddings.weight",
    types: "embeddings.token_type_embeddings.weight",
    norm: "embeddings.LayerNorm",
    attend: &[
        "encoder.layer.{}.attention.self.query",
        "encoder.layer.{}.attention.self.key",
        "encoder.layer.{}.attention.self.value",
    ],
    attended: "encoder.layer.{}.attention.output.dense",
    attend_norm: "encoder.layer.{}.attention.output.LayerNorm",
    widen: &["encoder.layer.{}.intermediate.dense"],
    narrow: "encoder.layer.{}.output.dense",
    feed_norm: "encoder.layer.{}.output.LayerNorm",
    last_norm: "",
    pool: "pooler.dense",
    pool_norm: "",
    judge: "classifier",
};

pub(super) const ROBERTA: Names =
    Names { prefixes: &["", "roberta."], pool: "classifier.dense", judge: "classifier.out_proj", ..BERT };

pub(super) const MODERN_BERT: Names = Names {
    prefixes: &["", "model."],
    words: "embeddings.tok_embeddings.weight",
    positions: "",
    types: "",
    norm: "embeddings.norm",
    attend: &["layers.{}.attn.Wqkv"],
    attended: "layers.{}.attn.Wo",
    attend_norm: "layers.{}.attn_norm",
    widen: &["layers.{}.mlp.Wi"],
    narrow: "layers.{}.mlp.Wo",
    feed_norm: "layers.{}.mlp_norm",
    last_norm: "final_norm",
    pool: "head.dense",
    pool_norm: "head.norm",
    judge: "classifier",
};

/// As its makers' own code calls them.
pub(super) const NOMIC_BERT: Names = Names {
    prefixes: &["", "bert."],
    positions: "",
    norm: "emb_ln",
    attend: &["encoder.layers.{}.attn.Wqkv"],
    attended: "encoder.layers.{}.attn.out_proj",
    attend_norm: "encoder.layers.{}.norm1",
    widen: &["encoder.layers.{}.mlp.fc12", "encoder.layers.{}.mlp.fc11"],
    narrow: "encoder.layers.{}.mlp.fc2",
    feed_norm: "encoder.layers.{}.norm2",
    ..BERT
};

/// As llama.cpp's converter writes them (`gguf-py/gguf/tensor_mapping.py`). Its files of BERT rerankers lack the layer
/// before the last, so that only those of RoBERTa's kind can be computed.
pub(super) const GGUF_BERT: Names = Names {
    prefixes: &[""],
    words: "token_embd.weight",
    positions: "position_embd.weight",
    types: "token_types.weight",
    norm: "token_embd_norm",
    attend: &["blk.{}.attn_q", "blk.{}.attn_k", "blk.{}.attn_v"],
    attended: "blk.{}.attn_output",
    attend_norm: "blk.{}.attn_output_norm",
    widen: &["blk.{}.ffn_up"],
    narrow: "blk.{}.ffn_down",
    feed_norm: "blk.{}.layer_output_norm",
    last_norm: "",
    pool: "cls",
    pool_norm: "cls.norm",
    judge: "cls.output",
};

pub(super) const GGUF_NOMIC_BERT: Names =
    Names { positions: "", attend: &["blk.{}.attn_qkv"], widen: &["blk.{}.ffn_gate", "blk.{}.ffn_up"], ..GGUF_BERT };

pub(super) const GGUF_MODERN_BERT: Names = Names {
    positions: "",
    types: "",
    attend: &["blk.{}.attn_qkv"],
    attend_norm: "blk.{}.attn_norm",
    feed_norm: "blk.{}.ffn_norm",
    last_norm: "output_norm",
    ..GGUF_BERT
};
