//! `index`: the file index, from a migration's archive or from Vectorize itself.

use std::path::Path;
use std::process::ExitCode;

use super::session::{JobArgs, Session, Setup};
use crate::cli::args::{IndexArgs, PermissionArgs};
use crate::cli::open;
use crate::cli::outcome::Ending;
use crate::cli::workspace::{Workspace, folder_of};
use crate::cloudflare::IndexName;
use crate::error::Error;
use crate::file_index::{FileIndex, Holdings};
use crate::ledger::Ledger;
use crate::locator::Locator;
use crate::plan::{Plan, find_namespace};
use crate::report::Report;
use crate::stages::context::Migration;
use crate::stages::index::{StaleEntries, index};
use crate::stages::listing::read_index;
use crate::stages::prepare::{
    Accounts, FileIndexWish, check_namespaces, file_index_plan, planned_namespace,
};
use crate::transform::Mapping;

pub(super) async fn run(setup: &Setup, args: IndexArgs) -> Result<ExitCode, Error> {
    match &args.from {
        Locator::Vectorize(_) => from_vectorize(setup, &args).await,
        Locator::Path(path) => from_archive(setup, &args, path).await,
        other => Err(Error::usage(format!(
            "index reads an archive or vectorize:INDEX, not {other}"
        ))
        .advise("run the whole migration with --file-index, or name the migration's archive")),
    }
}

/// The archive must be a migration's: its ledger says which records it became
/// and which index holds them.
async fn from_archive(setup: &Setup, args: &IndexArgs, path: &Path) -> Result<ExitCode, Error> {
    let dir = setup.global.dir.clone().or_else(|| folder_of(path)).ok_or_else(|| {
        Error::usage(format!("{} is not in a migration folder", path.display())).advise(
            "name the archive of a migration whose records are written, or give its folder with --dir; \
             without one, build the index from Vectorize itself: cf-migrate index vectorize:INDEX kv:NAMESPACE",
        )
    })?;
    let plan = Plan::load(&Ledger::open(&dir.join("ledger.db"))?)?;
    let plan = plan.ok_or_else(|| {
        Error::usage(format!("no migration was begun in {}", dir.display()))
            .advise("upsert the archive first: cf-migrate upsert ARCHIVE vectorize:INDEX")
    })?;
    let job = JobArgs {
        verb: "index",
        from: &args.from,
        index: IndexName::new(plan.target.index.as_str())?,
        dir,
        mapping: &args.mapping,
        file_index: Some(open::entries(&args.to, &args.entries, &setup.settings)?),
        permissions: PermissionArgs {
            prune: args.prune,
            // The records are written: what was rejected then was decided then.
            allow_rejects: u64::MAX,
            ..PermissionArgs::default()
        },
        depth: None,
        rehearse: false,
    };
    let session = Session::open(setup, job).await?;
    Ok(session
        .timed(async |job, report| job.index(report).await)
        .await)
}

async fn from_vectorize(setup: &Setup, args: &IndexArgs) -> Result<ExitCode, Error> {
    let name = open::index_name(&args.from, &setup.settings)?;
    let wish = open::entries(&args.to, &args.entries, &setup.settings)?;
    let dir = setup.dir(&name);
    let accounts = setup.accounts(&dir, setup.mode())?;
    let scratch = Workspace::scratch(&dir.join("none.migration"))?;
    let open = setup.migration(scratch, setup.mode());
    let mut report = Report::of("index", setup.global.dry_run);
    let begun = setup.clock.now();
    let outcome = rebuild(
        setup,
        args,
        &accounts,
        (&name, &wish),
        &open.migration,
        &mut report,
    )
    .await;
    report.seconds.total = (setup.clock.now() - begun).as_secs_f64();
    report.seconds.index = Some(report.seconds.total);
    report.requests = Some(accounts.requests());
    let error = outcome.err();
    let resumable = error
        .as_ref()
        .is_some_and(crate::cli::outcome::is_resumable);
    let ending = Ending {
        resumable,
        ..Ending::new(setup, &mut report, error)
    };
    Ok(ending.tell())
}

async fn rebuild(
    setup: &Setup,
    args: &IndexArgs,
    accounts: &Accounts,
    (name, wish): (&IndexName, &FileIndexWish),
    migration: &Migration,
    report: &mut Report,
) -> Result<(), Error> {
    let mapping = setup
        .settings
        .mapping(&args.mapping)
        .over(&Mapping::default());
    let vectorize = accounts.vectorize.vectorize(name);
    if vectorize.describe().await?.is_none() {
        return Err(Error::refused(format!("the index {name} does not exist"))
            .advise("name an existing index"));
    }
    let entries = find_namespace(&accounts.kv, &wish.namespace).await?;
    let count = match &wish.count.0 {
        Some(namespace) => find_namespace(&accounts.kv, namespace).await?,
        None => entries.clone(),
    };
    check_namespaces((&entries, &count), setup.global.create)?;
    let kv = Some((entries, count));
    let (vectors, without_file) = read_index(migration, &vectorize, &mapping).await?;
    if without_file > 0 {
        migration.warn(format!(
            "{without_file} vectors belong to no file: neither their id nor their metadata gives the key {}",
            mapping.file_key
        ));
    }
    let plan = file_index_plan(
        migration,
        accounts,
        Some(wish),
        kv.as_ref(),
        &mapping.file_key,
    )
    .await?;
    let Some(plan) = plan else {
        migration.tell(format!("would write {} entries", migration.ledger.files()?));
        return Ok(());
    };
    let kv = accounts.kv.kv(&planned_namespace(&plan.namespace)?);
    let count_kv = accounts.kv.kv(&planned_namespace(&plan.count.namespace)?);
    let holdings = Holdings::Index {
        ledger: &migration.ledger,
        index: &vectorize,
    };
    let file_index = FileIndex {
        ledger: &migration.ledger,
        kv: &kv,
        holdings,
        plan: &plan,
    };
    let stale = if args.prune {
        StaleEntries::Prune
    } else {
        StaleEntries::Report
    };
    report.file_index = Some(index(migration, &file_index, &count_kv, vectors, stale).await?);
    Ok(())
}
