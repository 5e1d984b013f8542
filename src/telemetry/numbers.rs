//! The numbers: what the rooms counted and timed through `metrics`, as one page of Prometheus text.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The upper ends of the classes that durations are counted in, in seconds: a search takes milliseconds, a document
/// may take minutes.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0];

/// The page of numbers. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The page, in Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Empties the buffers behind timings. To be called every few seconds: nobody may ever ask for the page.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}

/// The numbers of this process. The first call begins the counting; every later one gives the same page.
pub fn metrics() -> Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new()
                .set_buckets(SECONDS)
                .expect("the list of classes is not empty")
                .build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder).expect("nothing else in this process records numbers");
            Metrics(handle)
        })
        .clone()
}

#[cfg(test)]
mod tests {
    use super::metrics;

    #[test]
    fn what_is_counted_is_on_the_page() {
        let page = metrics();
        metrics::counter!("nosia_test_questions_total", "kind" => "answered").increment(2);
        metrics::histogram!("nosia_test_search_seconds").record(0.004);
        let text = metrics().render();
        for line in [
            "nosia_test_questions_total{kind=\"answered\"} 2",
            "nosia_test_search_seconds_bucket{le=\"0.0025\"} 0",
            "nosia_test_search_seconds_bucket{le=\"0.005\"} 1",
        ] {
            assert!(text.contains(line), "{line:?} is not in:\n{text}");
        }
        page.tidy();
    }
}
