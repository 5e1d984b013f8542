//! A file of safetensors, mapped into memory: names, types, shapes and bytes of its tensors.
//!
//! The format: the length of a header, the header as JSON, the data
//! (<https://huggingface.co/docs/safetensors/index#format>). Like any model file it is untrusted: what the header says is
//! compared with the file's size before it is believed.

use memmap2::Mmap;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The largest header that is read, in bytes.
const HEADER_BYTES_MAX: u64 = 64 << 20;
/// Bytes of the length before it.
const LENGTH_BYTES: usize = 8;
/// What stands in the header beside tensors.
const METADATA: &str = "__metadata__";

/// An open file. Cheap to clone.
#[derive(Clone)]
pub(super) struct Safetensors {
    map: Arc<Mmap>,
    tensors: Arc<HashMap<String, Tensor>>,
}

/// What a tensor is and where it lies.
#[derive(Debug)]
pub(super) struct Tensor {
    /// The type as the format calls it: `F32`, `BF16`.
    pub dtype: String,
    /// The length of a row last.
    pub shape: Vec<usize>,
    /// Where in the file.
    pub bytes: Range<usize>,
}

#[derive(Deserialize)]
struct Described {
    dtype: String,
    shape: Vec<usize>,
    /// From the end of the header.
    data_offsets: (usize, usize),
}

impl Safetensors {
    /// Maps the file at `path` and reads its header. Blocking; the tensors themselves are not read.
    ///
    /// # Errors
    /// What is wrong with the file: cut short, no file of this format, or a header that contradicts itself.
    pub(super) fn open(path: &Path) -> Result<Safetensors, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        // SAFETY: model files are replaced by renaming, never written in place, so the mapping does not change under
        // us; a file cut short from outside ends the process by SIGBUS, as it would any reader of mapped files.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| error.to_string())?;
        let tensors = tensors(&map)?;
        Ok(Safetensors { map: Arc::new(map), tensors: Arc::new(tensors) })
    }

    /// All tensors by their names.
    pub(super) fn tensors(&self) -> &HashMap<String, Tensor> {
        &self.tensors
    }

    /// The file's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }
}

fn tensors(map: &[u8]) -> Result<HashMap<String, Tensor>, String> {
    let short = || "it is cut short, or no file of safetensors".to_owned();
    let length = map.first_chunk::<LENGTH_BYTES>().map(|bytes| u64::from_le_bytes(*bytes)).ok_or_else(short)?;
    if length > HEADER_BYTES_MAX {
        return Err(short());
    }
    let start = LENGTH_BYTES + length as usize;
    let header = map.get(LENGTH_BYTES..start).ok_or_else(short)?;
    let mut header: HashMap<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|error| error.to_string())?;
    header.remove(METADATA);
    header.into_iter().map(|(name, value)| Ok((name.clone(), tensor(&name, value, start, map.len())?))).collect()
}

fn tensor(name: &str, value: serde_json::Value, start: usize, file_bytes: usize) -> Result<Tensor, String> {
    let fault = |what: &str| format!("the tensor {name} {what}");
    let described: Described = serde_json::from_value(value).map_err(|error| fault(&error.to_string()))?;
    let Described { dtype, shape, data_offsets: (from, to) } = described;
    let place = |offset: usize| start.checked_add(offset);
    let (Some(from), Some(to)) = (place(from), place(to)) else { return Err(fault("lies beyond any file")) };
    if to > file_bytes {
        return Err(format!("it is cut short: {file_bytes} bytes are there, and the tensor {name} ends at {to}"));
    }
    if from > to {
        return Err(fault("ends before it begins"));
    }
    let values = shape.iter().try_fold(1usize, |product, side| product.checked_mul(*side));
    // Types of whole bytes; of a smaller one nothing more can be told here.
    let each = dtype.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse::<usize>().ok().map(|bits| bits / 8);
    if let Some(each) = each.filter(|each| *each > 0)
        && values.and_then(|values| values.checked_mul(each)) != Some(to - from)
    {
        return Err(fault(&format!("has the shape {shape:?}, impossible in {} bytes", to - from)));
    }
    Ok(Tensor { dtype, shape, bytes: from..to })
}

#[cfg(test)]
mod tests {
    use super::tensors;

    fn file(header: &str, data: usize) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
    }

    #[test]
    fn a_header_is_believed_only_as_far_as_the_file_goes() {
        let good = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,3],"data_offsets":[4,16]}}"#;
        let found = tensors(&file(good, 16)).expect("a good file");
        let start = 8 + good.len();
        assert_eq!(found["a"].shape, [2, 3]);
        assert_eq!((found["a"].dtype.as_str(), found["a"].bytes.clone()), ("F16", start + 4..start + 16));
        let one = |dtype: &str, shape: &str, offsets: &str| {
            format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
        };
        let huge = u64::MAX;
        for (bytes, part) in [
            (Vec::new(), "cut short"),
            (b"1234567".to_vec(), "cut short"),
            (file(good, 16)[..40].to_vec(), "cut short"),
            (file(good, 15), "cut short: "),
            (file("[]", 0), "invalid type"),
            (file(&one("F32", "[2]", "[8,0]"), 8), "ends before it begins"),
            (file(&one("F32", "[3]", "[0,8]"), 8), "impossible in 8 bytes"),
            (file(&one("F32", &format!("[{huge},{huge}]"), "[0,8]"), 8), "impossible in 8 bytes"),
            (file(&one("F32", "[2]", &format!("[0,{huge}]")), 8), "beyond any file"),
            (file(&one("F32", "[-1]", "[0,8]"), 8), "invalid value"),
        ] {
            let error = tensors(&bytes).expect_err(part);
            assert!(error.contains(part), "{error:?} does not say {part:?}");
        }
    }
}
