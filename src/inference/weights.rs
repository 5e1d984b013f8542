//! A model's files, a folder or one GGUF file, read and checked: settings, tensors, and the hash that identifies them.

use super::InferenceError;
use super::arch::encoder::Settings;
use super::catalog::{self, Entry};
use super::gguf::{Gguf, Kind};
use super::safetensors::Safetensors;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The files of a folder.
const SETTINGS: &str = "config.json";
const TENSORS: &str = "model.safetensors";
const LENGTH: &str = "sentence_bert_config.json";
/// The largest file of a folder that is read as a whole, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// An encoder's settings and its tensors, which are made one at a time: all of them at once would need the memory twice.
pub(super) struct Weights {
    /// The folder, or the GGUF file.
    pub path: PathBuf,
    pub settings: Settings,
    /// SHA-256 of the file of tensors in hexadecimal.
    pub sha256: String,
    tensors: Tensors,
}

/// Where tensors lie.
#[derive(Clone)]
enum Tensors {
    Folder(Safetensors),
    Gguf(Gguf),
}

/// A matrix that stays in its file, of which single rows are wanted.
pub(super) struct Rows {
    tensors: Tensors,
    bytes: Range<usize>,
    kind: Kind,
    columns: usize,
}

impl Weights {
    /// Reads the model at `path`: a folder with `config.json` and `model.safetensors`, or a GGUF file. Blocking, and as
    /// slow as the disk.
    ///
    /// # Errors
    /// [`InferenceError::Model`] for files that are missing, damaged, or of a kind that would be computed wrongly.
    pub(super) fn open(path: &Path) -> Result<Weights, InferenceError> {
        if path.is_dir() { Weights::of_folder(path) } else { Weights::of_gguf(path) }
    }

    fn of_folder(folder: &Path) -> Result<Weights, InferenceError> {
        let config: Map<String, Value> = read_json(folder, SETTINGS)?;
        let settings = Settings::of_config(&config).map_err(|what| damaged(folder, SETTINGS, &what))?;
        let sha256 = checked_sha256(folder, TENSORS)?;
        let tensors = Safetensors::open(&folder.join(TENSORS)).map_err(|what| damaged(folder, TENSORS, &what))?;
        Ok(Weights { path: folder.to_owned(), settings, sha256, tensors: Tensors::Folder(tensors) })
    }

    fn of_gguf(path: &Path) -> Result<Weights, InferenceError> {
        let gguf = Gguf::open(path)?;
        let settings = Settings::of_gguf(&gguf).map_err(|what| gguf.fault(&what))?;
        let sha256 = hash(path).map_err(|error| gguf.fault(&error.to_string()))?;
        Ok(Weights { path: path.to_owned(), settings, sha256, tensors: Tensors::Gguf(gguf) })
    }

    /// The model's name: that of the folder, or of the file without its ending.
    pub(super) fn name(&self) -> String {
        let name = if self.path.is_dir() { self.path.file_name() } else { self.path.file_stem() };
        name.unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// The most tokens that it was made to read at once: by its positions, by the file that sentence-transformers keeps
    /// it in, and by what is `known` of it.
    pub(super) fn tokens_max(&self, known: Option<&Entry>) -> Result<usize, InferenceError> {
        let mut most = self.settings.tokens_max;
        if let Some(entry) = known {
            most = most.min(usize::try_from(entry.tokens_max).unwrap_or(usize::MAX));
        } else if self.path.join(LENGTH).is_file() {
            let stated: Map<String, Value> = read_json(&self.path, LENGTH)?;
            let stated = stated.get("max_seq_length").and_then(Value::as_u64).filter(|tokens| *tokens > 0);
            most = most.min(stated.map_or(most, |tokens| tokens as usize));
        }
        Ok(most)
    }

    /// The GGUF file, if it is one.
    pub(super) fn gguf(&self) -> Option<&Gguf> {
        match &self.tensors {
            Tensors::Folder(_) => None,
            Tensors::Gguf(gguf) => Some(gguf),
        }
    }

    /// The error for something wrong with the tensors.
    pub(super) fn fault(&self, what: &str) -> InferenceError {
        match &self.tensors {
            Tensors::Folder(_) => damaged(&self.path, TENSORS, what),
            Tensors::Gguf(gguf) => gguf.fault(what),
        }
    }

    /// The shape of the tensor `name`, the length of a row last, if the file has it.
    pub(super) fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.tensors.place(name).map(|(_, shape, _)| shape)
    }

