//! Whole files: good, cut short, and lying; and quantised values against those of the reference.

use super::{Gguf, Kind, Tensor, describe};

/// A file of one tensor `w` of `kind` with `shape` and `data`, and one metadata entry.
fn file(version: u32, kind: u32, shape: &[u64], data: &[u8]) -> Vec<u8> {
    let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(1u64.to_le_bytes());
    bytes.extend(1u64.to_le_bytes());
    bytes.extend(string("general.architecture"));
    bytes.extend(8u32.to_le_bytes());
    bytes.extend(string("llama"));
    bytes.extend(string("w"));
    bytes.extend((shape.len() as u32).to_le_bytes());
    bytes.extend(shape.iter().flat_map(|side| side.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend(data);
    bytes
}

#[test]
fn a_whole_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.gguf");
    let data: Vec<u8> = [1.5f32, -2.0, 3.0, 4.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(&path, file(3, 0, &[2, 2], &data)).expect("written");
    let gguf = Gguf::open(&path).expect("a good file");
    assert_eq!(gguf.metadata().text("general.architecture"), Some("llama"));
    let tensor = gguf.tensor("w").expect("the tensor");
    assert_eq!((tensor.shape, tensor.to_f32()), (&[2, 2][..], vec![1.5, -2.0, 3.0, 4.0]));
    assert!(gguf.tensor("v").is_none());
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let check = |bytes: &[u8], expected: &str| match describe(bytes) {
        Ok(_) => panic!("read, where `{expected}` was expected"),
        Err(what) => assert!(what.contains(expected), "{what}"),
    };
    let good = file(3, 0, &[4], &[0; 16]);
    check(b"", "no GGUF");
    check(b"PK\x03\x04 a zip", "no GGUF");
    check(&file(1, 0, &[4], &[0; 16]), "version is 1");
    check(&file(3, 10, &[256], &[0; 84]), "Q2_K");
    check(&file(3, 12, &[100], &[0; 144]), "impossible for Q4_K");
    check(&file(3, 0, &[u64::MAX, 8], &[0; 16]), "impossible for F32");
    check(&file(3, 0, &[5], &[0; 16]), "cut short");
    for length in 4..good.len() {
        assert!(describe(&good[..length]).is_err(), "cut at {length}");
    }
    let mut lying = good.clone();
    lying[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    check(&lying, "announces");
}

#[test]
fn no_flipped_byte_is_more_than_an_error() {
    let good = file(3, 0, &[4], &[0; 16]);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << bit;
            let _ = describe(&flipped);
        }
    }
}

/// The blocks and values of `tests/data/dequantise.py`, to the last bit.
#[test]
fn values_are_those_of_the_reference() {
    macro_rules! golden {
        ($name:literal) => {
            (
                $name,
                &include_bytes!(concat!("../../../tests/data/golden/dequantise/", $name, ".bin"))[..],
                &include_bytes!(concat!("../../../tests/data/golden/dequantise/", $name, ".f32"))[..],
            )
        };
    }
    let check = |kind: Kind, (name, bytes, expected): (&str, &[u8], &[u8])| {
        assert_eq!(kind.name(), name);
        let expected: Vec<f32> = expected.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let rows = bytes.len() / kind.bytes(kind.block());
        let tensor = Tensor { kind, shape: &[kind.block(), rows], bytes };
        let values = tensor.to_f32();
        assert_eq!(values.len(), expected.len(), "{name}");
        for (index, (value, expected)) in values.iter().zip(&expected).enumerate() {
            assert_eq!(value.to_bits(), expected.to_bits(), "value {index} of {name}: {value}, not {expected}");
        }
    };
    check(Kind::F16, golden!("F16"));
    check(Kind::Bf16, golden!("BF16"));
    check(Kind::Q4_0, golden!("Q4_0"));
    check(Kind::Q8_0, golden!("Q8_0"));
    check(Kind::Q4K, golden!("Q4_K"));
    check(Kind::Q5K, golden!("Q5_K"));
    check(Kind::Q6K, golden!("Q6_K"));
}
