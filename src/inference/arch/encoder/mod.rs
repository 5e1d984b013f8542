//! Encoders: the tokens of a text in, one vector or one score out, for every supported family.
//!
//! One network for all: embeddings; in each layer attention over the whole text (or a window of it) and a feed-forward
//! network, with a norm after each or before each; then the states become one vector ([`Pooling`]) or go through a head
//! that judges. What differs between families is read from the model's settings and from a row of a table
//! ([`settings`]); what its parts are called in files is in [`names`].
//!
//! Sequences are laid end to end without padding ([`forward`]).

mod attention;
mod eight;
mod forward;
mod head;
mod layers;
mod names;
mod settings;

pub(in crate::inference) use forward::{Buffers, Encoder};
#[cfg(test)]
pub(in crate::inference) use settings::supported_folders;
pub(in crate::inference) use settings::{Settings, supported_files};

/// The tokens of one text, or of two that are read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::inference) struct Sequence {
    pub ids: Vec<u32>,
    /// How many of them are of the first text.
    pub first: usize,
}

impl Sequence {
    /// A text by itself.
    pub(in crate::inference) fn plain(ids: Vec<u32>) -> Sequence {
        Sequence { first: ids.len(), ids }
    }
}

/// What is computed of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inference) enum Wanted {
    /// Its vector, of unit length.
    Vector(Pooling),
    /// How well its two texts fit: a logit.
    Score,
}

/// What the weights of dense layers are kept as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Floats of 32 bits: exact.
    #[default]
    Full,
    /// Eight bits: faster, a quarter of the memory, and nearly as exact.
    Eight,
}

/// How the states of tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inference) enum Pooling {
    /// Their mean.
    Mean,
    /// The first token's, which was put there to gather what the text says.
    Cls,
    /// The last token's.
    Last,
}

impl Pooling {
    /// The word for it, as the catalog and the identity of vectors have it.
    pub(in crate::inference) fn as_str(self) -> &'static str {
        match self {
            Pooling::Mean => "mean",
            Pooling::Cls => "cls",
            Pooling::Last => "last",
        }
    }

    /// The pooling called `name`.
    pub(in crate::inference) fn parse(name: &str) -> Option<Pooling> {
        [Pooling::Mean, Pooling::Cls, Pooling::Last].into_iter().find(|pooling| pooling.as_str() == name)
    }
}