    /// The values of the tensor `name`, row by row, whatever type they are stored in; `shape` has the length of a row
    /// last.
    ///
    /// # Errors
    /// [`InferenceError::Model`] if it is missing or of another shape.
    pub(super) fn take(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, InferenceError> {
        let (kind, bytes) = self.find(name, shape)?;
        let mut values = vec![0.0; shape.iter().product()];
        kind.dequantise(&self.tensors.bytes()[bytes], &mut values);
        Ok(values)
    }

    /// The matrix `name`, `[rows, columns]`, left where it is.
    ///
    /// # Errors
    /// As [`Weights::take`].
    pub(super) fn rows(&self, name: &str, rows: usize, columns: usize) -> Result<Rows, InferenceError> {
        let (kind, bytes) = self.find(name, &[rows, columns])?;
        Ok(Rows { tensors: self.tensors.clone(), bytes, kind, columns })
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<(Kind, Range<usize>), InferenceError> {
        let (kind, found, bytes) =
            self.tensors.place(name).ok_or_else(|| self.fault(&format!("the tensor {name} is missing")))?;
        // A matrix of one row is a vector to some.
        let squeezed = |shape: &[usize]| shape.iter().copied().filter(|side| *side != 1).collect::<Vec<_>>();
        if squeezed(&found) != squeezed(shape) {
            return Err(self.fault(&format!("the tensor {name} has the shape {found:?}, not {shape:?}")));
        }
        Ok((kind, bytes))
    }
}

impl Tensors {
    /// Type, shape with the length of a row last, and bytes.
    fn place(&self, name: &str) -> Option<(Kind, Vec<usize>, Range<usize>)> {
        match self {
            Tensors::Folder(file) => {
                let tensor = file.tensors().get(name)?;
                let kind = [Kind::F32, Kind::F16, Kind::Bf16].into_iter().find(|kind| kind.name() == tensor.dtype)?;
                Some((kind, tensor.shape.clone(), tensor.bytes.clone()))
            }
            Tensors::Gguf(gguf) => {
                gguf.place(name).map(|(kind, shape, bytes)| (kind, shape.iter().rev().copied().collect(), bytes))
            }
        }
    }

    /// All bytes of the file.
    fn bytes(&self) -> &[u8] {
        match self {
            Tensors::Folder(file) => file.bytes(),
            Tensors::Gguf(gguf) => gguf.bytes_at(&(0..gguf.bytes())),
        }
    }
}

impl Rows {
    /// Writes row `index` to `into`.
    pub(super) fn row(&self, index: usize, into: &mut [f32]) {
        let each = self.kind.bytes(self.columns);
        self.kind.dequantise(&self.tensors.bytes()[self.bytes.clone()][index * each..][..each], into);
    }
}

/// The bytes of `file`, a small one, if it is there and, for a model of the catalog, has its published checksum.
pub(super) fn read(folder: &Path, file: &str) -> Result<Vec<u8>, InferenceError> {
    let path = folder.join(file);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|error| unread(&path, &error))?;
    compare(folder, file, &hex::encode(Sha256::digest(&bytes)))?;
    Ok(bytes)
}

/// As [`read`], parsed.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(folder: &Path, file: &str) -> Result<T, InferenceError> {
    serde_json::from_slice(&read(folder, file)?).map_err(|error| damaged(folder, file, &error.to_string()))
}

/// The SHA-256 of `file`, if it is there and, for a model of the catalog, as published.
fn checked_sha256(folder: &Path, file: &str) -> Result<String, InferenceError> {
    let path = folder.join(file);
    let sha256 = hash(&path).map_err(|error| unread(&path, &error))?;
    compare(folder, file, &sha256)?;
    Ok(sha256)
}

/// The SHA-256 of the file at `path` in hexadecimal.
fn hash(path: &Path) -> std::io::Result<String> {
    /// Bytes read at once.
    const PIECE_BYTES: usize = 1 << 20;
    let (mut file, mut hasher, mut piece) = (File::open(path)?, Sha256::new(), vec![0; PIECE_BYTES]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            count => hasher.update(&piece[..count]),
        }
    }
}

fn compare(folder: &Path, file: &str, sha256: &str) -> Result<(), InferenceError> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if catalog::published_sha256(&name, file).is_none_or(|published| published == sha256) {
        return Ok(());
    }
    let what = format!("it is not the published file of {name} (for a model of your own, rename the folder)");
    Err(damaged(folder, file, &what))
}

fn unread(path: &Path, error: &std::io::Error) -> InferenceError {
    InferenceError::Model(format!(
        "The model cannot be loaded: {} cannot be read ({error}). Its folder needs model.safetensors, tokenizer.json \
         and config.json: copy the model there again, or reinstall the package that holds it.",
        path.display()
    ))
}

/// The error for a file that is there and cannot be used.
pub(super) fn damaged(folder: &Path, file: &str, what: &str) -> InferenceError {
    InferenceError::Model(format!(
        "The model cannot be loaded: {} is damaged or of another kind: {what}. Copy the model's folder there again, or \
         reinstall the package that holds it.",
        folder.join(file).display()
    ))
}
