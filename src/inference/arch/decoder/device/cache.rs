//! Keys and values in a device's memory: for each layer one tensor of each, with a row for every token of every page.

use super::super::cache::{PAGE, Page, Precision};
use super::super::settings::Settings;
use candle_core::{DType, Device, Result, Tensor};
use half::f16;

/// All pages of all layers.
pub struct Cache {
    layers: Vec<Kept>,
    head_size: usize,
    /// The least and the largest that can be kept, where that is less than a float holds.
    bounds: Option<[Tensor; 2]>,
}

/// What one layer keeps: `[pages * PAGE, heads * head_size]` each.
struct Kept {
    keys: Tensor,
    values: Tensor,
}

impl Cache {
    /// `pages` empty pages.
    pub fn new(settings: &Settings, pages: usize, precision: Precision, device: &Device) -> Result<Cache> {
        let kind = match precision {
            Precision::Half => DType::F16,
            Precision::Full => DType::F32,
        };
        let layer = |heads: &usize| {
            let empty = || Tensor::zeros((pages * PAGE, heads * settings.head_size), kind, device);
            Ok(Kept { keys: empty()?, values: empty()? })
        };
        let layers = settings.kv_heads.iter().map(layer).collect::<Result<_>>()?;
        let bound = |value: f16| Tensor::full(value.to_f32(), (1, 1), device);
        let bounds = match precision {
            Precision::Half => Some([bound(f16::MIN)?, bound(f16::MAX)?]),
            Precision::Full => None,
        };
        Ok(Cache { layers, head_size: settings.head_size, bounds })
    }

    /// Writes keys and values, a row for each token, to the places that `slots` names: `[rows, heads * head_size]`, in
    /// which every number of a row is the place of that row.
    pub fn write(&self, layer: usize, slots: &Tensor, keys: &Tensor, values: &Tensor) -> Result<()> {
        let Kept { keys: all_keys, values: all_values } = &self.layers[layer];
        all_keys.scatter_set(slots, &self.kept(&keys.flatten_from(1)?)?, 0)?;
        all_values.scatter_set(slots, &self.kept(values)?, 0)
    }

    /// `values` as they are kept; what is too large for two bytes stays finite, so that times nothing it is nothing.
    fn kept(&self, values: &Tensor) -> Result<Tensor> {
        match &self.bounds {
            None => values.contiguous(),
            Some([least, largest]) => {
                values.broadcast_maximum(least)?.broadcast_minimum(largest)?.to_dtype(DType::F16)?.contiguous()
            }
        }
    }

    /// Keys and values of `pages`, as many for each of `runs`, as floats: `[runs, heads, tokens, head_size]` each.
    pub fn read(&self, layer: usize, pages: &Tensor, runs: usize) -> Result<(Tensor, Tensor)> {
        let Kept { keys, values } = &self.layers[layer];
        let tokens = pages.elem_count() * PAGE / runs;
        let read = |all: &Tensor| {
            let width = all.dim(1)?;
            let by_page = all.reshape(((), PAGE * width))?.index_select(pages, 0)?;
            let by_token = by_page.reshape((runs, tokens, width / self.head_size, self.head_size))?;
            by_token.transpose(1, 2)?.to_dtype(DType::F32)?.contiguous()
        };
        Ok((read(keys)?, read(values)?))
    }

    /// Copies all of page `from` to page `to`.
    pub fn copy(&self, from: Page, to: Page) -> Result<()> {
        let (from, to) = (from as usize * PAGE, to as usize * PAGE);
        for all in self.layers.iter().flat_map(|kept| [&kept.keys, &kept.values]) {
            // A tensor is not written while it is read: the copy goes by way of another.
            all.slice_set(&all.narrow(0, from, PAGE)?.copy()?, 0, to)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, Precision};
    use crate::inference::arch::decoder::Decoder;
    use crate::inference::gguf::Gguf;
    use candle_core::{Device, Tensor};
    use std::path::Path;

    #[test]
    fn what_is_too_large_for_two_bytes_stays_finite() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/decoders/llama.gguf");
        let gguf = Gguf::open(Path::new(path)).expect("the network is there");
        let settings = Decoder::new(&gguf).expect("it is supported").settings;
        let (heads, size) = (settings.kv_heads[0], settings.head_size);
        let kept = |precision, value: f32| {
            let cache = Cache::new(&settings, 2, precision, &Device::Cpu)?;
            let slots = Tensor::full(40u32, (1, heads * size), &Device::Cpu)?;
            let keys = Tensor::full(value, (1, heads, size), &Device::Cpu)?;
            cache.write(0, &slots, &keys, &keys.flatten_from(1)?)?;
            let (keys, values) = cache.read(0, &Tensor::new(&[1u32], &Device::Cpu)?, 1)?;
            assert_eq!(keys.dims(), [1, heads, 32, size]);
            let token = |all: Tensor| all.narrow(2, 8, 1)?.flatten_all()?.to_vec1::<f32>();
            Ok::<_, candle_core::Error>([token(keys)?, token(values)?].concat())
        };
        for (precision, value, expected) in [
            (Precision::Full, 1e6, 1e6),
            (Precision::Half, 1e6, 65504.0),
            (Precision::Half, -1e6, -65504.0),
            (Precision::Half, 0.5, 0.5),
        ] {
            let found = kept(precision, value).expect("nothing fails");
            assert!(found.iter().all(|found| *found == expected), "{precision:?} {value}: {:?}", found[0]);
        }
    }
}
