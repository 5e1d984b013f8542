//! Keys and values of what has been read: pages of 32 tokens, given to sequences and shared between them.
//!
//! All pages are made at once, within a budget that the administrator states, and never more. A page holds, for each
//! layer and head, the keys with tokens side by side (so that products with queries run along them) and the values with
//! each token's together. A page that several sequences share is never written.

use super::pages::Pages;
use super::settings::{MambaSettings, Settings};
use super::{halves, loops};
use crate::inference::kernel::threads::Shared;
use half::f16;
use half::slice::HalfFloatSliceExt;
use half::vec::HalfBitsVecExt;

/// Tokens of a page.
pub const PAGE: usize = 32;

pub use super::pages::Page;

/// How exactly keys and values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Two bytes each, as is usual.
    Half,
    /// Four bytes: for comparison with a reference.
    Full,
}

impl Precision {
    fn bytes(self) -> usize {
        match self {
            Precision::Half => 2,
            Precision::Full => 4,
        }
    }
}

/// What a token takes in each layer.
#[derive(Clone, Debug)]
pub struct Shape {
    head_size: usize,
    /// Where each layer's heads begin in a page, in heads.
    offsets: Vec<usize>,
    /// Heads of all layers.
    heads: usize,
    mamba: Option<MambaSettings>,
    /// Layers that keep a state instead.
    mamba_layers: usize,
}

impl Shape {
    pub fn new(settings: &Settings) -> Shape {
        let mut heads = 0;
        let mut place = |kv_heads: &usize| {
            heads += kv_heads;
            heads - kv_heads
        };
        Shape {
            head_size: settings.head_size,
            offsets: settings.kv_heads.iter().map(&mut place).collect(),
            heads,
            mamba: settings.mamba,
            mamba_layers: settings.kv_heads.iter().filter(|heads| **heads == 0).count(),
        }
    }

    /// Values of the keys, or of the values, of one head in one page.
    fn head_values(&self) -> usize {
        PAGE * self.head_size
    }

    fn page_values(&self) -> usize {
        2 * self.heads * self.head_values()
    }

    /// The bytes of one page.
    pub fn page_bytes(&self, precision: Precision) -> usize {
        self.page_values() * precision.bytes()
    }

    /// Whether sequences have a state that cannot be cut back.
    pub fn has_state(&self) -> bool {
        self.mamba.is_some()
    }

    /// The state of a sequence that has read nothing.
    pub fn state(&self) -> Option<State> {
        self.mamba.map(|sizes| {
            let channels = sizes.inner + 2 * sizes.groups * sizes.state;
            State {
                columns: vec![0.0; self.mamba_layers * (sizes.kernel - 1) * channels],
                heads: vec![0.0; self.mamba_layers * sizes.inner * sizes.state],
            }
        })
    }

    /// The bytes of one sequence's state.
    pub fn state_bytes(&self) -> usize {
        self.state().map_or(0, |state| (state.columns.len() + state.heads.len()) * size_of::<f32>())
    }
}

/// What state-space layers remember of a sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The last columns before the convolution: `[layers, kernel - 1, channels]`.
    pub columns: Vec<f32>,
    /// `[layers, heads, channels of a head, state]`
    pub heads: Vec<f32>,
}

enum Values {
    Half(Vec<f16>),
    Full(Vec<f32>),
}

/// All pages.
pub struct Cache {
    shape: Shape,
    values: Values,
    pages: Pages,
}

impl Cache {
    /// `pages` empty pages; memory is touched only as they are used.
    pub fn new(shape: Shape, pages: usize, precision: Precision) -> Cache {
        let room = pages * shape.page_values();
        let values = match precision {
            // Zeros of a type that the allocator does not know would be written one by one.
            Precision::Half => Values::Half(vec![0u16; room].reinterpret_into()),
            Precision::Full => Values::Full(vec![0.0; room]),
        };
        Cache { shape, values, pages: Pages::new(pages) }
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Who has which page.
    pub fn pages(&mut self) -> &mut Pages {
        &mut self.pages
    }

    /// A page of one's own with what is in `page`.
    pub fn copy(&mut self, page: Page) -> Option<Page> {
        let copy = self.pages.take()?;
        let each = self.shape.page_values();
        let (from, to) = (page as usize * each, copy as usize * each);
        match &mut self.values {
            Values::Half(values) => values.copy_within(from..from + each, to),
            Values::Full(values) => values.copy_within(from..from + each, to),
        }
        Some(copy)
    }

    /// The pages for a forward pass, whose tasks read and write them side by side.
    pub fn open(&mut self) -> Open<'_> {
        let values = match &mut self.values {
            Values::Half(values) => OpenValues::Half(Shared::new(values)),
            Values::Full(values) => OpenValues::Full(Shared::new(values)),
        };
        Open { shape: &self.shape, values }
    }
}

/// The pages while a forward pass runs.
pub struct Open<'a> {
    shape: &'a Shape,
    values: OpenValues,
}

enum OpenValues {
    Half(Shared<f16>),
    Full(Shared<f32>),
}

