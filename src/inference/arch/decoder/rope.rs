//! Rotary positions: each pair of a head's values is turned by an angle that grows with the position.

use crate::inference::InferenceError;
use crate::inference::gguf::Gguf;

/// Which values of a head form a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// 0 and 1, 2 and 3, and so on.
    Neighbours,
    /// Value `i` of the first half and of the second.
    Halves,
}

/// A rotation.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    pub(super) pairing: Pairing,
    /// The angle of each pair for one position.
    angles: Vec<f32>,
    /// What sines and cosines are multiplied by.
    magnitude: f32,
}

/// Sines and cosines for the rows of a batch: `[rows, pairs]` each.
#[derive(Default)]
pub struct Turns {
    pub(super) sines: Vec<f32>,
    pub(super) cosines: Vec<f32>,
}

impl Rope {
    /// The rotation of `size` values with nothing special about it.
    pub fn plain(pairing: Pairing, size: usize, base: f32) -> Rope {
        let angles = (0..size / 2).map(|pair| angle(base, pair, size) as f32).collect();
        Rope { pairing, angles, magnitude: 1.0 }
    }

    /// The rotation that `gguf` describes, with its scaling: linear, YaRN, or factors for each pair.
    pub fn read(
        gguf: &Gguf,
        architecture: &str,
        pairing: Pairing,
        head_size: usize,
        long_rope_by_tensor: bool,
    ) -> Result<Rope, InferenceError> {
        let metadata = gguf.metadata();
        let key = |name: &str| format!("{architecture}.rope.{name}");
        let size = metadata.size(&key("dimension_count")).unwrap_or(head_size);
        if size == 0 || size > head_size || !size.is_multiple_of(2) {
            return Err(gguf.fault(&format!("it rotates {size} of the {head_size} values of a head")));
        }
        let base = metadata.f32(&key("freq_base")).unwrap_or(10_000.0);
        let context = metadata.size(&format!("{architecture}.context_length")).unwrap_or(0);
        let original = metadata.size(&key("scaling.original_context_length")).unwrap_or(context);
        let kind = metadata.text(&key("scaling.type")).unwrap_or("none");
        let stretch = metadata.f32(&key("scaling.factor")).or(metadata.f32(&key("scale_linear"))).unwrap_or(0.0);
        let stretch = if stretch > 0.0 { stretch } else { 1.0 };
        let mut rope = Rope::plain(pairing, size, base);
        rope.magnitude = metadata.f32(&key("scaling.attn_factor")).unwrap_or(1.0);
        match kind {
            "yarn" => rope.stretch_by_yarn(gguf, &key, base, size, original, stretch),
            _ => rope.angles.iter_mut().for_each(|angle| *angle /= stretch),
        }
        let name = if long_rope_by_tensor || kind == "longrope" {
            if context > original { "rope_factors_long.weight" } else { "rope_factors_short.weight" }
        } else {
            "rope_freqs.weight"
        };
        if let Some(tensor) = gguf.tensor(name) {
            let factors = tensor.to_f32();
            if factors.len() != rope.angles.len() {
                return Err(gguf.fault(&format!(
                    "{name} has {} factors for {} pairs",
                    factors.len(),
                    rope.angles.len()
                )));
            }
            rope.angles.iter_mut().zip(factors).for_each(|(angle, factor)| *angle /= factor);
        }
        Ok(rope)
    }

    /// YaRN: pairs that turn fast keep their angles, slow ones are stretched, and between them there is a ramp
    /// (<https://arxiv.org/abs/2309.00071>, section 3.2 and 3.4).
    fn stretch_by_yarn(
        &mut self,
        gguf: &Gguf,
        key: &impl Fn(&str) -> String,
        base: f32,
        size: usize,
        original: usize,
        stretch: f32,
    ) {
        let beta = |name: &str, otherwise: f32| gguf.metadata().f32(&key(name)).unwrap_or(otherwise);
        let turns = |count: f32| {
            let full = original as f32 / (count * 2.0 * std::f32::consts::PI);
            size as f32 * full.ln() / (2.0 * base.ln())
        };
        let low = turns(beta("scaling.yarn_beta_fast", 32.0)).floor().max(0.0);
        let high = turns(beta("scaling.yarn_beta_slow", 1.0)).ceil().min(size as f32 - 1.0);
        for (pair, angle) in self.angles.iter_mut().enumerate() {
            let kept = 1.0 - ((pair as f32 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
            *angle = *angle / stretch * (1.0 - kept) + *angle * kept;
        }
        self.magnitude *= 1.0 + 0.1 * stretch.ln();
    }

    /// Sines and cosines for `positions`, one for each row.
    pub fn turns(&self, positions: &[usize], into: &mut Turns) {
        into.sines.clear();
        into.cosines.clear();
        for position in positions {
            for angle in &self.angles {
                let (sine, cosine) = (*position as f32 * angle).sin_cos();
                into.sines.push(sine * self.magnitude);
                into.cosines.push(cosine * self.magnitude);
            }
        }
    }

    /// Turns `head`, one head of row `row`.
    pub fn apply(&self, turns: &Turns, row: usize, head: &mut [f32]) {
        let pairs = self.angles.len();
        let sines = &turns.sines[row * pairs..][..pairs];
        let cosines = &turns.cosines[row * pairs..][..pairs];
        match self.pairing {
            Pairing::Neighbours => {
                for ((pair, sine), cosine) in head.as_chunks_mut::<2>().0.iter_mut().zip(sines).zip(cosines) {
                    *pair = [pair[0] * cosine - pair[1] * sine, pair[0] * sine + pair[1] * cosine];
                }
            }
            Pairing::Halves => {
                let (first, second) = head[..2 * pairs].split_at_mut(pairs);
                for (((a, b), sine), cosine) in first.iter_mut().zip(second).zip(sines).zip(cosines) {
                    (*a, *b) = (*a * cosine - *b * sine, *a * sine + *b * cosine);
                }
            }
        }
    }
}

/// The angle of `pair` for one position: `base ^ (-2 pair / size)`.
fn angle(base: f32, pair: usize, size: usize) -> f64 {
    f64::from(base).powf(-2.0 * pair as f64 / size as f64)
}
