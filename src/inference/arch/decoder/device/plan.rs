//! What a batch needs to be told in the device's memory, made once and used by every layer.
//!
//! Rows are ordered by runs of equal length, so that these, single steps above all, attend together.

use super::super::cache::PAGE;
use super::super::rope::{Pairing, Rope, Turns};
use super::super::settings::Settings;
use super::super::{Batch, Run, Wanted};
use candle_core::{Device, Result, Tensor};

/// A batch, laid out.
pub struct Plan {
    /// Rows of all runs.
    pub rows: usize,
    /// The token of each row.
    pub tokens: Tensor,
    /// Where each row's keys and values are kept, repeated for each of their values: `[rows, heads * head_size]`.
    pub slots: Tensor,
    pub turn: Option<Turn>,
    /// The rotation of layers that see a window only.
    pub turn_local: Option<Turn>,
    pub groups: Vec<Group>,
    /// The rows that logits are wanted of, in the order of the runs.
    pub wanted: Option<Tensor>,
}

/// A rotation of every row.
pub struct Turn {
    pub pairing: Pairing,
    pub pairs: usize,
    /// `[rows, 1, pairs]`
    pub sines: Tensor,
    /// `[rows, 1, pairs]`
    pub cosines: Tensor,
}

/// Runs of equal length.
pub struct Group {
    /// The first of the group's rows.
    pub first: usize,
    pub runs: usize,
    /// Tokens of each run.
    pub tokens: usize,
    /// What layers see that see everything before a token.
    pub all: Sight,
    /// What layers see that see a window only.
    pub local: Sight,
}

/// What the tokens of a group see.
#[derive(Clone)]
pub struct Sight {
    /// The pages of each run, as many for each: `[runs * pages]`.
    pub pages: Tensor,
    /// Added to scores: nothing where a token sees another, minus infinity where not. `[runs, tokens, pages * PAGE]`
    pub mask: Tensor,
}

impl Plan {
    /// Lays `batch` out and copies what it must know to `device`.
    pub fn new(batch: &Batch, settings: &Settings, device: &Device) -> Result<Plan> {
        let mut runs: Vec<(usize, &Run)> = batch.runs.iter().enumerate().collect();
        runs.sort_by_key(|(_, run)| run.tokens.len());
        let tokens: Vec<u32> = runs.iter().flat_map(|(_, run)| run.tokens).copied().collect();
        let rows = tokens.len();
        let mut wanted = vec![0..0; runs.len()];
        let mut groups = Vec::new();
        let mut first = 0;
        for equal in runs.chunk_by(|(_, a), (_, b)| a.tokens.len() == b.tokens.len()) {
            groups.push(Group::new(equal, first, settings, device)?);
            for (index, run) in equal {
                let end = first + run.tokens.len();
                wanted[*index] = match run.wanted {
                    Wanted::Nothing => end..end,
                    Wanted::Last => end - 1..end,
                    Wanted::All => first..end,
                };
                first = end;
            }
        }
        let wanted: Vec<u32> = wanted.into_iter().flatten().map(|row| row as u32).collect();
        let positions: Vec<usize> = runs.iter().flat_map(|(_, run)| run.start..run.start + run.tokens.len()).collect();
        let turn = |rope: &Option<Rope>| rope.as_ref().map(|rope| Turn::new(rope, &positions, device)).transpose();
        Ok(Plan {
            rows,
            tokens: Tensor::from_vec(tokens, rows, device)?,
            slots: slots(&runs, rows, settings, device)?,
            turn: turn(&settings.rope)?,
            turn_local: turn(&settings.rope_local)?,
            groups,
            wanted: match wanted.len() {
                0 => None,
                count => Some(Tensor::from_vec(wanted, count, device)?),
            },
        })
    }
}

/// Where the keys and values of each row are kept.
fn slots(runs: &[(usize, &Run)], rows: usize, settings: &Settings, device: &Device) -> Result<Tensor> {
    let place = |run: &Run, position: usize| run.pages[position / PAGE] * PAGE as u32 + (position % PAGE) as u32;
    let places = runs.iter().flat_map(|(_, run)| (0..run.tokens.len()).map(|index| place(run, run.start + index)));
    let width = settings.kv_heads[0] * settings.head_size;
    Tensor::from_vec(places.collect(), (rows, 1), device)?.broadcast_as((rows, width))?.contiguous()
}

impl Turn {
    fn new(rope: &Rope, positions: &[usize], device: &Device) -> Result<Turn> {
        let mut turns = Turns::default();
        rope.turns(positions, &mut turns);
        let pairs = turns.sines.len() / positions.len();
        let shape = (positions.len(), 1, pairs);
        Ok(Turn {
            pairing: rope.pairing,
            pairs,
            sines: Tensor::from_vec(turns.sines, shape, device)?,
            cosines: Tensor::from_vec(turns.cosines, shape, device)?,
        })
    }
}

impl Group {
    fn new(runs: &[(usize, &Run)], first: usize, settings: &Settings, device: &Device) -> Result<Group> {
        let all = Sight::new(runs, None, device)?;
        let local = match settings.window {
            None => all.clone(),
            window => Sight::new(runs, window, device)?,
        };
        Ok(Group { first, runs: runs.len(), tokens: runs[0].1.tokens.len(), all, local })
    }
}

impl Sight {
    /// What `runs` of equal length see of what is before each token, or of as much of it as `window` lets them.
    fn new(runs: &[(usize, &Run)], window: Option<usize>, device: &Device) -> Result<Sight> {
        let tokens = runs[0].1.tokens.len();
        let from = |position: usize| window.map_or(0, |window| (position + 1).saturating_sub(window));
        let pages = |run: &Run| from(run.start) / PAGE..(run.start + tokens).div_ceil(PAGE);
        let width = runs.iter().map(|(_, run)| pages(run).len()).max().unwrap_or(0);
        let mut numbers = Vec::with_capacity(runs.len() * width);
        let mut mask = vec![f32::NEG_INFINITY; runs.len() * tokens * width * PAGE];
        for ((_, run), mask) in runs.iter().zip(mask.chunks_exact_mut(tokens * width * PAGE)) {
            let own = pages(run);
            numbers.extend_from_slice(&run.pages[own.clone()]);
            // Runs that see less are filled up with a page that none of their tokens looks into.
            numbers.extend(std::iter::repeat_n(run.pages[own.start], width - own.len()));
            for (index, mask) in mask.chunks_exact_mut(width * PAGE).enumerate() {
                let position = run.start + index;
                mask[from(position) - own.start * PAGE..position + 1 - own.start * PAGE].fill(0.0);
            }
        }
        Ok(Sight {
            pages: Tensor::from_vec(numbers, runs.len() * width, device)?,
            mask: Tensor::from_vec(mask, (runs.len(), tokens, width * PAGE), device)?,
        })
    }
}