impl Open<'_> {
    /// Where the keys of `head` of `layer` begin; the values follow them.
    fn at(&self, page: Page, layer: usize, head: usize) -> usize {
        let heads = self.shape.offsets[layer] + head;
        page as usize * self.shape.page_values() + heads * 2 * self.shape.head_values()
    }

    /// Writes one token's key and value to place `slot` of `page`.
    ///
    /// # Safety
    /// The page belongs to one sequence, and no other task reads or writes this head of it meanwhile.
    pub unsafe fn write(&self, page: Page, layer: usize, head: usize, slot: usize, key: &[f32], value: &[f32]) {
        let (at, each, size) = (self.at(page, layer, head), self.shape.head_values(), self.shape.head_size);
        match &self.values {
            OpenValues::Half(values) => {
                // SAFETY: promised by the caller; both parts lie in the page.
                let (keys, values) = unsafe { (values.part(at, each), values.part(at + each + slot * size, size)) };
                key.iter().enumerate().for_each(|(index, key)| keys[index * PAGE + slot] = half(*key));
                values.iter_mut().zip(value).for_each(|(into, value)| *into = half(*value));
            }
            OpenValues::Full(values) => {
                // SAFETY: as above.
                let (keys, values) = unsafe { (values.part(at, each), values.part(at + each + slot * size, size)) };
                key.iter().enumerate().for_each(|(index, key)| keys[index * PAGE + slot] = *key);
                values.copy_from_slice(value);
            }
        }
    }

    /// Adds to `scores`, whose rows begin `step` after one another, the products of `queries` with the keys of a head: one
    /// for each token of the page.
    ///
    /// # Safety
    /// No task writes this head of the page meanwhile.
    pub unsafe fn score(
        &self,
        page: Page,
        layer: usize,
        head: usize,
        queries: &[f32],
        scores: &mut [f32],
        step: usize,
    ) {
        let (at, each, size) = (self.at(page, layer, head), self.shape.head_values(), self.shape.head_size);
        match &self.values {
            OpenValues::Half(values) => {
                // SAFETY: promised by the caller; the part lies in the page.
                let keys = unsafe { values.part(at, each) };
                halves::add_products(queries, size, size, keys, scores, step, PAGE);
            }
            OpenValues::Full(values) => {
                // SAFETY: as above.
                let keys = unsafe { values.part(at, each) };
                loops::add_products(queries, size, size, keys, scores, step, PAGE);
            }
        }
    }

    /// Adds to each row of `outputs` the values of a head, weighted by a row of `scores`, whose rows begin `step` after
    /// one another. The length of a head is a multiple of 32.
    ///
    /// # Safety
    /// As [`Open::score`].
    pub unsafe fn gather(
        &self,
        page: Page,
        layer: usize,
        head: usize,
        scores: &[f32],
        step: usize,
        outputs: &mut [f32],
    ) {
        let (each, size) = (self.shape.head_values(), self.shape.head_size);
        let at = self.at(page, layer, head) + each;
        match &self.values {
            OpenValues::Half(values) => {
                // SAFETY: promised by the caller; the part lies in the page.
                let values = unsafe { values.part(at, each) };
                halves::add_products(scores, step, PAGE, values, outputs, size, size);
            }
            OpenValues::Full(values) => {
                // SAFETY: as above.
                let values = unsafe { values.part(at, each) };
                loops::add_products(scores, step, PAGE, values, outputs, size, size);
            }
        }
    }

    /// The keys of a head as floats: value `d` of token `t` at `d * step + t` of `into`.
    ///
    /// # Safety
    /// No task writes this head of the page meanwhile.
    pub unsafe fn keys(&self, page: Page, layer: usize, head: usize, step: usize, into: &mut [f32]) {
        let (at, each) = (self.at(page, layer, head), self.shape.head_values());
        let rows = into.chunks_mut(step);
        match &self.values {
            OpenValues::Half(values) => {
                // SAFETY: promised by the caller; the part lies in the page.
                let keys: &[f16] = unsafe { values.part(at, each) };
                rows.zip(keys.chunks_exact(PAGE)).for_each(|(row, keys)| keys.convert_to_f32_slice(&mut row[..PAGE]));
            }
            OpenValues::Full(values) => {
                // SAFETY: as above.
                let keys: &[f32] = unsafe { values.part(at, each) };
                rows.zip(keys.chunks_exact(PAGE)).for_each(|(row, keys)| row[..PAGE].copy_from_slice(keys));
            }
        }
    }

    /// The values of a head as floats: `[PAGE, head_size]`.
    ///
    /// # Safety
    /// As [`Open::keys`].
    pub unsafe fn values(&self, page: Page, layer: usize, head: usize, into: &mut [f32]) {
        let each = self.shape.head_values();
        let at = self.at(page, layer, head) + each;
        match &self.values {
            // SAFETY: promised by the caller; the part lies in the page.
            OpenValues::Half(values) => unsafe { values.part(at, each) }.convert_to_f32_slice(into),
            // SAFETY: as above.
            OpenValues::Full(values) => into.copy_from_slice(unsafe { values.part(at, each) }),
        }
    }
}

/// `value` in two bytes; what is too large for them stays finite, so that times nothing it is nothing.
fn half(value: f32) -> f16 {
    f16::from_f32(value.clamp(f16::MIN.to_f32(), f16::MAX.to_f32()))
}
