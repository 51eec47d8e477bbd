//! Batches: ranges of archived points that went out in one upsert. A record's
//! state is its batch's, so ten million records need no update each.

use rusqlite::{OptionalExtension as _, Row};

use super::records::{as_sql, from_sql};
use super::{Ledger, ranges};
use crate::error::Error;

/// How far a batch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchState {
    /// It may have reached the service: it is sent again with the same range.
    Sent,
    /// The service answered with a mutation id.
    Accepted,
    /// The index has applied it.
    Settled,
}

/// One batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// The ordinal of its first point.
    pub first: u64,
    /// The ordinal of its last point.
    pub last: u64,
    /// How far it has come.
    pub state: BatchState,
}

impl Ledger {
    /// The first ordinal that no batch covers yet.
    pub fn first_unbatched(&self) -> Result<u64, Error> {
        self.with(|connection| {
            connection
                .query_row(
                    "SELECT last FROM batch ORDER BY first DESC LIMIT 1",
                    [],
                    |row| Ok(from_sql(row.get(0)?) + 1),
                )
                .optional()
        })
        .map(|next| next.unwrap_or(0))
    }

    /// The batches in that state, by range.
    pub fn batches(&self, state: BatchState) -> Result<Vec<Batch>, Error> {
        self.with(|connection| {
            let mut statement = connection
                .prepare("SELECT first, last, state FROM batch WHERE state = ? ORDER BY first")?;
            let rows = statement.query_map([state.name()], read_batch)?;
            rows.collect()
        })
    }

    /// Remembers, before it is sent, that the points `first..=last` go out as
    /// one batch.
    pub fn batch_sent(&self, first: u64, last: u64) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute(
                    "INSERT OR IGNORE INTO batch VALUES (?, ?, 'sent', NULL)",
                    [as_sql(first), as_sql(last)],
                )
                .map(drop)
        })
    }

    /// The batch beginning at `first` was accepted under that mutation id.
    pub fn batch_accepted(&self, first: u64, mutation: &str) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute(
                    "UPDATE batch SET state = 'accepted', mutation = ?2 WHERE first = ?1",
                    (as_sql(first), mutation),
                )
                .map(drop)
        })
    }

    /// The batch `first..=last` was accepted in parts, which begin at these ordinals,
    /// ascending, each under a mutation id of its own. Each becomes a batch, because
    /// the index may apply one and pass over another; what was refused belongs to
    /// the part before it.
    pub fn batch_accepted_in_parts(
        &self,
        first: u64,
        last: u64,
        parts: &[(u64, &str)],
    ) -> Result<(), Error> {
        let ends = parts.iter().skip(1).map(|(next, _)| next - 1).chain([last]);
        self.with(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM batch WHERE first = ?", [as_sql(first)])?;
            for (position, ((begin, mutation), end)) in parts.iter().zip(ends).enumerate() {
                let begin = if position == 0 { first } else { *begin };
                transaction.execute(
                    "INSERT INTO batch VALUES (?, ?, 'accepted', ?)",
                    (as_sql(begin), as_sql(end), mutation),
                )?;
            }
            transaction.commit()
        })
    }

    /// The batch beginning at `first` is applied, or has to be sent again.
    pub fn set_batch_state(&self, first: u64, state: BatchState) -> Result<(), Error> {
        self.with(|connection| {
            connection
                .execute(
                    "UPDATE batch SET state = ?2 WHERE first = ?1",
                    (as_sql(first), state.name()),
                )
                .map(drop)
        })
    }

    /// Forgets batches of which the service is known to have taken nothing, as
    /// far as none lies behind them: their points may be cut anew then.
    pub fn forget_refused(&self, firsts: &[u64]) -> Result<(), Error> {
        let mut firsts = firsts.to_vec();
        firsts.sort_unstable_by(|one, other| other.cmp(one));
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for first in firsts {
                transaction.execute(
                    "DELETE FROM batch WHERE first = ? AND mutation IS NULL
                     AND first = (SELECT max(first) FROM batch)",
                    [as_sql(first)],
                )?;
            }
            transaction.commit()
        })
    }

    /// Whether the service has taken anything of any batch.
    pub fn has_accepted(&self) -> Result<bool, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM batch WHERE mutation IS NOT NULL)",
                [],
                |row| row.get(0),
            )
        })
    }

    /// The mutation ids of the batches that are accepted and not settled.
    pub fn accepted_mutations(&self) -> Result<Vec<String>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT mutation FROM batch WHERE state = 'accepted' AND mutation IS NOT NULL",
            )?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Everything accepted is applied.
    pub fn settle_accepted(&self) -> Result<u64, Error> {
        self.with(|connection| {
            let settled = connection.execute(
                "UPDATE batch SET state = 'settled' WHERE state = 'accepted'",
                [],
            )?;
            Ok(settled as u64)
        })
    }

    /// How many records went out in batches of that state.
    pub fn records_in(&self, state: BatchState) -> Result<u64, Error> {
        self.with(|connection| ranges::records_in(connection, state))
    }
}

impl BatchState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Settled => "settled",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "settled" => Self::Settled,
            "accepted" => Self::Accepted,
            // The table's check allows nothing else.
            _ => Self::Sent,
        }
    }
}

fn read_batch(row: &Row<'_>) -> Result<Batch, rusqlite::Error> {
    let first = from_sql(row.get(0)?);
    Ok(Batch {
        first,
        // A batch has a point, whatever the file says.
        last: from_sql(row.get(1)?).max(first),
        state: BatchState::from_name(&row.get::<_, String>(2)?),
    })
}
