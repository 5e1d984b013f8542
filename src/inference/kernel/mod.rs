//! Products of quantised matrices with activations, on the CPU.
//!
//! Weights stay in the mapped file, in the layout that the file has: nothing is converted when a model is loaded, and
//! nothing is held twice. Activations are quantised to eight bits in blocks of 32 ([`activations`]), so that a product
//! is one of small integers. For a few rows of activations each row of weights is multiplied where it lies ([`dot`]);
//! for many (a prompt), sixteen rows of weights at a time are interleaved into a panel in the cache ([`panel`]) and
//! multiplied with a few rows of activations at once ([`tile`]). Weights in floating point go through the `gemm` crate
//! ([`float`]). Instruction sets are told apart when the program runs ([`isa`]).

pub mod activations;
mod ahead;
mod dot;
mod float;
pub mod isa;
mod matrix;
mod panel;
mod product;
pub mod threads;
mod tile;

pub use activations::Quantised;
pub use float::dot as dot_of_floats;
pub use matrix::Matrix;
pub use product::{Product, multiply};

#[cfg(test)]
mod tests;
