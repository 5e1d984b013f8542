//! How fast this machine is, on made data: nothing about its meaning is measured, only time, memory, and how many of
//! the exact nearest vectors the scan finds.

mod embed;
mod generate;
mod made;
mod search;

pub use embed::{EmbedSpeed, embed};
pub use generate::{CONTEXT, GenerateSpeed, PROMPTS, Pace, READERS, WRITTEN, generate};
pub use search::{SearchSpeed, search};

/// The value below which `share` of `values` lie; they are sorted on the way.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

/// The processor's time of this process, in seconds, as the system counts it: in hundredths.
fn cpu_s() -> f64 {
    /// The fields of user and system time after the program's name, which may hold spaces.
    const FIELDS: [usize; 2] = [11, 12];
    const TICKS_PER_S: f64 = 100.0;
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    FIELDS.iter().filter_map(|field| fields.get(*field)?.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_S
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let cases: [(&[f64], f64, f64); 4] =
            [(&[], 0.5, 0.0), (&[3.0], 0.95, 3.0), (&[3.0, 1.0, 2.0], 0.5, 2.0), (&[1.0, 2.0, 3.0, 4.0], 1.0, 4.0)];
        for (values, share, expected) in cases {
            assert_eq!(quantile(&mut values.to_vec(), share), expected, "{values:?} at {share}");
        }
    }
}
