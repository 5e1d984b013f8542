//! A file of safetensors, mapped into memory: names, types, shapes and bytes of its tensors.
//!
//! The format: the length of a header, the header as JSON, the data
//! (<https://huggingface.co/docs/safetensors/index#format>).

use super::gguf::Kind;
use candle_core::DType;
use candle_core::safetensors::SliceSafetensors;
use memmap2::Mmap;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// An open file. Cheap to clone.
#[derive(Clone)]
pub(super) struct Safetensors {
    map: Arc<Mmap>,
    places: Arc<HashMap<String, Place>>,
}

/// What a tensor is and where it lies.
struct Place {
    kind: Kind,
    /// The length of a row last.
    shape: Vec<usize>,
    bytes: Range<usize>,
}

impl Safetensors {
    /// Maps the file at `path` and reads its header. Blocking; the tensors themselves are not read.
    ///
    /// # Errors
    /// What is wrong with the file. Tensors of whole numbers, which some exports have, are left out.
    pub(super) fn open(path: &Path) -> Result<Safetensors, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        // SAFETY: model files are replaced by renaming, never written in place, so the mapping does not change under
        // us; a file cut short from outside ends the process by SIGBUS, as it would any reader of mapped files.
        let map = Arc::new(unsafe { Mmap::map(&file) }.map_err(|error| error.to_string())?);
        let parsed = SliceSafetensors::new(&map).map_err(|error| error.to_string())?;
        let start = map.as_ptr() as usize;
        let place = |tensor: &str| -> Option<Place> {
            let view = parsed.get(tensor).ok()?;
            let kind = match DType::try_from(view.dtype()) {
                Ok(DType::F32) => Kind::F32,
                Ok(DType::F16) => Kind::F16,
                Ok(DType::BF16) => Kind::Bf16,
                _ => return None,
            };
            let begin = view.data().as_ptr() as usize - start;
            Some(Place { kind, shape: view.shape().to_vec(), bytes: begin..begin + view.data().len() })
        };
        let names = parsed.tensors().into_iter().map(|(name, _)| name);
        let places: HashMap<String, Place> = names.filter_map(|name| Some((name.clone(), place(&name)?))).collect();
        Ok(Safetensors { map, places: Arc::new(places) })
    }

    /// What the tensor `name` is and where it lies: type, shape with the length of a row last, bytes.
    pub(super) fn place(&self, name: &str) -> Option<(Kind, &[usize], Range<usize>)> {
        self.places.get(name).map(|place| (place.kind, place.shape.as_slice(), place.bytes.clone()))
    }

    /// The file's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }
}
