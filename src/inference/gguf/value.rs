//! Metadata: named values about the model, its tokenizer and its chat template.

use super::reader::Reader;
use std::collections::HashMap;

/// The deepest that arrays of arrays may nest.
const NESTED_MAX: usize = 4;

/// A value as the file has it; numbers keep their sign and kind, not their width.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<f64>),
    Array(Vec<Value>),
}

/// All named values of a file.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    values: HashMap<String, Value>,
}

impl Metadata {
    /// Reads `pairs` names with their values.
    pub(super) fn read(reader: &mut Reader, pairs: usize) -> Result<Metadata, String> {
        let mut values = HashMap::with_capacity(pairs);
        for _ in 0..pairs {
            let name = reader.string()?;
            let kind = reader.u32()?;
            let value = Value::read(reader, kind, 0).map_err(|what| format!("{what} (at the entry {name})"))?;
            values.insert(name, value);
        }
        Ok(Metadata { values })
    }

    /// Made of pairs, as if a file had them.
    #[cfg(test)]
    pub(in crate::inference) fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, Value)>) -> Metadata {
        Metadata { values: pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Every name with its value, sorted by name.
    pub fn sorted(&self) -> Vec<(&str, &Value)> {
        let mut pairs: Vec<(&str, &Value)> = self.values.iter().map(|(name, value)| (name.as_str(), value)).collect();
        pairs.sort_by_key(|(name, _)| *name);
        pairs
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number that is not negative, whatever type it was written as.
    pub fn u64(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Unsigned(number) => Some(*number),
            Value::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// As [`Metadata::u64`], for what is counted here.
    pub fn size(&self, name: &str) -> Option<usize> {
        self.u64(name).and_then(|number| usize::try_from(number).ok())
    }

    pub fn f32(&self, name: &str) -> Option<f32> {
        match self.get(name)? {
            Value::Float(number) => Some(*number as f32),
            Value::Unsigned(number) => Some(*number as f32),
            Value::Signed(number) => Some(*number as f32),
            _ => None,
        }
    }

    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(switch) => Some(*switch),
            _ => None,
        }
    }

    /// An array of strings: a vocabulary's tokens, its merges.
    pub fn texts(&self, name: &str) -> Option<&[String]> {
        match self.get(name)? {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    /// An array of numbers of any type: a vocabulary's scores, its tokens' types.
    pub fn numbers(&self, name: &str) -> Option<&[f64]> {
        match self.get(name)? {
            Value::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }
}

impl Value {
    /// Reads a value of type `kind`, `depth` arrays deep.
    fn read(reader: &mut Reader, kind: u32, depth: usize) -> Result<Value, String> {
        Ok(match kind {
            0 => Value::Unsigned(u64::from(reader.array::<1>()?[0])),
            1 => Value::Signed(i64::from(i8::from_le_bytes(reader.array()?))),
            2 => Value::Unsigned(u64::from(u16::from_le_bytes(reader.array()?))),
            3 => Value::Signed(i64::from(i16::from_le_bytes(reader.array()?))),
            4 => Value::Unsigned(u64::from(reader.u32()?)),
            5 => Value::Signed(i64::from(i32::from_le_bytes(reader.array()?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(reader.array()?))),
            7 => Value::Bool(reader.array::<1>()?[0] != 0),
            8 => Value::Text(reader.string()?),
            9 => return Value::read_array(reader, depth + 1),
            10 => Value::Unsigned(reader.u64()?),
            11 => Value::Signed(i64::from_le_bytes(reader.array()?)),
            12 => Value::Float(f64::from_le_bytes(reader.array()?)),
            other => return Err(format!("its metadata have a value of the unknown type {other}")),
        })
    }

    fn read_array(reader: &mut Reader, depth: usize) -> Result<Value, String> {
        if depth > NESTED_MAX {
            return Err(format!("its metadata nest deeper than {NESTED_MAX} arrays"));
        }
        let kind = reader.u32()?;
        let bytes_min = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            _ => 12,
        };
        let length = reader.count(bytes_min)?;
        match kind {
            8 => Ok(Value::Texts((0..length).map(|_| reader.string()).collect::<Result<_, _>>()?)),
            0..=6 | 10..=12 => {
                let number = |reader: &mut Reader| {
                    Ok::<f64, String>(match Value::read(reader, kind, depth)? {
                        Value::Unsigned(number) => number as f64,
                        Value::Signed(number) => number as f64,
                        Value::Float(number) => number,
                        _ => unreachable!("numbers are read as one of three"),
                    })
                };
                Ok(Value::Numbers((0..length).map(|_| number(reader)).collect::<Result<_, _>>()?))
            }
            _ => Ok(Value::Array((0..length).map(|_| Value::read(reader, kind, depth)).collect::<Result<_, _>>()?)),
        }
    }
}
