//! Which ids that are not ours the index holds.

use crate::cloudflare::Vectorize;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::record::VectorId;

/// get_by_ids takes 20 ids a call.
const READ_AT_ONCE: usize = 20;

/// What tells whether an id exists.
pub enum Holdings<'a> {
    /// The inventory, and the index itself for ids that came later.
    Index {
        /// The ledger with the inventory.
        ledger: &'a Ledger,
        /// The index.
        index: &'a Vectorize,
    },
    /// No index is known: every id may exist.
    Unknown,
}

impl Holdings<'_> {
    /// Whether it can be told at all.
    pub fn are_known(&self) -> bool {
        matches!(self, Self::Index { .. })
    }

    /// Those of the ids that exist, in their order; all of them where that
    /// cannot be told.
    pub async fn existing(&self, ids: &[String]) -> Result<Vec<String>, Error> {
        let Self::Index { ledger, index } = self else {
            return Ok(ids.to_vec());
        };
        let mut unknown = Vec::new();
        for id in ids {
            if !ledger.in_vector_inventory(id)? {
                unknown.extend(VectorId::new(id.as_str()));
            }
        }
        let mut absent = std::collections::HashSet::new();
        for asked in unknown.chunks(READ_AT_ONCE) {
            let stored = index.get_by_ids(asked).await?;
            let found = |id: &VectorId| stored.iter().any(|vector| vector.id == id.as_str());
            absent.extend(
                asked
                    .iter()
                    .filter(|id| !found(id))
                    .map(|id| id.as_str().to_owned()),
            );
        }
        // What cannot be an id cannot exist either.
        let possible = |id: &&String| VectorId::new(id.as_str()).is_ok() && !absent.contains(*id);
        Ok(ids.iter().filter(possible).cloned().collect())
    }
}
