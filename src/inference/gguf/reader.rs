//! Little-endian values out of a file that may be cut short or lie about its lengths.

/// A place in the bytes of a file.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// How far it has read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let taken = self.at.checked_add(count).and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| {
            format!(
                "it is cut short: its description ends beyond its {} bytes. Copy or download it again",
                self.bytes.len()
            )
        })?;
        self.at += count;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        Ok(self.take(N)?.try_into().expect("as many bytes as were taken"))
    }

    pub(super) fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count of things that take `bytes_min` each: what the rest of the file cannot hold is refused, so that no
    /// memory is taken on a lie.
    pub(super) fn count(&mut self, bytes_min: usize) -> Result<usize, String> {
        let count = self.u64()?;
        let room = ((self.bytes.len() - self.at) / bytes_min) as u64;
        if count > room {
            return Err(format!("it is cut short or damaged: it announces {count} entries where {room} fit"));
        }
        Ok(count as usize)
    }

    /// A string; bytes that are no UTF-8 are replaced.
    pub(super) fn string(&mut self) -> Result<String, String> {
        let length = self.count(1)?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }
}
