//! The log: one line an event on standard error, for people, for systemd's journal, or for a machine.

use std::fmt;
use std::sync::Once;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{self, FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// For whom the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: with the time, unless the journal keeps it already.
    Text,
    /// For a machine: one JSON object a line, with the time.
    Json,
}

/// Starts the log at `level` (`error`, `warn`, `info`, `debug` or `trace`); anything else is taken for `info`.
///
/// `journal_stream` is what systemd says it connected to standard error (`device:inode`). Where that is still so, a
/// line carries the journal's priority instead of a time and a level. Only the first call of a process counts, so that
/// tests may each call it.
pub fn start(level: &str, format: Format, journal_stream: Option<&str>) {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let journal = journal_stream.is_some_and(is_standard_error);
        let lines = tracing_subscriber::fmt().with_env_filter(filter(level)).with_writer(std::io::stderr);
        // A subscriber that someone else has set stays: this process is then not ours to log for.
        let _ = match (format, journal) {
            (Format::Json, _) => lines.json().flatten_event(true).try_init(),
            (Format::Text, true) => lines.with_ansi(false).event_format(Journal).try_init(),
            (Format::Text, false) => lines.with_ansi(is_terminal()).try_init(),
        };
    });
}

/// Our own events from `level` on, those of the crates beneath us one step quieter.
fn filter(level: &str) -> EnvFilter {
    let (ours, theirs) = match level {
        "error" => ("error", "error"),
        "warn" => ("warn", "warn"),
        "debug" => ("debug", "info"),
        "trace" => ("trace", "debug"),
        _ => ("info", "warn"),
    };
    EnvFilter::new(format!("{theirs},nosia={ours}"))
}

fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stderr())
}

/// Whether `stream` names what standard error is connected to; a shell started from a service inherits the variable,
/// but not the connection.
fn is_standard_error(stream: &str) -> bool {
    let Some((device, inode)) = stream.split_once(':') else { return false };
    let Ok(stat) = rustix::fs::fstat(std::io::stderr()) else { return false };
    device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino)
}

/// Lines as systemd's journal wants them: `<6>` in front for the priority, the time left to it.
struct Journal;

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(line, "<{priority}>")?;
        format::format().without_time().with_level(false).with_ansi(false).format_event(context, line, event)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// A log that can be read back.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panics").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Kept;

        fn make_writer(&'a self) -> Kept {
            self.clone()
        }
    }

    #[test]
    fn the_journal_gets_priorities_and_no_time() {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter("info"))
            .with_writer(kept.clone())
            .event_format(Journal)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "nosia::store", pages = 3, "slow");
            tracing::info!(target: "nosia::http", "ready");
            tracing::debug!(target: "nosia::http", "hidden");
            tracing::info!(target: "tantivy", "hidden");
        });
        let lines = String::from_utf8(kept.0.lock().expect("no writer panics").clone()).expect("lines are UTF-8");
        assert_eq!(lines, "<4>nosia::store: slow pages=3\n<6>nosia::http: ready\n");
    }

    #[test]
    fn standard_error_is_told_from_other_streams() {
        let stat = rustix::fs::fstat(std::io::stderr()).expect("standard error is open");
        assert!(is_standard_error(&format!("{}:{}", stat.st_dev, stat.st_ino)));
        for other in ["0:1", "", "journal", "1"] {
            assert!(!is_standard_error(other), "{other}");
        }
    }

    #[test]
    fn starting_twice_is_harmless() {
        start("info", Format::Text, None);
        start("debug", Format::Json, Some("0:1"));
    }
}
