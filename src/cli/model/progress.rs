//! How far long work is: a bar on a terminal, now and then a line in a pipe.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

use crate::app::command::Event;
use crate::cli::print;

/// Of how many parts each is told in a pipe.
const PARTS: u64 = 10;

/// What is shown of one command.
pub struct Shown {
    bar: ProgressBar,
    /// Whether lines are written instead of the bar.
    plain: bool,
    step: String,
    /// Parts of the step that were told.
    told: u64,
}

impl Shown {
    /// Shows nothing when `quiet`.
    pub fn new(quiet: bool) -> Shown {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal && !quiet { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg}\n{bar:30} {bytes} of {total_bytes}  {bytes_per_sec}  {eta}");
        let bar = bar.with_style(style.expect("the template is well formed"));
        Shown { bar, plain: !terminal && !quiet, step: String::new(), told: 0 }
    }

    /// Takes in what the command says.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Step(step) => {
                if self.plain {
                    print::note(&step);
                }
                self.bar.reset();
                self.bar.set_message(step.clone());
                (self.step, self.told) = (step, 0);
            }
            Event::Progress { done, total } => {
                self.bar.set_length(total);
                self.bar.set_position(done);
                let part = done.saturating_mul(PARTS).checked_div(total).unwrap_or(0);
                if self.plain && part > self.told {
                    print::note(format_args!("{}: {} %", self.step, part * 100 / PARTS));
                    self.told = part;
                }
            }
            Event::Text(_) => {}
        }
    }

    /// Leaves the line to what is printed next.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
