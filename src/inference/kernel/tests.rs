//! Products against plain ones in double precision, for every type, instruction set and height.

use super::activations::{self, Quantised};
use super::isa::Isa;
use super::{Matrix, Product, dot, multiply, panel, tile};
use crate::inference::gguf::{Gguf, Kind};

const KINDS: &[Kind] = &[Kind::Q4_0, Kind::Q8_0, Kind::Q4K, Kind::Q5K, Kind::Q6K];

/// Numbers that look random and are always the same.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }

    fn float(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 30) as f32 - 1.0
    }
}

/// Blocks of `kind` with any bits, but scales of moderate size.
fn weights(kind: Kind, rows: usize, columns: usize, noise: &mut Noise) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..kind.bytes(rows * columns)).map(|_| noise.next() as u8).collect();
    for block in bytes.chunks_exact_mut(kind.bytes(kind.block())) {
        let mut scale = || half::f16::from_f32(0.01 + 0.01 * noise.float().abs()).to_le_bytes();
        match kind {
            Kind::Q4K | Kind::Q5K => {
                block[..2].copy_from_slice(&scale());
                block[2..4].copy_from_slice(&scale());
            }
            Kind::Q6K => block[208..].copy_from_slice(&scale()),
            _ => block[..2].copy_from_slice(&scale()),
        }
    }
    bytes
}

fn activations(rows: usize, columns: usize, noise: &mut Noise) -> (Vec<f32>, Quantised) {
    let floats: Vec<f32> = (0..rows * columns).map(|_| noise.float() * 3.0).collect();
    let mut quantised = Quantised::default();
    quantised.fill(&floats, columns);
    (floats, quantised)
}

/// The products of what the bytes stand for, in double precision: `[rows of activations, rows of weights]`.
fn plainly(kind: Kind, weights: &[u8], activations: &Quantised) -> Vec<f64> {
    let columns = activations.columns;
    let mut floats = vec![0.0; weights.len() / kind.bytes(kind.block()) * kind.block()];
    kind.dequantise(weights, &mut floats);
    let value = |index: usize| f64::from(activations.values[index]) * f64::from(activations.scales[index / 32]);
    (0..activations.rows)
        .flat_map(|row| {
            floats
                .chunks_exact(columns)
                .map(move |weights| {
                    weights.iter().enumerate().map(|(at, weight)| f64::from(*weight) * value(row * columns + at)).sum()
                })
                .collect::<Vec<f64>>()
        })
        .collect()
}

fn assert_close(what: &str, found: &[f32], expected: &[f64]) {
    let size = expected.iter().fold(1.0, |largest: f64, value| largest.max(value.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(*found) - expected).abs() / size;
        assert!(off < 1e-5, "{what}: product {index} is {found}, not {expected}");
    }
}

#[test]
fn one_row_is_multiplied_rightly_with_every_instruction_set() {
    let mut noise = Noise(1);
    for kind in KINDS {
        for columns in [256, 768, 1024] {
            let weights = weights(*kind, 5, columns, &mut noise);
            let (_, quantised) = activations(1, columns, &mut noise);
            let expected = plainly(*kind, &weights, &quantised);
            for isa in Isa::all() {
                let mut found = [0.0; 5];
                dot::rows(isa, *kind, &weights, dot::Row::of(&quantised, 0), &mut found);
                assert_close(&format!("{} {}", kind.name(), isa.name()), &found, &expected);
            }
        }
    }
}

#[test]
fn the_largest_products_of_one_row_fit() {
    for kind in KINDS {
        let mut weights = vec![0xffu8; kind.bytes(2 * 512)];
        for (index, block) in weights.chunks_exact_mut(kind.bytes(kind.block())).enumerate() {
            let scale = half::f16::from_f32(0.01).to_le_bytes();
            match kind {
                // The second row has the smallest weights and scales that are negative.
                Kind::Q6K => {
                    if index >= 2 {
                        block[..192].fill(0);
                    }
                    block[192..208].fill(if index < 2 { 127 } else { 0x80 });
                    block[208..].copy_from_slice(&scale);
                }
                Kind::Q4K | Kind::Q5K => {
                    block[..2].copy_from_slice(&scale);
                    block[2..4].copy_from_slice(&scale);
                }
                _ => block[..2].copy_from_slice(&scale),
            }
        }
        for value in [1.0, -1.0] {
            let mut quantised = Quantised::default();
            quantised.fill(&[value; 512], 512);
            let expected = plainly(*kind, &weights, &quantised);
            for isa in Isa::all() {
                let mut found = [0.0; 2];
                dot::rows(isa, *kind, &weights, dot::Row::of(&quantised, 0), &mut found);
                assert_close(&format!("{} {}", kind.name(), isa.name()), &found, &expected);
            }
        }
    }
}

#[test]
fn activations_of_very_different_sizes_keep_their_places() {
    let floats: Vec<f32> = (0..3 * 288).map(|n| ((n * 37 % 101) as f32 - 50.0) * 10f32.powi(n / 32 % 5 - 3)).collect();
    let mut quantised = Quantised::default();
    quantised.fill(&floats, 288);
    for (row, floats) in floats.chunks_exact(288).enumerate() {
        for (group, floats) in floats.chunks(256).enumerate() {
            let unit = quantised.units[row * 2 + group];
            let largest = floats.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            for (block, floats) in floats.chunks_exact(32).enumerate() {
                let index = row * 9 + group * 8 + block;
                let (ratio, scale) = (quantised.ratios[index], quantised.scales[index]);
                assert!((0..=activations::RATIO_MAX).contains(&ratio) && scale == unit * f32::from(ratio));
                let own = floats.iter().fold(0f32, |largest, value| largest.max(value.abs()));
                assert!(scale <= own / 127.0 + unit * 1.001, "no coarser than its own scale by more than a unit");
                for (value, code) in floats.iter().zip(&quantised.values[index * 32..]) {
                    let off = (value - f32::from(*code) * scale).abs();
                    assert!(off <= scale * 0.5001, "{value} is {code} times {scale}; the largest is {largest}");
                }
                let sum: i32 = quantised.values[index * 32..][..32].iter().map(|code| i32::from(*code)).sum();
                assert!((quantised.sums[index] - scale * sum as f32).abs() <= 1e-6 * largest);
            }
        }
    }
}

