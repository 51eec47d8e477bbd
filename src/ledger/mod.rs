//! What a migration did so far: every record with the batch that carries it,
//! every rejection, the inventory, the entries written, the frozen plan. It is
//! the truth about the target, in one SQLite file that is consistent after a
//! crash at any instant (docs/ledger.md). It decides nothing.

mod appended;
mod batches;
mod bulk;
mod changes;
mod compared;
mod doomed;
mod doubted;
mod files;
mod held;
mod holding;
mod inventory;
mod looks;
mod many;
mod namespaces;
mod ranges;
mod records;
mod rollback;
mod rows;
mod schema;
mod sorted;
mod sorter;
mod taken_back;
mod tally;
#[cfg(test)]
mod tests;
mod touched;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::disk;
use crate::error::Error;

pub use batches::{Batch, BatchState};
pub use changes::{ChangeCount, MAX_NAMES};
pub use doomed::{DeletionMark, Vanishing};
pub use files::FileEntry;
pub use inventory::InventoryEntry;
pub use looks::{Doubt, Listed, Suspect};
pub use namespaces::NamespaceTotals;
pub use records::{Checked, CheckedPoint, Collision, RecordRow, RejectedAt, Totals};
pub use rollback::Counted;
pub use taken_back::{TakenBack, Written};
pub use touched::{Keys, Touched};
pub use walk::{Strangers, Walk, Walked};

use tally::FORGET_ALL;

