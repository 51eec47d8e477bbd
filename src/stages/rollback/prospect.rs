//! What a rollback is about to do and what that costs, in words, before anything is
//! done.

use super::{Origin, Rollback};
use crate::cloudflare::{LIST_PAGE_IDS, MAX_DELETE_IDS, MAX_GET_IDS};
use crate::error::Error;
use crate::ledger::{Keys, Written};
use crate::stages::estimate::of_requests;

impl Rollback<'_> {
    /// Tells what would be done; asks the account nothing.
    pub fn tell_prospect(&self) -> Result<(), Error> {
        self.tell_vectors()?;
        self.tell_overwritten()?;
        self.tell_entries()?;
        self.migration.tell(
            "pause what writes to the index and to these entries: neither Vectorize nor KV can compare before it writes",
        );
        Ok(())
    }

    fn tell_vectors(&self) -> Result<(), Error> {
        let vectors = self.migration.ledger.written_vectors()?;
        let name = self.index();
        let per = |ids: usize| vectors.div_ceil(ids as u64);
        let lists = 3 * per(LIST_PAGE_IDS).max(1);
        let requests = per(MAX_GET_IDS) + per(MAX_DELETE_IDS) + lists;
        self.migration.tell(format!(
            "{vectors} vectors of the index {name} are this migration's: each is looked at, and deleted unless it was changed since; about {requests} requests ({MAX_GET_IDS} vectors looked at, {MAX_DELETE_IDS} deleted at a time), {}",
            of_requests(requests, self.migration.pace.api_budget)
        ));
        if self.origin() == Origin::Created {
            self.migration.tell(format!(
                "this migration created the index {name}: if it holds no other vectors, it is deleted as a whole instead, unlooked at: with what was changed in it since, and with its metadata indexes"
            ));
        }
        Ok(())
    }

    fn tell_overwritten(&self) -> Result<(), Error> {
        let (replaced, saved) = self.migration.ledger.count_replaced()?;
        if saved > 0 {
            self.migration.tell(format!(
                "{saved} vectors that were replaced are put back as --keep-overwritten saved them, unless they were changed since (about {} requests more)",
                2 * saved.div_ceil(MAX_GET_IDS as u64)
            ));
        }
        if replaced > saved {
            self.migration.warn(format!(
                "{} vectors that were in the index before were replaced without --keep-overwritten: what they were is lost, they stay as they are",
                replaced - saved
            ));
        }
        Ok(())
    }

    fn tell_entries(&self) -> Result<(), Error> {
        let Some(plan) = &self.file_index else {
            return Ok(());
        };
        let keys = |namespace, kind| Keys {
            namespace,
            count: match plan.count.namespace == namespace {
                true => plan.count.key.as_str(),
                false => "",
            },
            kind,
        };
        let ledger = &self.migration.ledger;
        let entries = ledger.count_touched(keys(plan.namespace.as_str(), Written::Entry))?
            + ledger.count_touched(keys(plan.count.namespace.as_str(), Written::Count))?;
        self.migration.tell(format!(
            "{entries} KV entries are put back as they were, or removed where they were not there, unless they were changed since"
        ));
        Ok(())
    }
}
