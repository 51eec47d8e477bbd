//! How many vectors the index holds, for the count that KV keeps. What the index
//! says of itself, its state's count and its list's total, is optional and lags
//! behind what it applied; what it must hold after a proven barrier is known.

use std::time::Duration;

use crate::cloudflare::{ApiError, Vectorize};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::stages::context::Migration;

/// When to ask again, counted from the time before; verification is as patient
/// before it calls a difference a finding.
const PATIENCE: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(8),
    Duration::from_secs(18),
    Duration::from_secs(60),
];

/// What the index must hold: our records, what earlier generations brought there and
/// the source has no longer, and the foreign vectors of the inventory.
pub(crate) fn expected(ledger: &Ledger) -> Result<u64, Error> {
    Ok(ledger.totals()?.records + ledger.vanished()? + ledger.foreign_vectors()?)
}

/// What the index must hold, unless it keeps saying otherwise: then others write
/// to it or records are missing, and its ids are counted.
pub(super) async fn in_index(migration: &Migration, index: &Vectorize) -> Result<u64, Error> {
    let expected = expected(&migration.ledger)?;
    if migration.is_dry_run() {
        return Ok(expected);
    }
    let mut said = Said::by(index, expected).await?;
    for pause in PATIENCE {
        if said.bears_out(expected) {
            return Ok(expected);
        }
        migration.stop.pause(&migration.clock, pause).await?;
        said = Said::by(index, expected).await?;
    }
    if said.bears_out(expected) {
        return Ok(expected);
    }
    let held = match count_ids(migration, index).await? {
        Some(ids) => ids,
        // It is being written to.
        None => said.latest().unwrap_or(expected),
    };
    if held != expected {
        migration.warn(format!(
            "the index holds {held} vectors, {expected} were expected: something else writes to it, or records are missing (verification will tell)"
        ));
    }
    Ok(held)
}

/// What the index says of itself.
struct Said {
    counted: Option<u64>,
    listed: Option<u64>,
}

impl Said {
    /// The list is asked only where the state does not bear out what is expected.
    async fn by(index: &Vectorize, expected: u64) -> Result<Self, Error> {
        let counted = index.info().await?.vector_count;
        let listed = match counted == Some(expected) {
            true => None,
            false => index.list(None).await?.total,
        };
        Ok(Self { counted, listed })
    }

    /// Either suffices, because the other may lag behind; silence is no objection.
    fn bears_out(&self, expected: u64) -> bool {
        let said = [self.counted, self.listed];
        said == [None, None] || said.contains(&Some(expected))
    }

    fn latest(&self) -> Option<u64> {
        self.counted.or(self.listed)
    }
}

/// How many ids the list gives; none where it broke off.
async fn count_ids(migration: &Migration, index: &Vectorize) -> Result<Option<u64>, Error> {
    let (mut cursor, mut ids) = (None, 0);
    loop {
        migration.stop.check()?;
        let page = match index.list(cursor.as_ref()).await {
            Ok(page) => page,
            Err(ApiError::CursorBroken(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        ids += page.ids.len() as u64;
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(Some(ids)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_both_or_neither_bears_out_what_is_expected() {
        let cases = [
            (None, None, true),
            (Some(7), None, true),
            (None, Some(7), true),
            (Some(3), Some(7), true),
            (Some(3), None, false),
            (None, Some(0), false),
            (Some(3), Some(3), false),
        ];
        for (counted, listed, expected) in cases {
            let said = Said { counted, listed };
            assert_eq!(said.bears_out(7), expected, "{counted:?} {listed:?}");
        }
    }
}
