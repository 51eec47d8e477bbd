//! What every stage works with: the folder's parts, the clock, who listens, and
//! whether the operator wants to stop.

use std::sync::Arc;

use tokio::sync::watch;

use crate::archive::Archive;
use crate::clock::Clock;
use crate::error::{Error, Kind};
use crate::ledger::{Ledger, Milestone};
use crate::progress::{Level, Progress, Step};
use crate::settings::Pace;

/// Whether this run may write to the account and to the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The real thing.
    Write,
    /// Everything but writing.
    DryRun,
}

/// Raised by the operator's first Ctrl-C: what is in flight is finished, and
/// nothing new begins.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A stop and the handle that raises it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (raise, raised) = watch::channel(false);
        (raise, Self(raised))
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// An error once it was raised.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_raised() {
            return Err(Error::new(Kind::Interrupted, "interrupted"));
        }
        Ok(())
    }

    /// Waits until it is raised.
    pub async fn raised(&self) {
        let mut raised = self.0.clone();
        // A dropped handle can never be raised.
        if raised.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for a time, or until it is raised.
    pub async fn pause(&self, clock: &Clock, time: std::time::Duration) -> Result<(), Error> {
        tokio::select! {
            () = clock.sleep(time) => {}
            () = self.raised() => {}
        }
        self.check()
    }
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
