//! What identifies an embedding model: two vectors may be compared only if all of it is equal.

/// The identity of one generation of vectors.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelIdentity {
    /// `all-MiniLM-L6-v2`, or the name given to a remote endpoint.
    pub name: String,
    /// Hash of the weights in hexadecimal; for a remote endpoint, its address.
    pub weights: String,
    pub dimensions: usize,
    /// `mean`, `cls`, `last`, or `remote`.
    pub pooling: String,
    /// What is put before questions and before passages, empty for most models.
    pub prefix: String,
}
