//! GGUF files: their metadata and tensors, mapped into memory and checked before anything is used.
//!
//! A file is untrusted input: every count and offset is compared with the file's size before memory is taken for it,
//! and a tensor is handed out only if all its bytes are there. The format: little endian, `GGUF`, version (2 or 3),
//! counts, key-value pairs, tensor descriptions, padding to `general.alignment`, tensor data
//! (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>).

pub(in crate::inference) mod dequantise;
mod kind;
mod reader;
mod value;

use super::InferenceError;
use memmap2::{Mmap, MmapMut};
use reader::Reader;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use kind::Kind;
pub use value::{Metadata, Value};

const MAGIC: &[u8; 4] = b"GGUF";
/// Tensor data begin at a multiple of this, unless the file says otherwise.
const ALIGNMENT_DEFAULT: u64 = 32;
/// Dimensions that a tensor may have.
const DIMENSIONS_MAX: u32 = 4;

/// An open model file. Cheap to clone.
#[derive(Clone)]
pub struct Gguf {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    map: Mmap,
    metadata: Metadata,
    tensors: HashMap<String, Place>,
}

/// Where a tensor lies in the file, and what it is.
struct Place {
    kind: Kind,
    /// The length of a row first, as the file has it.
    shape: Vec<usize>,
    bytes: Range<usize>,
}

/// A tensor of the file.
#[derive(Clone, Copy)]
pub struct Tensor<'a> {
    pub kind: Kind,
    /// Row length first: a matrix that maps `inputs` to `outputs` is `[inputs, outputs]`, stored row by row.
    pub shape: &'a [usize],
    pub bytes: &'a [u8],
}

impl Gguf {
    /// Maps the file at `path` and reads its description. Blocking; the tensors themselves are not read.
    ///
    /// # Errors
    /// [`InferenceError::Model`] names the file and what is wrong: no GGUF, another version, cut short, a tensor of a
    /// type that is not supported, or a description that contradicts itself.
    pub fn open(path: &Path) -> Result<Gguf, InferenceError> {
        let cannot = |error: std::io::Error| {
            InferenceError::Model(format!("The model file {} cannot be opened: {error}.", path.display()))
        };
        let file = File::open(path).map_err(cannot)?;
        if file.metadata().map_err(cannot)?.len() == 0 {
            return Err(fault(path, "it is empty"));
        }
        // SAFETY: model files are replaced by renaming, never written in place, so the mapping does not change under
        // us; a file cut short from outside ends the process by SIGBUS, as it would any reader of mapped files.
        let map = unsafe { Mmap::map(&file) }.map_err(cannot)?;
        let (metadata, tensors) = describe(&map).map_err(|what| fault(path, &what))?;
        Ok(Gguf { inner: Arc::new(Inner { path: path.to_owned(), map, metadata, tensors }) })
    }

