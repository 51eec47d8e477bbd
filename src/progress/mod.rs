//! What a migration says while it goes on. Stages report steps, amounts and
//! remarks to this trait; bars, plain lines and the tests' recorder are peers behind
//! it, and no stage knows which one listens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The steps of a migration, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Looking at both ends.
    Plan,
    /// Source to archive.
    Export,
    /// Every archived point through the transform.
    Check,
    /// What shortening vectors costs a search.
    Recall,
    /// What the target holds before the first write.
    Inventory,
    /// Archive to NDJSON.
    Transform,
    /// Records to Vectorize.
    Upsert,
    /// Waiting until they are applied.
    Settle,
    /// Entries to KV.
    Index,
    /// Deleting what vanished from the source.
    Prune,
    /// Reading back and comparing.
    Verify,
    /// Taking back what was written.
    Rollback,
    /// Reading the source once more.
    Confirm,
}

impl Step {
    /// The step's name, as shown and logged.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Export => "export",
            Self::Check => "check",
            Self::Recall => "recall",
            Self::Inventory => "inventory",
            Self::Transform => "transform",
            Self::Upsert => "upsert",
            Self::Settle => "settle",
            Self::Index => "index",
            Self::Prune => "prune",
            Self::Verify => "verify",
            Self::Rollback => "rollback",
            Self::Confirm => "confirm",
        }
    }

    /// What the step counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Plan => "checks",
            Self::Export | Self::Check | Self::Recall | Self::Transform | Self::Confirm => "points",
            Self::Inventory => "ids",
            Self::Upsert => "records",
            Self::Settle => "batches",
            Self::Index => "entries",
            Self::Prune => "vectors",
            Self::Verify => "checks",
            Self::Rollback => "vectors",
        }
    }
}

/// Somebody who listens. Calls come from one migration at a time; a step begins,
/// advances any number of times, and ends. Nothing here may fail or block long.
pub trait Progress: Send + Sync {
    /// A step begins; `total` is how much there is to do, where that is known.
    fn begin(&self, step: Step, total: Option<u64>);
    /// So much more of the step is done.
    fn advance(&self, step: Step, amount: u64);
    /// The step is done; `summary` says in a few words what came of it.
    fn end(&self, step: Step, summary: &str);
    /// Something the operator should know.
    fn remark(&self, level: Level, text: &str);
}

/// How much a remark matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// To be looked at.
    Warning,
}

/// Passes everything on and remembers the remarks, so that the result object
/// says what the terminal said.
pub struct Remembering {
    inner: Arc<dyn Progress>,
    remarks: Mutex<Vec<(Level, String)>>,
}

impl Remembering {
    /// Remarks that are remembered; more of them are only shown.
    const MOST: usize = 1_000;

    /// Remembers what is said to `inner`.
    pub fn new(inner: Arc<dyn Progress>) -> Self {
        Self {
            inner,
            remarks: Mutex::default(),
        }
    }

    /// Forgets what was said: what follows is told apart from it.
    pub fn forget(&self) {
        lock(&self.remarks).clear();
    }

    /// The remarks of that level, in order.
    pub fn remarks(&self, wanted: Level) -> Vec<String> {
        let remarks = lock(&self.remarks);
        let matching = remarks.iter().filter(|(level, _)| *level == wanted);
        matching.map(|(_, text)| text.clone()).collect()
    }
}

impl Progress for Remembering {
    fn begin(&self, step: Step, total: Option<u64>) {
        self.inner.begin(step, total);
    }

    fn advance(&self, step: Step, amount: u64) {
        self.inner.advance(step, amount);
    }

    fn end(&self, step: Step, summary: &str) {
        self.inner.end(step, summary);
    }

    fn remark(&self, level: Level, text: &str) {
        self.inner.remark(level, text);
        let mut remarks = lock(&self.remarks);
        if remarks.len() < Self::MOST {
            remarks.push((level, text.to_owned()));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A list of remarks is whole whatever panicked beside it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what was said, for tests.
#[derive(Debug, Default)]
pub struct Recording {
    lines: Mutex<Vec<String>>,
}

impl Recording {
    /// Everything that was said, a line each.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.lines).clone()
    }

    fn push(&self, line: String) {
        lock(&self.lines).push(line);
    }
}

impl Progress for Recording {
    fn begin(&self, step: Step, total: Option<u64>) {
        self.push(format!("begin {} {total:?}", step.name()));
    }

    fn advance(&self, _step: Step, _amount: u64) {}

    fn end(&self, step: Step, summary: &str) {
        self.push(format!("end {}: {summary}", step.name()));
    }

    fn remark(&self, level: Level, text: &str) {
        self.push(format!("{level:?}: {text}"));
    }
}
