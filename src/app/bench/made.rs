//! Made data: words drawn by Zipf's law and vectors around random centres, from a fixed seed.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// How many different words there are.
const WORDS: usize = 60_000;
/// The commonest words, which play the part of stop words: texts are full of them, and questions are searched without.
pub const STOP_WORDS: usize = 100;
/// Centres around which the made vectors lie, and how far from them.
const CENTRES: usize = 500;
const SPREAD: f32 = 0.6;
const SEED: u64 = 20_260_301;

/// Words and vectors from a fixed seed.
pub struct Made {
    random: StdRng,
    centres: Vec<Vec<f32>>,
}

impl Made {
    pub fn new(dimensions: usize) -> Made {
        let mut random = StdRng::seed_from_u64(SEED);
        let centres = (0..CENTRES).map(|_| unit((0..dimensions).map(|_| normal(&mut random)).collect())).collect();
        Made { random, centres }
    }

    /// Words of `commonest` or higher rank, whose frequency falls as their rank rises (Zipf, exponent 1, by inverting
    /// its continuous form).
    pub fn words(&mut self, count: usize, commonest: usize) -> String {
        let word = |random: &mut StdRng| {
            let rank = commonest as f64 * (WORDS as f64 / commonest as f64).powf(random.random::<f64>());
            format!("w{:x}", rank as usize)
        };
        (0..count).map(|_| word(&mut self.random)).collect::<Vec<_>>().join(" ")
    }

    /// A unit vector near one of the centres.
    pub fn vector(&mut self) -> Vec<f32> {
        let centre = self.random.random_range(0..self.centres.len());
        let scale = SPREAD / (self.centres[centre].len() as f32).sqrt();
        let moved = self.centres[centre].clone().into_iter().map(|x| x + scale * normal(&mut self.random)).collect();
        unit(moved)
    }
}

/// A standard normal number, near enough: twelve uniform ones less their mean (Irwin-Hall).
fn normal(random: &mut StdRng) -> f32 {
    (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0
}

fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}
