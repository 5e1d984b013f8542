//! The sampler against exact probabilities, and what chance may not change.

use super::{Rules, Sampler};
use crate::inference::Sampling;

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// Rules that change nothing.
fn plain() -> Rules {
    Rules::of(&Sampling::default(), 7)
}

/// The share of each token in many draws from `logits`, each the first of its answer.
fn shares(rules: &Rules, prompt: &[u32], logits: &[f32]) -> Vec<f64> {
    const DRAWS: u64 = 40_000;
    let mut counts = vec![0_u32; logits.len()];
    for seed in 0..DRAWS {
        let mut sampler = Sampler::new(Rules { seed, ..*rules }, prompt);
        let token = sampler.choose(&mut logits.to_vec()).expect("there is a token");
        counts[token as usize] += 1;
    }
    counts.into_iter().map(|count| f64::from(count) / DRAWS as f64).collect()
}

#[test]
fn draws_follow_the_exact_probabilities() {
    // The logits of the probabilities 0.4, 0.3, 0.2, 0.1, not in order.
    let logits: Vec<f32> = [0.2_f32, 0.4, 0.1, 0.3].iter().map(|p| p.ln()).collect();
    let squared = [0.04 / 0.3, 0.16 / 0.3, 0.01 / 0.3, 0.09 / 0.3];
    let cases: &[(&str, Rules, &[u32], [f64; 4])] = &[
        ("as they are", plain(), &[], [0.2, 0.4, 0.1, 0.3]),
        ("temperature 1/2 squares", Rules { temperature: 0.5, ..plain() }, &[], squared),
        ("the two likeliest", Rules { top_k: 2, ..plain() }, &[], [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]),
        ("more than there are", Rules { top_k: 9, ..plain() }, &[], [0.2, 0.4, 0.1, 0.3]),
        ("the fewest for 65 %", Rules { top_p: 0.65, ..plain() }, &[], [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]),
        ("the fewest for 75 %", Rules { top_p: 0.75, ..plain() }, &[], [2.0 / 9.0, 4.0 / 9.0, 0.0, 3.0 / 9.0]),
        ("never none", Rules { top_p: 0.0, ..plain() }, &[], [0.0, 1.0, 0.0, 0.0]),
        ("a share of the likeliest", Rules { top_k: 3, top_p: 0.5, ..plain() }, &[], [0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0]),
        ("half as likely", Rules { min_p: 0.49, ..plain() }, &[], [2.0 / 9.0, 4.0 / 9.0, 0.0, 3.0 / 9.0]),
        ("as likely", Rules { min_p: 1.0, ..plain() }, &[], [0.0, 1.0, 0.0, 0.0]),
        // All logits are negative, so that a factor of 2 squares the probability before the sum is made 1 again.
        (
            "written lately",
            Rules { repeat_penalty: 2.0, ..plain() },
            &[1, 1, 99],
            [0.2 / 0.76, 0.16 / 0.76, 0.1 / 0.76, 0.3 / 0.76],
        ),
        (
            "long ago",
            Rules { repeat_penalty: 2.0, ..plain() },
            &[[1].as_slice(), &[50; 64]].concat(),
            [0.2, 0.4, 0.1, 0.3],
        ),
    ];
    for (name, rules, prompt, expected) in cases {
        let shares = shares(rules, prompt, &logits);
        for (share, expected) in shares.iter().zip(expected) {
            // Three standard deviations of 40,000 draws are less than 0.0075.
            assert!((share - expected).abs() < 0.0075, "{name}: {shares:?}");
            assert!(*expected > 0.0 || *share == 0.0, "{name}: {shares:?}");
        }
    }
}

#[test]
fn a_share_is_found_in_a_large_vocabulary() {
    // The probabilities fall by 1 % each; 99 % of the sum are the first 459 of 20,000.
    let logits: Vec<f32> = (0..20_000).map(|token| (token as f32) * 0.99_f32.ln()).rev().collect();
    let mut largest = 0;
    for seed in 0..2_000 {
        let mut sampler = Sampler::new(Rules { top_p: 0.99, seed, ..plain() }, &[]);
        let token = sampler.choose(&mut logits.clone()).expect("there is a token");
        largest = largest.max(19_999 - token);
    }
    assert!((380..459).contains(&largest), "{largest}");
}

