//! Takes back what a migration wrote: entries first, so that none of them names a
//! vector that is gone, then replaced vectors, then new ones, then the count. Only
//! what still is what was written is touched. A stopped rollback goes on when it is
//! started again: what is left is what the account shows.

mod entries;
mod entry;
mod look;
mod overwritten;
mod prospect;
mod vectors;
mod verdict;

use std::path::Path;

use crate::archive::Generation;
use crate::cloudflare::{IndexName, Vectorize};
use crate::error::Error;
use crate::file_index::FileIndexPlan;
use crate::ledger::{Keys, Milestone, TakenBack, Written};
use crate::plan::{Created, KvState, Plan, find_namespace, load_file_index};
use crate::progress::Step;
use crate::report::Report;
use crate::stages::context::Migration;
use crate::stages::keep_overwritten;
use crate::stages::prepare::{Accounts, planned_namespace};

use entries::Shelf;
use overwritten::Overwritten;
use vectors::Origin;

/// What to do with a migration that is sealed: its application has been writing
/// since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// Refuse.
    Respect,
    /// Take it back all the same.
    Open,
}

/// A migration that is to be taken back.
pub struct Rollback<'a> {
    migration: &'a Migration,
    accounts: &'a Accounts,
    index: Vectorize,
    file_index: Option<FileIndexPlan>,
    created: Created,
    saved: Vec<Generation>,
    was_sealed: bool,
}

impl<'a> Rollback<'a> {
    /// Of the migration whose ledger this is; `folder` is the migration folder.
    ///
    /// Errors: refused where there is no migration, it is sealed, or it is of another
    /// account; failed where old values that were saved are damaged.
    pub fn open(
        migration: &'a Migration,
        accounts: &'a Accounts,
        folder: &Path,
        seal: Seal,
    ) -> Result<Self, Error> {
        let ledger = &migration.ledger;
        let was_sealed = ledger.reached(Milestone::Sealed)?;
        if was_sealed && seal == Seal::Respect {
            return Err(sealed());
        }
        let plan = Plan::load(ledger)?.ok_or_else(|| {
            Error::refused("this folder holds no migration that has planned anything")
                .advise("there is nothing to take back")
        })?;
        let (then, now) = (&plan.target.service, &accounts.service);
        if then != now {
            return Err(
                Error::refused(format!("this migration wrote to {then}, not to {now}")).advise(
                    "give the account that it was begun with (or --sandbox, where that was given)",
                ),
            );
        }
        let name = IndexName::new(plan.target.index.as_str())?;
        Ok(Self {
            migration,
            accounts,
            index: accounts.vectorize.vectorize(&name),
            file_index: load_file_index(ledger)?,
            created: Created::load(ledger)?,
            saved: keep_overwritten::saved(ledger, &folder.join(keep_overwritten::FOLDER))?,
            was_sealed,
        })
    }

    /// The index that it is about.
    pub fn index(&self) -> &IndexName {
        self.index.name()
    }

    /// Whether an earlier start came to the end; then this one only compares.
    pub fn is_done(&self) -> Result<bool, Error> {
        self.migration.ledger.reached(Milestone::RolledBack)
    }

    /// Takes everything back, and compares what there is with what was.
    ///
    /// Errors: the account's, and interruption; the same again goes on.
    pub async fn carry_out(&self, report: &mut Report) -> Result<(), Error> {
        if self.is_done()? {
            self.migration.tell(
                "this migration was rolled back already; comparing what there is with what was",
            );
            return verdict::conclude(self, report).await;
        }
        self.begin()?;
        self.shelves(Written::Entry).await?;
        let whole = self.vectors().await?;
        self.shelves(Written::Count).await?;
        let namespaces = self.created_namespaces().await?;
        let summary = verdict::count(self, report, whole, namespaces)?;
        self.migration.progress.end(Step::Rollback, &summary);
        if self.migration.is_dry_run() {
            return Ok(());
        }
        verdict::conclude(self, report).await?;
        self.migration.reach(Milestone::RolledBack)
    }

