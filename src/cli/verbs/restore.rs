//! `restore`: an archive back into Qdrant, verified.

use std::path::PathBuf;
use std::process::ExitCode;

use super::setup::Setup;
use super::standalone;
use crate::cli::args::RestoreArgs;
use crate::cli::open;
use crate::cli::outcome::Ending;
use crate::cli::workspace::Workspace;
use crate::error::Error;
use crate::report::Report;
use crate::source::qdrant::QdrantTarget;
use crate::stages::context::{Migration, Mode};
use crate::stages::inventory::Existing;
use crate::stages::restore::{Fitting, Wish, restore};

pub(super) async fn run(setup: &Setup, args: RestoreArgs) -> Result<ExitCode, Error> {
    let target = setup
        .stop
        .interrupting(open::qdrant_target(&args.to, setup))
        .await?;
    let scratch = Workspace::scratch(&PathBuf::from("none.migration"))?;
    let mut open = setup.migration(scratch, setup.mode());
    let folder = open.scratch.take();
    let folder = folder.ok_or_else(|| Error::failed("there is no scratch folder"))?;
    let mut report = Report::of("restore", setup.global.dry_run);
    let begun = setup.clock.now();
    let wish = (&wish(&args), folder.path());
    let worked = work(&args, &target, wish, &mut open.migration, &mut report).await;
    report.seconds.total = (setup.clock.now() - begun).as_secs_f64();
    let error = worked.err();
    let ending = Ending {
        safe: safe(setup, &error, &report),
        ..Ending::resumable(setup, &mut report, error)
    };
    Ok(ending.tell())
}

async fn work(
    args: &RestoreArgs,
    target: &QdrantTarget,
    wish: (&Wish, &std::path::Path),
    migration: &mut Migration,
    report: &mut Report,
) -> Result<(), Error> {
    if let Some(alias) = target.alias() {
        migration.warn(format!(
            "{alias:?} is an alias of collection {:?}, which is what is restored into",
            target.collection()
        ));
    }
    let columns = args.columns.choice();
    let generation = standalone::archive(migration, &args.archive, &columns).await?;
    restore(migration, &generation, target, wish, report).await
}

fn wish(args: &RestoreArgs) -> Wish {
    Wish {
        fitting: Fitting {
            namespace_field: args.namespace_field.clone(),
            data_field: args.data_field.clone(),
        },
        distance: args.distance,
        existing: match args.overwrite {
            true => Existing::Overwrite,
            false => Existing::Refuse,
        },
        depth: (args.sample, args.sample_seed),
    }
}

/// What is known to be in the collection when it ends early.
fn safe(setup: &Setup, error: &Option<Error>, report: &Report) -> Vec<String> {
    let (Some(_), Some(facts), Mode::Write) = (error, &report.restore, setup.mode()) else {
        return Vec::new();
    };
    let there = facts.written + facts.unchanged;
    vec![format!(
        "safe: the archive is as it was; {there} of {} points are known to be in the collection",
        facts.points
    )]
}
