//! Sums over all questions, and what they come to.

use serde_json::{Map, Value, json};

use super::metrics::{hit, ndcg, percentile, recall, reciprocal_rank, words_f1};
use super::{Item, Outcome};

/// The share of cases in which something was so; nothing where there was no case.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// What has been measured so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    questions: usize,
    retrieval: [Mean; 7],
    answer_f1: Mean,
    citation_precision: Mean,
    refusal_recall: Mean,
    refusal_false: Mean,
    times_ms: Vec<f64>,
}

/// The names of [`Tally::retrieval`], in order.
const RETRIEVAL: [&str; 7] = ["hit@1", "hit@5", "hit@1_near", "hit@5_near", "mrr", "ndcg@10", "recall@100"];

impl Tally {
    /// Adds what came of one question. Places count only where the set says where the answer stands, words only where
    /// it gives one.
    pub fn add(&mut self, item: &Item, outcome: &Outcome) {
        self.questions += 1;
        self.times_ms.push(outcome.ms);
        let refused = f64::from(u8::from(outcome.refused));
        if item.refuse {
            self.refusal_recall.add(refused);
            return;
        }
        self.refusal_false.add(refused);
        if !item.cites.is_empty() {
            self.add_places(item, outcome);
        }
        if let (Some(right), Some(answer)) = (&item.answer, &outcome.answer) {
            self.answer_f1.add(if outcome.refused { 0.0 } else { words_f1(answer, right) });
        }
    }

    fn add_places(&mut self, item: &Item, outcome: &Outcome) {
        let (found, cites) = (&outcome.passages, &item.cites);
        let is = |hit: bool| f64::from(u8::from(hit));
        let values = [
            is(hit(found, cites, 1, 0)),
            is(hit(found, cites, 5, 0)),
            is(hit(found, cites, 1, 1)),
            is(hit(found, cites, 5, 1)),
            reciprocal_rank(found, cites),
            ndcg(found, cites, 10),
            recall(&outcome.candidates, cites, 100),
        ];
        self.retrieval.iter_mut().zip(values).for_each(|(mean, value)| mean.add(value));
        for made in &outcome.citations {
            self.citation_precision.add(is(cites.iter().any(|cite| made.is(cite, 0))));
        }
    }

    /// The averages.
    pub fn report(&self) -> Report {
        let mut values = Map::new();
        values.insert("questions".to_owned(), json!(self.questions));
        for (name, mean) in RETRIEVAL.iter().zip(self.retrieval) {
            values.insert((*name).to_owned(), json!(mean.value()));
        }
        let more = [
            ("answer_f1", self.answer_f1.value()),
            ("citation_precision", self.citation_precision.value()),
            ("refusal_recall", self.refusal_recall.value()),
            ("refusal_false", self.refusal_false.value()),
            ("p50_ms", Some(percentile(&self.times_ms, 50))),
            ("p95_ms", Some(percentile(&self.times_ms, 95))),
        ];
        values.extend(more.map(|(name, value)| (name.to_owned(), json!(value))));
        Report(values)
    }
}

/// Every metric by its name; `null` where the set has no question that could tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Report(Map<String, Value>);

impl Report {
    /// One object, as `nosia eval --json` prints it.
    pub fn to_json(&self) -> Value {
        Value::Object(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::Place;
    use super::super::set::Cite;
    use super::*;

    #[test]
    fn only_what_the_set_knows_is_counted() {
        let cite = Cite { source: "a.pdf".to_owned(), page: Some(7) };
        let answerable =
            Item { question: "q".to_owned(), cites: vec![cite], answer: Some("20 days".to_owned()), ..Item::default() };
        let unanswerable = Item { question: "q".to_owned(), refuse: true, ..Item::default() };
        let place = |page| Place::new("a.pdf", "", Some(page));
        let good = Outcome {
            passages: vec![place(8), place(7)],
            candidates: vec![place(7)],
            answer: Some("20 days [1]".to_owned()),
            citations: vec![place(7), place(8)],
            ms: 10.0,
            ..Outcome::default()
        };
        let refused = Outcome { refused: true, ms: 30.0, ..Outcome::default() };
        let mut tally = Tally::default();
        assert_eq!(tally.report().to_json()["hit@1"], Value::Null);
        tally.add(&answerable, &good);
        tally.add(&answerable, &refused);
        tally.add(&unanswerable, &refused);
        let report = tally.report().to_json();
        for (name, expected) in [
            ("questions", 3.0),
            ("hit@1", 0.0),
            ("hit@5", 0.5),
            ("hit@1_near", 0.5),
            ("mrr", 0.25),
            ("recall@100", 0.5),
            ("answer_f1", 1.0),
            ("citation_precision", 0.5),
            ("refusal_recall", 1.0),
            ("refusal_false", 0.5),
            ("p50_ms", 30.0),
        ] {
            assert_eq!(report[name].as_f64(), Some(expected), "{name} in {report}");
        }
    }
}