/// What can go wrong with a ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file is another program's.
    #[error("it is not a ledger of cf-migrate")]
    NotALedger,
    /// Written by a later version.
    #[error("it has format {newer}, this version knows up to {}", schema::FORMAT)]
    NewerFormat {
        /// Its format.
        newer: i64,
    },
    /// Written by an earlier version whose digests were of another kind.
    #[error("it has format {older}, whose digests this version cannot compare")]
    OlderFormat {
        /// Its format.
        older: i64,
    },
    /// SQLite finds it broken.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// No space left.
    #[error("the disk is full")]
    DiskFull(#[source] rusqlite::Error),
    /// The folder or file cannot be written.
    #[error("it cannot be written")]
    NotWritable(#[source] rusqlite::Error),
    /// The operating system could not do what SQLite asked.
    #[error("reading or writing it failed")]
    Io(#[source] rusqlite::Error),
    /// Anything else SQLite says.
    #[error("the ledger could not be read or written")]
    Sqlite(#[source] rusqlite::Error),
}

/// Something that happened once and need not be done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Milestone {
    /// The points could not be written because too many were rejected.
    Refused,
    /// Every archived point went through the transform; collisions are resolved.
    Checked,
    /// Points are checked with a file index in mind.
    ForFiles,
    /// What the index held before the first write is known.
    VectorsInventoried,
    /// Every record is applied by the index.
    Settled,
    /// The file index was written.
    Indexed,
    /// Verification found everything equal.
    Proven,
    /// The last pass before the switch-over is done: the application writes to the
    /// index from then on.
    Sealed,
    /// A rollback has begun: what was written is on its way back.
    RollbackBegun,
    /// What this migration wrote was taken back.
    RolledBack,
}

impl Milestone {
    fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Checked => "checked",
            Self::ForFiles => "for_files",
            Self::VectorsInventoried => "vectors_inventoried",
            Self::Settled => "settled",
            Self::Indexed => "indexed",
            Self::Proven => "proven",
            Self::Sealed => "sealed",
            Self::RollbackBegun => "rollback_begun",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// The section of the plan that is no part of it: the source as it was named.
const ASKED: &str = "asked";

/// A migration's ledger. Calls block for as long as SQLite writes.
pub struct Ledger {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Ledger {
    /// Opens the ledger at `path`, or creates it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = schema::open(path).map_err(|error| explain(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// The ledger at `path` as it is, for reading what ledgers of every format have (the
    /// plan) and for [copying](Self::copy_to): nothing is added to it, so that this wants
    /// no lock. None where there is none, or an empty file.
    pub fn as_it_is(path: &Path) -> Result<Option<Self>, Error> {
        let connection = schema::open_as_it_is(path).map_err(|error| explain(path, error))?;
        Ok(connection.map(|connection| Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
        }))
    }

    /// The text kept under a section of the plan.
    pub fn plan_section(&self, section: &str) -> Result<Option<String>, Error> {
        self.with(|connection| {
            connection
                .query_row(
                    "SELECT json FROM plan WHERE section = ?",
                    [section],
                    |row| row.get(0),
                )
                .optional()
        })
    }

    /// Keeps the text of a section of the plan, once.
    pub fn freeze_section(&self, section: &str, json: &str) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute("INSERT INTO plan VALUES (?, ?)", [section, json])
                .map(drop)
        })
    }

    /// Keeps the text of a section that is no part of what is frozen, in place of
    /// an earlier one.
    pub fn keep_section(&self, section: &str, json: &str) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute("INSERT OR REPLACE INTO plan VALUES (?, ?)", [section, json])
                .map(drop)
        })
    }

    /// Remembers how the operator named the source last.
    pub fn remember_asked(&self, locator: &str) -> Result<(), Error> {
        self.keep_section(ASKED, &serde_json::Value::from(locator).to_string())
    }

    /// How the operator named the source last.
    pub fn asked(&self) -> Result<Option<String>, Error> {
        let json = self.plan_section(ASKED)?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    /// Whether the account may have taken anything: a batch or an entry. A batch
    /// that is done with and has no mutation was refused record by record.
    pub fn has_sent(&self) -> Result<bool, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM batch WHERE state <> 'settled' OR mutation IS NOT NULL)
                 OR EXISTS (SELECT 1 FROM entry) OR EXISTS (SELECT 1 FROM held)
                 OR EXISTS (SELECT 1 FROM doubted)",
                [],
                |row| row.get(0),
            )
        })
    }

    /// The same of the generation that the records are of: entries that an earlier one
    /// wrote say nothing of it.
    pub fn has_sent_of_generation(&self) -> Result<bool, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM batch WHERE state <> 'settled' OR mutation IS NOT NULL)
                 OR EXISTS (SELECT 1 FROM entry) AND NOT EXISTS (SELECT 1 FROM held)
                 OR EXISTS (SELECT 1 FROM doomed)",
                [],
                |row| row.get(0),
            )
        })
    }

    /// Forgets the plan and everything that followed from it, but not that the
    /// points were [refused](Milestone::Refused): other settings do not change
    /// them. Only for a ledger that [has sent](Self::has_sent) nothing.
    pub fn begin_again(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection.execute_batch(&format!(
                "BEGIN; {FORGET_ALL} DELETE FROM plan WHERE section NOT IN ('asked', 'created'); DELETE FROM milestone WHERE name <> 'refused';
                 DELETE FROM rejection; DELETE FROM note; DELETE FROM change; DELETE FROM batch; UPDATE checked SET points = 0;
                 DELETE FROM inventory_vector; DELETE FROM inventory_entry; DELETE FROM saved_vector; COMMIT;"
            ))
        })
    }

    /// Whether a milestone was reached.
    pub fn reached(&self, milestone: Milestone) -> Result<bool, Error> {
        self.reached_at(milestone).map(|at| at.is_some())
    }

    /// When a milestone was reached (RFC 3339), where it was.
    pub fn reached_at(&self, milestone: Milestone) -> Result<Option<String>, Error> {
        self.with(|connection| {
            connection
                .query_row(
                    "SELECT at FROM milestone WHERE name = ?",
                    [milestone.name()],
                    |row| row.get(0),
                )
                .optional()
        })
    }

    /// Remembers that a milestone was reached, and when (RFC 3339).
    pub fn reach(&self, milestone: Milestone, at: &str) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute(
                    "INSERT OR REPLACE INTO milestone VALUES (?, ?)",
                    [milestone.name(), at],
                )
                .map(drop)
        })
    }

    /// Forgets a milestone, because what it says no longer holds.
    pub fn retract(&self, milestone: Milestone) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute(
                    "DELETE FROM milestone WHERE name = ?",
                    params![milestone.name()],
                )
                .map(drop)
        })
    }

    /// A copy of this ledger at `path`, for a rehearsal that must leave the
    /// original alone.
    pub fn copy_to(&self, path: &Path) -> Result<Self, Error> {
        self.with(|connection| {
            connection
                .execute("VACUUM INTO ?", [path.to_string_lossy().as_ref()])
                .map(drop)
        })?;
        Self::open(path)
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, Error> {
        disk::database(|| work(&mut self.lock())).map_err(|error| explain(&self.path, error.into()))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere cannot leave a transaction half done: SQLite rolls
        // back what was not committed.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn explain(path: &Path, error: LedgerError) -> Error {
    let shown = path.display();
    let message = format!("the ledger {shown} cannot be used");
    match &error {
        LedgerError::NotALedger => Error::failed(message)
            .advise("give another migration folder with --dir; this file was left as it is"),
        LedgerError::NewerFormat { .. } => Error::failed(message)
            .advise("use the version of cf-migrate that wrote it, or a later one"),
        LedgerError::OlderFormat { .. } => Error::failed(message).advise(
            "use the version of cf-migrate that wrote it, or start over in a new folder with --dir: the archive can be given as the source",
        ),
        LedgerError::Damaged(_) => Error::failed(message).advise(
            "restore ledger.db from a backup, or start over in a new folder with --dir: \
             upserts repeat safely (the archive can be given as the source), but ids that are there already need --overwrite",
        ),
        LedgerError::DiskFull(_) => {
            Error::stopped(message).advise(disk::FREE_SPACE)
        }
        LedgerError::Io(_) => Error::stopped(message).advise(
            "see whether the disk is full or failing, or files may not become that large (ulimit -f); then run the same command again",
        ),
        LedgerError::NotWritable(_) => Error::failed(message)
            .advise("make the migration folder writable for this user, or choose another with --dir"),
        LedgerError::Sqlite(_) => Error::failed(message),
    }
    .because(error)
}
