//! What every stage works with: the folder's parts, the clock, who listens, and
//! whether the operator wants to stop.

use std::sync::Arc;

use crate::archive::Archive;
use crate::clock::Clock;
use crate::error::Error;
use crate::ledger::{Ledger, Milestone};
use crate::progress::{Level, Progress, Step};
use crate::settings::Pace;
pub use crate::stop::Stop;

/// Whether this run may write to the account and to the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The real thing.
    Write,
    /// Everything but writing.
    DryRun,
}

/// One migration, as the stages see it.
pub struct Migration {
    /// What was done so far.
    pub ledger: Ledger,
    /// Where the source's points are kept.
    pub archive: Archive,
    /// Time.
    pub clock: Clock,
    /// Who listens.
    pub progress: Arc<dyn Progress>,
    /// Whether to stop.
    pub stop: Stop,
    /// How fast.
    pub pace: Pace,
    /// Whether to write.
    pub mode: Mode,
}

impl Migration {
    /// Whether nothing is to be written.
    pub fn is_dry_run(&self) -> bool {
        self.mode == Mode::DryRun
    }

    /// Marks a milestone, with the time.
    pub fn reach(&self, milestone: Milestone) -> Result<(), Error> {
        self.ledger.reach(milestone, &self.timestamp())
    }

    /// Now, as RFC 3339 in whole seconds.
    pub fn timestamp(&self) -> String {
        humantime::format_rfc3339_seconds(self.clock.wall()).to_string()
    }

    /// Tells the operator something to look at.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.progress.remark(Level::Warning, text.as_ref());
    }

    /// Tells the operator something good to know.
    pub fn tell(&self, text: impl AsRef<str>) {
        self.progress.remark(Level::Info, text.as_ref());
    }

    /// Begins a step.
    pub fn begin(&self, step: Step, total: Option<u64>) {
        self.progress.begin(step, total);
    }
}
