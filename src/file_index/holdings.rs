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
    /// There is no index yet: nothing exists.
    Nothing,
    /// No index is known: every id may exist.
    Unknown,
}

impl Holdings<'_> {
    /// Asks the index for those of the ids of which nothing is known yet in this
    /// look, as many a call as it takes.
    pub(super) async fn learn(&self, ids: &[String]) -> Result<(), Error> {
        let Self::Index { ledger, index } = self else {
            return Ok(());
        };
        let mut unknown = Vec::new();
        for id in ids {
            let known = ledger.in_vector_inventory(id)? || ledger.asked_vector(id)?.is_some();
            if !known {
                unknown.extend(VectorId::new(id.as_str()));
            }
        }
        unknown.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        unknown.dedup();
        for asked in unknown.chunks(READ_AT_ONCE) {
            let stored = index.get_by_ids(asked).await?;
            let exists = |id: &str| stored.iter().any(|vector| vector.id == id);
            let answers: Vec<_> = asked
                .iter()
                .map(|id| (id.as_str(), exists(id.as_str())))
                .collect();
            ledger.add_asked_vectors(&answers)?;
        }
        Ok(())
    }

    /// Whether an id exists, as far as was [learnt](Self::learn); what cannot be
    /// an id does not.
    pub(super) fn holds(&self, id: &str) -> Result<bool, Error> {
        match self {
            Self::Unknown => Ok(true),
            Self::Nothing => Ok(false),
            Self::Index { ledger, .. } => {
                Ok(ledger.in_vector_inventory(id)? || ledger.asked_vector(id)? == Some(true))
            }
        }
    }
}
