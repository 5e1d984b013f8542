//! The measures, as pure functions of what was found and what is right.

use std::collections::{HashMap, HashSet};

use super::set::Cite;

/// Where something found lies: what its citation prints.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    file_name: String,
    title: String,
    page: Option<u32>,
}

impl Place {
    /// Names are compared without regard to case.
    pub fn new(file_name: &str, title: &str, page: Option<u32>) -> Place {
        Place { file_name: file_name.to_lowercase(), title: title.to_lowercase(), page }
    }

    /// Whether this is what `cite` means, at most `pages_off` pages away.
    pub fn is(&self, cite: &Cite, pages_off: u32) -> bool {
        let name = cite.source.to_lowercase();
        let page_fits = match (cite.page, self.page) {
            (None, _) => true,
            (Some(right), Some(page)) => right.abs_diff(page) <= pages_off,
            (Some(_), None) => false,
        };
        page_fits && (self.file_name == name || self.title == name)
    }
}

/// Whether one of the first `k` places is cited.
pub fn hit(places: &[Place], cites: &[Cite], k: usize, pages_off: u32) -> bool {
    places.iter().take(k).any(|place| cites.iter().any(|cite| place.is(cite, pages_off)))
}

/// One over the rank of the first cited place; 0 where there is none.
pub fn reciprocal_rank(places: &[Place], cites: &[Cite]) -> f64 {
    let rank = places.iter().position(|place| cites.iter().any(|cite| place.is(cite, 0)));
    rank.map_or(0.0, |rank| 1.0 / (rank + 1) as f64)
}

/// Normalised discounted cumulative gain of the first `k` different places, each cite a gain of 1.
///
/// Järvelin and Kekäläinen, 2002: `sum(gain / log2(rank + 1))` over that of the best possible order. Where cites name
/// no page a source counts as one place, however many of its passages were found.
pub fn ndcg(places: &[Place], cites: &[Cite], k: usize) -> f64 {
    let by_page = cites.iter().any(|cite| cite.page.is_some());
    let mut seen = HashSet::new();
    let different = places.iter().filter(|place| {
        seen.insert((place.file_name.as_str(), place.title.as_str(), if by_page { place.page } else { None }))
    });
    let mut left: Vec<&Cite> = cites.iter().collect();
    let mut gained = 0.0;
    for (rank, place) in different.take(k).enumerate() {
        if let Some(found) = left.iter().position(|cite| place.is(cite, 0)) {
            left.swap_remove(found);
            gained += discount(rank);
        }
    }
    let best: f64 = (0..cites.len().min(k)).map(discount).sum();
    if best > 0.0 { gained / best } else { 0.0 }
}

fn discount(rank: usize) -> f64 {
    1.0 / ((rank + 2) as f64).log2()
}

/// The share of cites found among the first `k` places.
pub fn recall(places: &[Place], cites: &[Cite], k: usize) -> f64 {
    let first = &places[..places.len().min(k)];
    let found = cites.iter().filter(|cite| first.iter().any(|place| place.is(cite, 0))).count();
    found as f64 / cites.len().max(1) as f64
}

/// The F1 of the words that two answers have in common, as SQuAD counts: no case, punctuation or articles.
pub fn words_f1(answer: &str, right: &str) -> f64 {
    let (answer, right) = (counted(answer), counted(right));
    let common: usize = answer.iter().map(|(word, count)| right.get(word).map_or(0, |other| *count.min(other))).sum();
    let all = answer.values().sum::<usize>() + right.values().sum::<usize>();
    if all == 0 { 1.0 } else { 2.0 * common as f64 / all as f64 }
}

fn counted(text: &str) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for word in without_marks(text).to_lowercase().split(|c: char| !c.is_alphanumeric()) {
        if !matches!(word, "" | "a" | "an" | "the") {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// `text` without citation marks such as `[12]`.
fn without_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, part) in text.split('[').enumerate() {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        match index > 0 && digits > 0 && part[digits..].starts_with(']') {
            true => out.push_str(&part[digits + 1..]),
            false => out.push_str(part),
        }
    }
    out
}

/// The value below which `percent` of 100 values lie (nearest rank); 0 of nothing.
pub fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent * sorted.len()).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(place: &(&str, u32)) -> Place {
        Place::new(place.0, "A title", (place.1 > 0).then_some(place.1))
    }

    fn cite(cite: &(&str, u32)) -> Cite {
        Cite { source: cite.0.to_owned(), page: (cite.1 > 0).then_some(cite.1) }
    }

    fn check(found: &[(&str, u32)], right: &[(&str, u32)], expected: [f64; 6]) {
        let places: Vec<Place> = found.iter().map(place).collect();
        let cites: Vec<Cite> = right.iter().map(cite).collect();
        let number = |hit: bool| if hit { 1.0 } else { 0.0 };
        let got = [
            number(hit(&places, &cites, 1, 0)),
            number(hit(&places, &cites, 5, 0)),
            number(hit(&places, &cites, 1, 1)),
            reciprocal_rank(&places, &cites),
            ndcg(&places, &cites, 10),
            recall(&places, &cites, 100),
        ];
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-3, "{found:?} against {right:?}: {got} is not {expected}");
        }
    }

    #[test]
    fn places_are_measured() {
        check(&[], &[("a.pdf", 7)], [0.0; 6]);
        check(&[("A.pdf", 7)], &[("a.pdf", 7)], [1.0; 6]);
        check(&[("a.pdf", 8)], &[("a.pdf", 7)], [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        check(&[("a.pdf", 0)], &[("a.pdf", 7)], [0.0; 6]);
        check(&[("a.pdf", 9)], &[("a title", 0)], [1.0; 6]);
        check(&[("b.pdf", 7), ("a.pdf", 7)], &[("a.pdf", 7)], [0.0, 1.0, 0.0, 0.5, 0.6309, 1.0]);
        // One of two is found: 1 / (1 + 1/log2 3).
        check(&[("a.pdf", 7)], &[("a.pdf", 7), ("b.pdf", 1)], [1.0, 1.0, 1.0, 1.0, 0.6131, 0.5]);
        // Two passages of one source are one place where no page is asked for, and gain once.
        check(&[("b.pdf", 1), ("b.pdf", 2), ("a.pdf", 3)], &[("a.pdf", 0)], [0.0, 1.0, 0.0, 1.0 / 3.0, 0.6309, 1.0]);
        check(&[("a.pdf", 1), ("a.pdf", 2)], &[("a.pdf", 0)], [1.0; 6]);
        let far: Vec<(&str, u32)> = (1..=6).map(|page| ("b.pdf", page)).chain([("a.pdf", 7)]).collect();
        check(&far, &[("a.pdf", 7)], [0.0, 0.0, 0.0, 1.0 / 7.0, 1.0 / 3.0, 1.0]);
    }

    #[test]
    fn answers_are_compared_by_words() {
        for (answer, right, expected) in [
            ("", "", 1.0),
            ("The 20 days. [1]", "20 days", 1.0),
            ("20 days", "30 days", 0.5),
            ("no", "yes", 0.0),
            ("a [b] c", "a b c", 1.0),
        ] {
            let got = words_f1(answer, right);
            assert!((got - expected).abs() < 1e-9, "{answer:?} {right:?}: {got}");
        }
    }

    #[test]
    fn percentiles_are_values_that_occur() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        for (percent, expected) in [(50, 10.0), (95, 19.0), (100, 20.0), (1, 1.0)] {
            assert_eq!(percentile(&values, percent), expected);
        }
        assert_eq!(percentile(&[], 95), 0.0);
    }
}
