//! What a rollback did with each thing that this migration wrote, so that it can be
//! interrupted and told of.

use rusqlite::OptionalExtension as _;

use super::Ledger;
use super::rollback::Counted;
use crate::error::Error;

/// What a rollback did with something that this migration wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenBack {
    /// Deleted, because it was not there before.
    Deleted,
    /// Made what it was before.
    Restored,
    /// Found as it was before.
    AsBefore,
    /// Left as it is, because it was changed since.
    Kept,
    /// Left as it is, because nobody knows what it was before.
    Lost,
}

impl TakenBack {
    fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Restored => "restored",
            Self::AsBefore => "as_before",
            Self::Kept => "kept",
            Self::Lost => "lost",
        }
    }
}

/// What kind of thing is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// A vector that was not there before.
    Vector,
    /// A vector in the place of one that was.
    Overwritten,
    /// An entry of the file index.
    Entry,
    /// The number of vectors in KV.
    Count,
}

impl Written {
    fn name(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::Overwritten => "overwritten",
            Self::Entry => "entry",
            Self::Count => "count",
        }
    }
}

impl Ledger {
    /// Remembers, before it is done where it changes something, what a rollback
    /// does with these.
    pub fn take_back(
        &self,
        kind: Written,
        names: &[String],
        outcome: TakenBack,
    ) -> Result<(), Error> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            {
                let mut insert = transaction
                    .prepare_cached("INSERT OR REPLACE INTO taken_back VALUES (?, ?, ?)")?;
                for name in names {
                    insert.execute([kind.name(), name, outcome.name()])?;
                }
            }
            transaction.commit()
        })
    }

    /// How many of a kind a rollback did that with, and the first few by name.
    pub fn taken_back(
        &self,
        kind: Written,
        outcome: TakenBack,
        show: usize,
    ) -> Result<Counted, Error> {
        let which = format!(
            "kind = '{}' AND outcome = '{}'",
            kind.name(),
            outcome.name()
        );
        self.counted("taken_back", "name", &which, show)
    }

    /// What a rollback did with this one so far, where that is final.
    pub fn is_taken_back(
        &self,
        kind: Written,
        name: &str,
        outcome: TakenBack,
    ) -> Result<bool, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT 1 FROM taken_back WHERE kind = ? AND name = ? AND outcome = ?",
                )?
                .query_row([kind.name(), name, outcome.name()], |_| Ok(()))
                .optional()
        })
        .map(|row| row.is_some())
    }

    /// Forgets what was left as it is: it is looked at anew.
    pub fn reconsider_kept(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute(
                    "DELETE FROM taken_back WHERE outcome IN ('kept', 'lost')",
                    [],
                )
                .map(drop)
        })
    }

    /// From here on what is taken back is only remembered as long as this ledger is
    /// open: for a dry run.
    pub fn rehearse_taking_back(&self) -> Result<(), Error> {
        self.with(|connection| {
            connection.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS taken_back
                 (kind TEXT NOT NULL, name TEXT NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID",
            )
        })
    }
}