#[test]
fn without_temperature_the_likeliest_is_taken() {
    let cases: &[(&[f32], Option<u32>)] = &[
        (&[1.0, 3.0, 2.0], Some(1)),
        (&[3.0, 1.0, 3.0], Some(0)),
        (&[-INF, -5.0, -INF], Some(1)),
        (&[NAN, 1.0, NAN], Some(1)),
        (&[1.0, INF, INF], Some(1)),
        (&[-INF, NAN], None),
        (&[], None),
    ];
    for (logits, expected) in cases {
        for rules in [
            Rules { temperature: 0.0, ..plain() },
            Rules { temperature: 0.0, top_k: 2, top_p: 0.5, min_p: 0.1, ..plain() },
            Rules { top_k: 1, ..plain() },
            Rules { temperature: 1e-9, top_k: 1, ..plain() },
        ] {
            assert_eq!(Sampler::new(rules, &[]).choose(&mut logits.to_vec()), *expected, "{logits:?} {rules:?}");
        }
    }
}

#[test]
fn what_is_no_number_is_never_drawn() {
    let rules = [
        plain(),
        Rules { top_k: 3, ..plain() },
        Rules { top_p: 0.99, ..plain() },
        Rules { min_p: 0.01, ..plain() },
        Rules { temperature: 1e-30, ..plain() },
        Rules { repeat_penalty: 1.3, frequency_penalty: 2.0, presence_penalty: 2.0, ..plain() },
    ];
    let cases: &[(&[f32], &[u32])] =
        &[(&[NAN, 1.0, -INF, 1.0, NAN], &[1, 3]), (&[INF, 5.0, INF, NAN], &[0, 2]), (&[-INF, -INF, 0.0, -INF], &[2])];
    for (logits, allowed) in cases {
        for rules in rules {
            for seed in 0..50 {
                let mut sampler = Sampler::new(Rules { seed, ..rules }, &[0, 1, 2]);
                let token = sampler.choose(&mut logits.to_vec()).expect("there is a token");
                assert!(allowed.contains(&token), "{token} of {logits:?} by {rules:?}");
            }
        }
    }
}

#[test]
fn what_the_answer_has_becomes_less_likely() {
    // Greedy, so that the penalties alone decide; the logits of four tokens, and what is written in eight steps.
    let greedy = Rules { temperature: 0.0, ..plain() };
    let cases: &[(Rules, &[u32], [u32; 8])] = &[
        (greedy, &[], [0, 0, 0, 0, 0, 0, 0, 0]),
        (Rules { presence_penalty: 0.5, ..greedy }, &[], [0, 1, 0, 0, 0, 0, 0, 0]),
        (Rules { presence_penalty: 1.0, ..greedy }, &[], [0, 1, 2, 0, 0, 0, 0, 0]),
        (Rules { frequency_penalty: 0.5, ..greedy }, &[], [0, 1, 0, 2, 1, 0, 3, 2]),
        (Rules { frequency_penalty: 0.5, ..greedy }, &[0, 0, 0], [0, 1, 0, 2, 1, 0, 3, 2]),
        (Rules { repeat_penalty: 1.5, ..greedy }, &[0], [1, 2, 0, 0, 0, 0, 0, 0]),
        (Rules { frequency_penalty: -1.0, ..greedy }, &[], [0; 8]),
    ];
    for (rules, prompt, expected) in cases {
        let mut sampler = Sampler::new(*rules, prompt);
        let written = expected.map(|_| sampler.choose(&mut [2.0, 1.6, 1.35, 0.9]).expect("there is a token"));
        assert_eq!(written, *expected, "{rules:?} {prompt:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_tokens() {
    let logits: Vec<f32> = (0..5_000_u32).map(|token| (token.wrapping_mul(2_654_435_761) >> 8) as f32 / 2e6).collect();
    let rules = Rules { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.01, repeat_penalty: 1.1, ..plain() };
    let write = |seed| {
        let mut sampler = Sampler::new(Rules { seed, ..rules }, &[1, 2, 3]);
        (0..20).map(|_| sampler.choose(&mut logits.clone()).expect("there is a token")).collect::<Vec<_>>()
    };
    assert_eq!(write(1), write(1));
    assert_ne!(write(1), write(2));
    // Written down, so that no later version and no other machine may choose differently.
    assert_eq!(write(42)[..6], [3482, 377, 754, 4325, 987, 3249]);
}
