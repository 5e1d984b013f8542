//! Activations in eight bits.

use super::isa::Isa;
use super::threads::{self, Shared};

/// Values that share a scale.
pub const BLOCK: usize = 32;
/// Values whose sum is kept: half a block, since some weights have a scale for sixteen.
pub const HALF: usize = 16;
/// Values whose scales are whole multiples of one number, as those of the weights of K types are.
pub const GROUP: usize = 256;
/// The largest of these multiples: with it the products of a group, weighted, still fit into 32 bits (`dot::x86`).
pub const RATIO_MAX: i16 = 127;
/// Rows are made up to a multiple of this, so that a tile of rows never reads beyond the end.
pub const ROWS_MULTIPLE: usize = 8;

/// Rows of activations, each value `scale * q` with `q` in -127..=127 and a scale for each 32 values.
///
/// The scales of 256 neighbours are `unit * ratio` with a whole ratio, so that a product can be weighted in integers. A
/// block that is much smaller than its largest neighbour is a little coarser for it, by `unit` at the most.
#[derive(Default)]
pub struct Quantised {
    pub rows: usize,
    pub columns: usize,
    /// `[rows, columns]`
    pub values: Vec<i8>,
    /// `[rows, columns / 32]`
    pub scales: Vec<f32>,
    /// `scale * sum of q` over each 32 values: `[rows, columns / 32]`.
    pub sums: Vec<f32>,
    /// The same over each sixteen: `[rows, columns / 16]`.
    pub half_sums: Vec<f32>,
    /// `scale / unit`, 0 to [`RATIO_MAX`]: `[rows, columns / 32]`.
    pub ratios: Vec<i16>,
    /// `[rows, columns / 256]`, rounded up.
    pub units: Vec<f32>,
}

impl Quantised {
    /// Makes room for `rows` of `columns` values, which are a multiple of 32. What was in it is lost.
    pub fn reset(&mut self, rows: usize, columns: usize) {
        assert!(columns.is_multiple_of(BLOCK), "activations come in blocks of 32");
        let room = rows.next_multiple_of(ROWS_MULTIPLE);
        (self.rows, self.columns) = (rows, columns);
        self.values.resize(room * columns, 0);
        self.scales.resize(room * columns / BLOCK, 0.0);
        self.sums.resize(room * columns / BLOCK, 0.0);
        self.half_sums.resize(room * columns / HALF, 0.0);
        self.ratios.resize(room * columns / BLOCK, 0);
        self.units.resize(room * columns.div_ceil(GROUP), 0.0);
    }

    /// Quantises `floats`, `[rows, columns]`, on all cores where there are many rows.
    pub fn fill(&mut self, floats: &[f32], columns: usize) {
        self.reset(floats.len() / columns, columns);
        let (values, scales) = (Shared::new(&mut self.values), Shared::new(&mut self.scales));
        let (sums, half_sums) = (Shared::new(&mut self.sums), Shared::new(&mut self.half_sums));
        let (ratios, units) = (Shared::new(&mut self.ratios), Shared::new(&mut self.units));
        let (blocks, groups) = (columns / BLOCK, columns.div_ceil(GROUP));
        let quantise = |row: usize| {
            let floats = &floats[row * columns..][..columns];
            // SAFETY: each row has places of its own, which lie within the vectors by `reset`.
            let into = unsafe {
                Places {
                    values: values.part(row * columns, columns),
                    scales: scales.part(row * blocks, blocks),
                    sums: sums.part(row * blocks, blocks),
                    half_sums: half_sums.part(row * columns / HALF, columns / HALF),
                    ratios: ratios.part(row * blocks, blocks),
                    units: units.part(row * groups, groups),
                }
            };
            fill(floats, into);
        };
        let tasks = if self.rows < ROWS_MULTIPLE { 1 } else { threads::count() };
        let each = self.rows.div_ceil(tasks);
        threads::share(tasks, |task| (task * each..((task + 1) * each).min(self.rows)).for_each(quantise));
    }
}

/// Where one row goes.
struct Places<'a> {
    values: &'a mut [i8],
    scales: &'a mut [f32],
    sums: &'a mut [f32],
    half_sums: &'a mut [f32],
    ratios: &'a mut [i16],
    units: &'a mut [f32],
}

/// Quantises one row.
fn fill(floats: &[f32], into: Places) {
    #[cfg(target_arch = "x86_64")]
    if Isa::best() >= Isa::Avx2 {
        // SAFETY: the processor has AVX2.
        return unsafe { fill_avx2(floats, into) };
    }
    fill_body(floats, into);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn fill_avx2(floats: &[f32], into: Places) {
    fill_body(floats, into);
}

#[inline(always)]
fn fill_body(floats: &[f32], into: Places) {
    const BLOCKS: usize = GROUP / BLOCK;
    for (group, floats) in floats.chunks(GROUP).enumerate() {
        let mut largest = [0f32; BLOCKS];
        for (largest, block) in largest.iter_mut().zip(floats.chunks_exact(BLOCK)) {
            *largest = block.iter().fold(0f32, |largest, value| largest.max(value.abs()));
        }
        let of_all = largest.iter().fold(0f32, |all, one| all.max(*one));
        let unit = of_all / 127.0 / f32::from(RATIO_MAX);
        let per_ratio = if of_all > 0.0 { f32::from(RATIO_MAX) / of_all } else { 0.0 };
        into.units[group] = unit;
        for (block, floats) in floats.chunks_exact(BLOCK).enumerate() {
            let index = group * BLOCKS + block;
            let ratio = (largest[block] * per_ratio).ceil().min(f32::from(RATIO_MAX));
            let scale = unit * ratio;
            let inverse = if scale >= f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
            let mut half = [0i32; 2];
            let values = &mut into.values[index * BLOCK..][..BLOCK];
            for (at, (value, quantised)) in floats.iter().zip(values).enumerate() {
                let rounded = (value * inverse).round_ties_even() as i32;
                half[at / HALF] += rounded;
                *quantised = rounded as i8;
            }
            into.ratios[index] = ratio as i16;
            into.scales[index] = scale;
            into.sums[index] = scale * (half[0] + half[1]) as f32;
            into.half_sums[2 * index] = scale * half[0] as f32;
            into.half_sums[2 * index + 1] = scale * half[1] as f32;
        }
    }
}
