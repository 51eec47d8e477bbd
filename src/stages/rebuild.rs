//! The file index on its own, without a migration: from what Vectorize lists, or
//! from an archive whose records were uploaded by other means.

use crate::archive::Generation;
use crate::cloudflare::Vectorize;
use crate::error::Error;
use crate::file_index::{FileIndex, Holdings};
use crate::plan::find_namespace;
use crate::report::{PointFacts, Report};
use crate::stages::check::{Files, check};
use crate::stages::context::Migration;
use crate::stages::index::{StaleEntries, index};
use crate::stages::listing::read_index;
use crate::stages::prepare::{
    Accounts, FileIndexWish, check_namespaces, file_index_plan, planned_namespace,
};
use crate::stages::stale_entries::check_prune;
use crate::stages::{changes, remarks};
use crate::transform::{Mapping, Transform};

/// What the index is made from.
pub enum Basis<'a> {
    /// The ids that Vectorize lists, and their metadata where ids do not tell
    /// the file.
    Index(&'a Vectorize, &'a Mapping),
    /// An archive's points.
    Archive(&'a Generation, &'a Transform),
}

/// What was asked for.
#[derive(Debug)]
pub struct Rebuild {
    /// Where entries and count go.
    pub wish: FileIndexWish,
    /// Whether a missing namespace may be created.
    pub create: bool,
    /// What to do about stale entries.
    pub stale: StaleEntries,
}

/// Fills the migration's ledger, which must be empty, and writes what differs.
///
/// Errors: the account's, and what [`index`] refuses.
pub async fn rebuild(
    migration: &Migration,
    accounts: &Accounts,
    asked: &Rebuild,
    basis: Basis<'_>,
    report: &mut Report,
) -> Result<(), Error> {
    let wish = &asked.wish;
    let entries = find_namespace(&accounts.kv, &wish.namespace).await?;
    let count = match wish.count_namespace() {
        Some(namespace) => find_namespace(&accounts.kv, namespace).await?,
        None => entries.clone(),
    };
    let file_key = match &basis {
        Basis::Index(_, mapping) => &mapping.file_key,
        Basis::Archive(_, transform) => &transform.mapping().file_key,
    };
    check_prune(asked.stale, file_key)?;
    check_namespaces((&entries, &count), asked.create)?;
    let vectors = fill(migration, &basis, report).await?;
    let holdings = match &basis {
        Basis::Index(index, _) => Holdings::Index {
            ledger: &migration.ledger,
            index,
        },
        Basis::Archive(..) => Holdings::Unknown,
    };
    let kv = Some((entries, count));
    let plan = file_index_plan(migration, accounts, Some(wish), kv.as_ref(), file_key).await?;
    let Some(plan) = plan else {
        return remarks::of_missing_file_index(migration);
    };
    let kv = accounts.kv.kv(&planned_namespace(&plan.namespace)?);
    let count_kv = accounts.kv.kv(&planned_namespace(&plan.count.namespace)?);
    let file_index = FileIndex {
        ledger: &migration.ledger,
        kv: &kv,
        holdings,
        plan: &plan,
    };
    report.file_index = Some(index(migration, &file_index, &count_kv, vectors, asked.stale).await?);
    Ok(())
}

/// Fills the ledger; says how many vectors there are.
async fn fill(migration: &Migration, basis: &Basis<'_>, report: &mut Report) -> Result<u64, Error> {
    match basis {
        Basis::Index(vectorize, mapping) => {
            let (vectors, without_file) = read_index(migration, vectorize, mapping).await?;
            if without_file > 0 {
                migration.warn(format!(
                    "{without_file} vectors belong to no file: neither their id nor their metadata gives the key {}",
                    mapping.file_key
                ));
            }
            Ok(vectors)
        }
        Basis::Archive(generation, transform) => {
            check(migration, generation, transform, Files::Indexed)?;
            remarks::of_check(migration, Files::Indexed)?;
            remarks::of_shared_files(migration, transform.mapping())?;
            let changed = changes::facts(&migration.ledger, transform.mapping())?;
            changes::tell(migration, &changed);
            report.mapping = Some(changed);
            migration.warn(
                "the index itself was not asked: ids of others in an entry are kept unseen, and the count is that of this archive's records",
            );
            let totals = migration.ledger.totals()?;
            report.points = Some(PointFacts {
                source: Some(generation.count()),
                archived: generation.count(),
                rejected: totals.rejected,
                ..PointFacts::default()
            });
            Ok(totals.records)
        }
    }
}