#[test]
fn a_tile_is_multiplied_rightly_with_every_instruction_set() {
    let mut noise = Noise(2);
    for kind in KINDS {
        for (rows, columns) in [(16, 256), (11, 512)] {
            let form = panel::Form::of(*kind);
            let weights = weights(*kind, rows, columns, &mut noise);
            let (_, quantised) = activations(8, columns, &mut noise);
            let expected = plainly(*kind, &weights, &quantised);
            let mut packed = vec![0; form.bytes(columns)];
            panel::pack(*kind, &weights, columns, &mut packed);
            for isa in Isa::all() {
                let mut tile = [[0.0; panel::ROWS]; 8];
                tile::multiply(isa, form, &packed, &quantised, 0, &mut tile);
                let found: Vec<f32> = tile.iter().flat_map(|row| &row[..rows]).copied().collect();
                assert_close(&format!("{} {}", kind.name(), isa.name()), &found, &expected);
            }
        }
    }
}

/// A model file of one matrix `w`.
fn file(kind: Kind, number: u32, rows: usize, columns: usize, data: &[u8]) -> (tempfile::TempDir, Gguf) {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(1u64.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(1u64.to_le_bytes());
    bytes.extend(b"w");
    bytes.extend(2u32.to_le_bytes());
    bytes.extend((columns as u64).to_le_bytes());
    bytes.extend((rows as u64).to_le_bytes());
    bytes.extend(number.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend(data);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.gguf");
    std::fs::write(&path, bytes).expect("written");
    let gguf = Gguf::open(&path).unwrap_or_else(|error| panic!("{}: {error}", kind.name()));
    (folder, gguf)
}

#[test]
fn products_of_every_height_are_right() {
    let mut noise = Noise(3);
    let numbered = [(Kind::Q4_0, 2), (Kind::Q8_0, 8), (Kind::Q4K, 12), (Kind::Q5K, 13), (Kind::Q6K, 14)];
    for (kind, number) in numbered {
        let (rows, columns) = (83, 512);
        let data = weights(kind, rows, columns, &mut noise);
        let (_folder, gguf) = file(kind, number, rows, columns, &data);
        let matrix = Matrix::of(&gguf, "w", rows, columns).expect("the matrix");
        for height in [1, 2, 3, 4, 5, 8, 9, 13, 40] {
            let (floats, quantised) = activations(height, columns, &mut noise);
            let expected = plainly(kind, &data, &quantised);
            let mut found = vec![0.0; height * rows];
            multiply(&mut [Product { matrix: &matrix, into: &mut found }], &floats, &quantised);
            assert_close(&format!("{} of height {height}", kind.name()), &found, &expected);
        }
        let first = plainly(kind, &data, &activations(1, columns, &mut Noise(9)).1);
        let (floats, quantised) = activations(1, columns, &mut Noise(9));
        let (mut low, mut high) = (vec![0.0; 30], vec![0.0; 53]);
        let (top, bottom) = (matrix.slice(0..30), matrix.slice(30..83));
        let mut products = [Product { matrix: &top, into: &mut low }, Product { matrix: &bottom, into: &mut high }];
        multiply(&mut products, &floats, &quantised);
        assert_close(kind.name(), &[low, high].concat(), &first);
    }
}

#[test]
fn floats_are_multiplied_as_floats() {
    let mut noise = Noise(4);
    for (kind, number) in [(Kind::F32, 0), (Kind::F16, 1), (Kind::Bf16, 30)] {
        let (rows, columns) = (37, 96);
        let data: Vec<u8> = (0..rows * columns)
            .flat_map(|_| match kind {
                Kind::F32 => noise.float().to_le_bytes().to_vec(),
                Kind::F16 => half::f16::from_f32(noise.float()).to_le_bytes().to_vec(),
                _ => half::bf16::from_f32(noise.float()).to_le_bytes().to_vec(),
            })
            .collect();
        let (_folder, gguf) = file(kind, number, rows, columns, &data);
        let matrix = Matrix::of(&gguf, "w", rows, columns).expect("the matrix");
        let mut plain = vec![0.0; rows * columns];
        kind.dequantise(&data, &mut plain);
        for height in [1, 2, 7, 33] {
            let floats: Vec<f32> = (0..height * columns).map(|_| noise.float()).collect();
            let mut found = vec![0.0; height * rows];
            multiply(&mut [Product { matrix: &matrix, into: &mut found }], &floats, &Quantised::default());
            let expected: Vec<f64> = floats
                .chunks_exact(columns)
                .flat_map(|a| {
                    plain
                        .chunks_exact(columns)
                        .map(move |w| a.iter().zip(w).map(|(a, w)| f64::from(*a) * f64::from(*w)).sum())
                })
                .collect();
            assert_close(&format!("{} of height {height}", kind.name()), &found, &expected);
        }
    }
}
