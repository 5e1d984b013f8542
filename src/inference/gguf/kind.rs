//! The types of tensors: how many values a block holds, and in how many bytes.

/// A tensor's type. The layouts are those of `ggml-common.h` in llama.cpp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q8_0,
    Q4K,
    Q5K,
    Q6K,
}

/// Each type: its number in a file, its name, values and bytes of a block.
const KINDS: &[(Kind, u32, &str, usize, usize)] = &[
    (Kind::F32, 0, "F32", 1, 4),
    (Kind::F16, 1, "F16", 1, 2),
    (Kind::Q4_0, 2, "Q4_0", 32, 18),
    (Kind::Q8_0, 8, "Q8_0", 32, 34),
    (Kind::Q4K, 12, "Q4_K", 256, 144),
    (Kind::Q5K, 13, "Q5_K", 256, 176),
    (Kind::Q6K, 14, "Q6_K", 256, 210),
    (Kind::Bf16, 30, "BF16", 1, 2),
];

/// Names of types that files have and that are not supported, for the error's sake.
const UNSUPPORTED: &[(u32, &str)] = &[
    (3, "Q4_1"),
    (6, "Q5_0"),
    (7, "Q5_1"),
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
];

impl Kind {
    /// The type of number `number`, or why there is none.
    pub(super) fn parse(number: u32) -> Result<Kind, String> {
        if let Some((kind, ..)) = KINDS.iter().find(|row| row.1 == number) {
            return Ok(*kind);
        }
        let name = UNSUPPORTED.iter().find(|row| row.0 == number).map(|row| row.1);
        let name = name.map_or_else(|| format!("number {number}"), str::to_owned);
        let known: Vec<&str> = KINDS.iter().map(|row| row.2).collect();
        Err(format!("has the type {name}, which is not supported; supported are {}", known.join(", ")))
    }

    fn row(self) -> &'static (Kind, u32, &'static str, usize, usize) {
        KINDS.iter().find(|row| row.0 == self).expect("the table has every kind")
    }

    /// The name that the field uses.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// The values of one block.
    pub fn block(self) -> usize {
        self.row().3
    }

    /// The bytes of `values`, which are whole blocks.
    pub fn bytes(self, values: usize) -> usize {
        self.bytes_checked(values).expect("no tensor in memory has so many values")
    }

    /// Writes the values of `bytes`, whole blocks, to `into`.
    pub fn dequantise(self, bytes: &[u8], into: &mut [f32]) {
        super::dequantise::row(self, bytes, into);
    }

    /// As [`Kind::bytes`]; `None` where that is more than can be counted.
    pub(super) fn bytes_checked(self, values: usize) -> Option<usize> {
        let (_, _, _, block, bytes) = self.row();
        (values / block).checked_mul(*bytes)
    }
}
