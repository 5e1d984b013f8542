//! The room as its callers see it: the real model where it is installed, and endpoints scripted on loopback.

mod encoders;
mod local;
mod remote;
mod stories;

use std::path::PathBuf;

/// The folder of all-MiniLM-L6-v2, by `NOSIA_TEST_MODEL` or beside Cargo.toml; without it, says what is left out.
fn model_folder(left_out: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("NOSIA_TEST_MODEL")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/all-MiniLM-L6-v2"), PathBuf::from);
    if folder.join("model.safetensors").is_file() {
        return Some(folder);
    }
    eprintln!(
        "LEFT OUT: {left_out}, because there is no model in {} (NOSIA_TEST_MODEL names another folder)",
        folder.display()
    );
    None
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
