//! `index`: the file index, from a migration, from a bare archive, or from
//! Vectorize itself.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::session::{JobArgs, Session};
use super::setup::Setup;
use super::standalone;
use crate::cli::args::{DepthArgs, IndexArgs, PermissionArgs};
use crate::cli::open;
use crate::cli::outcome::Ending;
use crate::cli::workspace::{Workspace, folder_of};
use crate::cloudflare::IndexName;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::locator::Locator;
use crate::plan::Plan;
use crate::report::Report;
use crate::stages::context::Migration;
use crate::stages::index::StaleEntries;
use crate::stages::prepare::Accounts;
use crate::stages::rebuild::{Basis, Rebuild, rebuild};
use crate::transform::Mapping;

pub(super) async fn run(setup: &Setup, args: IndexArgs) -> Result<ExitCode, Error> {
    match &args.from {
        Locator::Vectorize(_) => {
            let dir = setup.dir(&open::index_name(&args.from, &setup.settings)?);
            alone(setup, &args, dir).await
        }
        Locator::Path(path) => match migration_of(setup, path)? {
            Some((dir, plan)) => of_migration(setup, &args, dir, &plan).await,
            None => {
                let dir = setup
                    .global
                    .dir
                    .clone()
                    .unwrap_or_else(|| PathBuf::from("."));
                alone(setup, &args, dir).await
            }
        },
        other => Err(Error::usage(format!(
            "index reads an archive or vectorize:INDEX, not {other}"
        ))
        .advise("run the whole migration with --file-index, or name the migration's archive")),
    }
}

/// The migration that an archive belongs to: its ledger says which records it
/// became and which index holds them.
fn migration_of(setup: &Setup, path: &Path) -> Result<Option<(PathBuf, Plan)>, Error> {
    let named = setup
        .global
        .dir
        .clone()
        .filter(|dir| dir.join("ledger.db").is_file());
    let Some(dir) = named.or_else(|| folder_of(path)) else {
        return Ok(None);
    };
    let ledger = Ledger::as_it_is(&dir.join("ledger.db"))?;
    let plan = ledger.map(|ledger| Plan::load(&ledger)).transpose()?;
    Ok(plan.flatten().map(|plan| (dir, plan)))
}

async fn of_migration(
    setup: &Setup,
    args: &IndexArgs,
    dir: PathBuf,
    plan: &Plan,
) -> Result<ExitCode, Error> {
    let job = JobArgs {
        verb: "index",
        from: &args.from,
        index: IndexName::new(plan.target.index.as_str())?,
        dir,
        mapping: &args.mapping,
        columns: args.columns.choice(),
        file_index: Some(open::entries(&args.to, &args.entries, &setup.settings)?),
        permissions: PermissionArgs {
            prune: args.prune,
            // The records are written: what was rejected then was decided then.
            allow_rejects: Some(u64::MAX),
            ..PermissionArgs::default()
        },
        depth: DepthArgs::default(),
        rehearse: false,
    };
    let session = Session::open(setup, job).await?;
    Ok(session
        .timed(async |job, report| job.index(report).await)
        .await)
}

/// Without a migration: the ledger that this needs is made anew and thrown away.
async fn alone(setup: &Setup, args: &IndexArgs, dir: PathBuf) -> Result<ExitCode, Error> {
    // What contradicts itself is told before anything is opened.
    setup.settings.mapping(&args.mapping)?;
    let accounts = setup.accounts(&dir, setup.mode())?;
    let scratch = Workspace::scratch(&dir.join("none.migration"))?;
    let mut open = setup.migration(scratch, setup.mode());
    let mut report = Report::of("index", setup.global.dry_run);
    let begun = setup.clock.now();
    let outcome = work(setup, args, &accounts, &mut open.migration, &mut report).await;
    report.seconds.total = (setup.clock.now() - begun).as_secs_f64();
    report.seconds.index = Some(report.seconds.total);
    report.requests = Some(accounts.requests());
    Ok(Ending::resumable(setup, &mut report, outcome.err()).tell())
}

async fn work(
    setup: &Setup,
    args: &IndexArgs,
    accounts: &Accounts,
    migration: &mut Migration,
    report: &mut Report,
) -> Result<(), Error> {
    let asked = Rebuild {
        wish: open::entries(&args.to, &args.entries, &setup.settings)?,
        create: setup.global.create,
        stale: if args.prune {
            StaleEntries::Prune
        } else {
            StaleEntries::Report
        },
    };
    if let Locator::Path(path) = &args.from {
        let generation = standalone::archive(migration, path, &args.columns.choice()).await?;
        let transform = standalone::transform(setup, &args.mapping, &generation)?;
        let basis = Basis::Archive(&generation, &transform);
        return rebuild(migration, accounts, &asked, basis, report).await;
    }
    let name = open::index_name(&args.from, &setup.settings)?;
    let options = setup.settings.mapping(&args.mapping)?;
    let mapping = options.over(&Mapping::default());
    tell_without_part(migration, &mapping);
    let vectorize = accounts.vectorize.vectorize(&name);
    if vectorize.describe().await?.is_none() {
        return Err(Error::refused(format!("the index {name} does not exist"))
            .advise("there is nothing to list: name an existing index"));
    }
    let basis = Basis::Index(&vectorize, &mapping);
    rebuild(migration, accounts, &asked, basis, report).await
}

/// The index's records are what they are: options that shaped them have no part in
/// finding out their files.
fn tell_without_part(migration: &Migration, mapping: &Mapping) {
    let plain = Mapping::default();
    let idle: Vec<&str> = [
        ("--namespace", mapping.namespace != plain.namespace),
        ("--vector", mapping.vector != plain.vector),
        ("--dims", mapping.dims != plain.dims),
        ("--map", mapping.map != plain.map),
        ("--rename", mapping.rename != plain.rename),
        ("--keep", mapping.keep != plain.keep),
        ("--drop", mapping.drop != plain.drop),
        ("--nulls", mapping.nulls != plain.nulls),
        ("--truncate", mapping.truncate != plain.truncate),
    ]
    .into_iter()
    .filter_map(|(flag, given)| given.then_some(flag))
    .collect();
    if !idle.is_empty() {
        migration.tell(format!(
            "{}: without effect here, the file index is built from the records as they are in the index",
            idle.join(", ")
        ));
    }
}