    fn begin(&self) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        if self.migration.is_dry_run() {
            ledger.rehearse_taking_back()?;
        } else {
            ledger.begin_rollback(&self.migration.timestamp())?;
        }
        // Somebody may have changed it again, back to what we wrote.
        ledger.reconsider_kept()
    }

    /// Everything of Vectorize; whether the index goes as a whole.
    async fn vectors(&self) -> Result<bool, Error> {
        let Self {
            migration, index, ..
        } = self;
        if index.describe().await?.is_none() {
            return Ok(self.origin() == Origin::Created);
        }
        vectors::await_pending(migration, index).await?;
        let overwritten = Overwritten {
            migration,
            index,
            saved: &self.saved,
        };
        overwritten.take_back().await?;
        let whole = vectors::take_back(migration, index, self.origin()).await?;
        if whole {
            self.delete_index().await?;
        }
        Ok(whole)
    }

    /// An index that an application has been writing to is never taken for the
    /// migration's own: each vector in it is looked at.
    fn origin(&self) -> Origin {
        let name = self.index.name().as_str();
        let created = self.created.indexes.iter().any(|created| created == name);
        match created && !self.was_sealed {
            true => Origin::Created,
            false => Origin::Found,
        }
    }

    async fn delete_index(&self) -> Result<(), Error> {
        let name = self.index.name();
        self.migration.ledger.take_back_present()?;
        if self.migration.is_dry_run() {
            self.migration.tell(format!(
                "would delete the index {name}: this migration created it, and it holds nothing else"
            ));
            return Ok(());
        }
        self.accounts.vectorize.delete_index(name).await?;
        self.migration.tell(format!(
            "deleted the index {name}: this migration created it, and it held nothing else"
        ));
        Ok(())
    }

    /// Puts back the entries of that kind.
    async fn shelves(&self, kind: Written) -> Result<(), Error> {
        if let Some(plan) = &self.file_index
            && let Some(shelf) = self.shelf(plan, kind).await?
        {
            shelf.take_back().await?;
        }
        Ok(())
    }

    /// The entries of that kind; none where their namespace is not there.
    async fn shelf<'p>(
        &'p self,
        plan: &'p FileIndexPlan,
        kind: Written,
    ) -> Result<Option<Shelf<'p>>, Error> {
        let (namespace, prefix) = match kind {
            Written::Count => (&plan.count.namespace, &plan.count.key),
            _ => (&plan.namespace, &plan.key_prefix),
        };
        let count = match plan.count.namespace == *namespace {
            true => plan.count.key.as_str(),
            false => "",
        };
        if !self.is_there(namespace).await? {
            return Ok(None);
        }
        Ok(Some(Shelf {
            migration: self.migration,
            kv: self.accounts.kv.kv(&planned_namespace(namespace)?),
            prefix,
            keys: Keys {
                namespace,
                count,
                kind,
            },
            expires: plan.ttl.is_some(),
        }))
    }

    async fn is_there(&self, namespace: &str) -> Result<bool, Error> {
        let found = find_namespace(&self.accounts.kv, namespace).await?;
        Ok(matches!(found, KvState::Present(_)))
    }

    /// Deletes KV namespaces that the migration created and that hold nothing else;
    /// says how many are gone.
    async fn created_namespaces(&self) -> Result<u64, Error> {
        let mut gone = 0;
        for id in &self.created.namespaces {
            if !self.is_there(id).await? {
                gone += 1;
            } else if self.is_ours_alone(id).await? {
                self.delete_namespace(id).await?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// How many of the KV namespaces that the migration created are not there.
    async fn namespaces_gone(&self) -> Result<u64, Error> {
        let mut gone = 0;
        for id in &self.created.namespaces {
            gone += u64::from(!self.is_there(id).await?);
        }
        Ok(gone)
    }

    async fn is_ours_alone(&self, id: &str) -> Result<bool, Error> {
        let ledger = &self.migration.ledger;
        let kv = self.accounts.kv.kv(&planned_namespace(id)?);
        let mut cursor = None;
        loop {
            self.migration.stop.check()?;
            let page = kv.list("", cursor.as_ref()).await?;
            for key in page.keys {
                let kept = ledger.is_taken_back(Written::Entry, &key.name, TakenBack::Kept)?
                    || ledger.is_taken_back(Written::Count, &key.name, TakenBack::Kept)?;
                if kept || !ledger.touched_key(id, &key.name)? {
                    return Ok(false);
                }
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(true),
            }
        }
    }

    async fn delete_namespace(&self, id: &str) -> Result<(), Error> {
        if self.migration.is_dry_run() {
            self.migration
                .tell(format!("would delete the KV namespace {id}"));
            return Ok(());
        }
        let namespace = planned_namespace(id)?;
        self.accounts.kv.delete_kv_namespace(&namespace).await?;
        self.migration.tell(format!(
            "deleted the KV namespace {id}: this migration created it, and it held nothing else"
        ));
        Ok(())
    }
}

fn sealed() -> Error {
    Error::refused("this migration is sealed: the application has been writing to its index since")
        .advise("give --reopen to take it back all the same; what the application has changed since stays as it is")
}
