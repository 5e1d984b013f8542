//! The derived word index: one tantivy index per account.
