//! A local Cloudflare: Vectorize V2 and Workers KV as the documentation tells
//! them, with the published limits, late application and faults on demand.
//!
//! It is an independent reading of the documentation: nothing of the client is
//! imported, only the clock. What it does, and what it decides where the
//! documentation is silent, is in `docs/sandbox.md`.

mod account;
mod auth;
mod budget;
mod calls;
mod dispatch;
mod fault;
mod http_side;
pub mod inspect;
mod kv;
mod operation;
mod options;
mod reply;
mod request;
mod store;
mod vectorize;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use budget::Budget;
pub use calls::{Call, CallCounts};
pub use fault::{FaultKind, FaultRate, ParseFaultError};
pub use operation::Operation;
pub use options::{ParseUnsettledError, SandboxOptions, Unsettled};

use crate::clock::Clock;

/// Why a sandbox could not be opened or looked into.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The folder could not be made or written.
    #[error("the sandbox's folder {folder} cannot be used")]
    Folder {
        /// The folder that was asked for.
        folder: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The folder was written by a version with another format.
    #[error(
        "the sandbox's store has format {found}, this version knows only {known}; use a fresh folder"
    )]
    Format {
        /// The number found in the file.
        found: i64,
        /// The number this version writes.
        known: i64,
    },
    /// SQLite failed.
    #[error("the sandbox's store failed")]
    Store(#[from] rusqlite::Error),
    /// The index asked for by name is not there.
    #[error("the sandbox has no index {0:?}")]
    NoSuchIndex(String),
    /// The KV namespace asked for by id is not there.
    #[error("the sandbox has no KV namespace {0:?}")]
    NoSuchNamespace(String),
}

/// The connection was cut before a whole answer came; whether the call was
/// carried out is not known to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed before the answer was complete")]
pub struct Dropped;

/// A local Cloudflare account. Cheap to clone; clones share their state.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    options: SandboxOptions,
    clock: Clock,
    store: store::Store,
    budget: Mutex<Option<budget::Window>>,
    calls: Mutex<CallCounts>,
    faults: Mutex<fault::Faults>,
}

impl Sandbox {
    /// Opens a sandbox: in memory, or durable in `dir` (made when absent), where
    /// it survives restarts and SIGKILL, mutations not yet applied included.
    ///
    /// The request budget, the record of calls and what is cached by
    /// [`SandboxOptions::stale`] begin anew with every opening.
    ///
    /// # Errors
    /// [`SandboxError`] when the folder or the store in it cannot be used.
    pub fn open(
        dir: Option<&Path>,
        options: SandboxOptions,
        clock: Clock,
    ) -> Result<Self, SandboxError> {
        let store = store::Store::open(dir, &options)?;
        let inner = Inner {
            budget: Mutex::new(options.budget.map(budget::Window::new)),
            calls: Mutex::default(),
            faults: Mutex::new(fault::Faults::new(options.seed, options.faults.clone())),
            options,
            clock,
            store,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Every call so far, in the order of arrival.
    pub fn calls(&self) -> CallCounts {
        lock(&self.inner.calls).clone()
    }

    /// Lets the next call of `operation` meet `kind`, once; several queued for
    /// one operation are met in the order of queueing.
    pub fn queue_fault(&self, operation: Operation, kind: FaultKind) {
        lock(&self.inner.faults).queue(operation, kind);
    }

    /// Faults are met at these rates from now on, in the place of those before.
    pub fn set_faults(&self, rates: Vec<FaultRate>) {
        lock(&self.inner.faults).set_rates(rates);
    }

    /// How many calls met each kind of fault so far, by the kind's text.
    pub fn faults_met(&self) -> BTreeMap<String, u64> {
        lock(&self.inner.faults).met().clone()
    }

    /// The queued faults that no call has met yet; a test ends by finding none.
    pub fn unused_faults(&self) -> Vec<(Operation, FaultKind)> {
        lock(&self.inner.faults).queued()
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

/// Locks; a panic elsewhere cannot leave these half-written in a way that matters,
/// since what must be consistent is in SQLite's transactions.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
