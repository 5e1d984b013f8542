//! How fast the encoder is. Not a test of anything: run it by name, alone, two builds in turn, and compare ratios.
//!
//! `CARGO_PROFILE_DEV_OPT_LEVEL=3 cargo test --lib inference::tests::speed -- --ignored --nocapture`, with
//! `RAYON_NUM_THREADS=1` for one thread.

use super::model_folder;
use crate::inference::arch::bert::{Bert, Buffers};
use crate::inference::arch::kernel::Share;
use crate::inference::tokenizer::Tokenizer;
use crate::inference::weights::Weights;
use rayon::prelude::*;
use std::time::Instant;

/// Keeps freed pages, as the binary's allocator does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The best of some runs, in seconds: what else the machine does can only make a run slower.
fn best(mut run: impl FnMut()) -> f64 {
    let times = (0..5).map(|_| {
        let began = Instant::now();
        run();
        began.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

#[test]
#[ignore = "a measurement"]
fn sequences_per_second() {
    let Some(folder) = model_folder("the measurement of the encoder") else { return };
    let weights = Weights::read(&folder).expect("the weights are read");
    let encoder = Bert::new(&weights, &folder).expect("they fit");
    let threads = rayon::current_num_threads();
    println!("{threads} threads\n tokens x batch | sequences/s");
    for (length, count) in [(16, 1), (64, 1), (64, 32), (128, 8), (256, 1), (256, 8), (256, 32)] {
        let sequences: Vec<Vec<u32>> =
            (0..count).map(|seed| (0..length).map(|at| ((seed * 31 + at * 17) % 30_000) as u32).collect()).collect();
        let mut rooms: Vec<Buffers> = (0..threads).map(|_| Buffers::default()).collect();
        let each = sequences.len().div_ceil(threads);
        let share = if sequences.len() == 1 { Share::All } else { Share::One };
        let seconds = best(|| {
            sequences.par_chunks(each).zip(&mut rooms).for_each(|(part, buffers)| {
                let views: Vec<&[u32]> = part.iter().map(Vec::as_slice).collect();
                encoder.embed(&views, buffers, share);
            });
        });
        println!("{length:7} x {count:5} | {:.1}", count as f64 / seconds);
    }
}

#[test]
#[ignore = "a measurement"]
fn tokens_counted_per_second() {
    let Some(folder) = model_folder("the measurement of the tokenizer") else { return };
    let tokenizer = Tokenizer::read(&folder, 256, 30_522).expect("the tokenizer loads");
    let text = include_str!("../../../tests/data/golden/texts.json");
    let megabytes = text.len() as f64 / 1e6;
    let encoded = best(|| drop(tokenizer.encode(text)));
    let first = Instant::now();
    tokenizer.count(text);
    let first = first.elapsed().as_secs_f64();
    let again = best(|| assert!(tokenizer.count(text) > 0));
    println!(
        "MB/s: encoding (cut) {:.1}, counting anew {:.1}, again {:.1}",
        megabytes / encoded,
        megabytes / first,
        megabytes / again
    );
}