    /// One tensor that was made in memory, as if the file at `path` had it: its `bytes` are copied.
    ///
    /// # Errors
    /// [`InferenceError::Model`] if there is no memory for it.
    pub(in crate::inference) fn in_memory(
        path: &Path,
        name: &str,
        kind: Kind,
        shape: Vec<usize>,
        bytes: &[u8],
    ) -> Result<Gguf, InferenceError> {
        let map = MmapMut::map_anon(bytes.len().max(1)).and_then(|mut map| {
            map[..bytes.len()].copy_from_slice(bytes);
            map.make_read_only()
        });
        let map = map.map_err(|error| fault(path, &format!("there is no memory for its weights ({error})")))?;
        let place = Place { kind, shape, bytes: 0..bytes.len() };
        let tensors = HashMap::from([(name.to_owned(), place)]);
        Ok(Gguf { inner: Arc::new(Inner { path: path.to_owned(), map, metadata: Metadata::default(), tensors }) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Asks the system to bring the file into memory, since all of it will be read.
    pub fn will_be_read(&self) {
        // A system that cannot be asked brings it in page by page.
        let _ = self.inner.map.advise(memmap2::Advice::WillNeed);
    }

    /// The file's length.
    pub fn bytes(&self) -> usize {
        self.inner.map.len()
    }

    /// What the file says about its model.
    pub fn metadata(&self) -> &Metadata {
        &self.inner.metadata
    }

    /// The tensor `name`, if the file has it.
    pub fn tensor(&self, name: &str) -> Option<Tensor<'_>> {
        let place = self.inner.tensors.get(name)?;
        Some(Tensor { kind: place.kind, shape: &place.shape, bytes: &self.inner.map[place.bytes.clone()] })
    }

    /// What the tensor `name` is and where it lies: type, shape with the length of a row first, bytes.
    pub fn place(&self, name: &str) -> Option<(Kind, &[usize], Range<usize>)> {
        self.inner.tensors.get(name).map(|place| (place.kind, place.shape.as_slice(), place.bytes.clone()))
    }

    /// The file's bytes at `range`, which came from [`Gguf::place`].
    pub fn bytes_at(&self, range: &Range<usize>) -> &[u8] {
        &self.inner.map[range.clone()]
    }

    /// The names of all tensors, in no order.
    pub fn tensors(&self) -> impl Iterator<Item = &str> {
        self.inner.tensors.keys().map(String::as_str)
    }

    /// The error for something wrong with this file.
    pub fn fault(&self, what: &str) -> InferenceError {
        fault(&self.inner.path, what)
    }
}

impl Tensor<'_> {
    /// The number of values.
    pub fn values(&self) -> usize {
        self.shape.iter().product()
    }

    /// All values as floats, in the order of the file.
    pub fn to_f32(self) -> Vec<f32> {
        let mut values = vec![0.0; self.values()];
        self.kind.dequantise(self.bytes, &mut values);
        values
    }
}

fn fault(path: &Path, what: &str) -> InferenceError {
    InferenceError::Model(format!("The model file {} cannot be used: {what}.", path.display()))
}

/// Reads everything before the tensor data.
fn describe(map: &[u8]) -> Result<(Metadata, HashMap<String, Place>), String> {
    let mut reader = Reader::new(map);
    if reader.take(4).map_err(|_| "it is no GGUF file")? != MAGIC {
        return Err("it is no GGUF file (it does not begin with `GGUF`); models are needed in that format".to_owned());
    }
    let version = reader.u32()?;
    if !(2..=3).contains(&version) {
        return Err(format!("its GGUF version is {version}; 2 and 3 are supported (big-endian files are not)"));
    }
    let (tensors, pairs) = (reader.count(24)?, reader.count(13)?);
    let metadata = Metadata::read(&mut reader, pairs)?;
    let alignment = metadata.u64("general.alignment").unwrap_or(ALIGNMENT_DEFAULT);
    if alignment == 0 || !alignment.is_multiple_of(8) || alignment > 1 << 20 {
        return Err(format!("its alignment of {alignment} bytes makes no sense"));
    }
    let described = (0..tensors).map(|_| description(&mut reader)).collect::<Result<Vec<_>, _>>()?;
    let data = (reader.at() as u64).next_multiple_of(alignment);
    let mut places = HashMap::with_capacity(tensors);
    for (name, kind, shape, offset) in described {
        let bytes = shape[0]
            .checked_rem(kind.block())
            .filter(|rest| *rest == 0)
            .and_then(|_| shape.iter().try_fold(1usize, |product, side| product.checked_mul(*side)))
            .and_then(|values| kind.bytes_checked(values))
            .ok_or_else(|| format!("the tensor {name} has the shape {shape:?}, impossible for {}", kind.name()))?;
        let begin = data.checked_add(offset).and_then(|begin| usize::try_from(begin).ok());
        let range =
            begin.and_then(|begin| Some(begin..begin.checked_add(bytes)?)).filter(|range| range.end <= map.len());
        let Some(range) = range else {
            return Err(format!(
                "it is cut short: the tensor {name} ends beyond its {} bytes. Copy or download it again",
                map.len()
            ));
        };
        if places.insert(name.clone(), Place { kind, shape, bytes: range }).is_some() {
            return Err(format!("it has the tensor {name} twice"));
        }
    }
    Ok((metadata, places))
}

/// One tensor's name, type, shape and offset into the data.
fn description(reader: &mut Reader) -> Result<(String, Kind, Vec<usize>, u64), String> {
    let name = reader.string()?;
    let dimensions = reader.u32()?;
    if dimensions == 0 || dimensions > DIMENSIONS_MAX {
        return Err(format!("the tensor {name} has {dimensions} dimensions"));
    }
    let shape = (0..dimensions)
        .map(|_| usize::try_from(reader.u64()?).map_err(|_| format!("the tensor {name} is too large")))
        .collect::<Result<Vec<_>, _>>()?;
    let kind = Kind::parse(reader.u32()?).map_err(|what| format!("the tensor {name} {what}"))?;
    Ok((name, kind, shape, reader.u64()?))
}

#[cfg(test)]
mod tests;
