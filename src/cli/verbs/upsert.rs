//! `upsert`: an archive's records to Vectorize.

use std::process::ExitCode;

use super::session::{JobArgs, Session};
use super::setup::Setup;
use crate::cli::args::{DepthArgs, UpsertArgs};
use crate::cli::open;
use crate::error::Error;
use crate::locator::Locator;

pub(super) async fn run(setup: &Setup, args: UpsertArgs) -> Result<ExitCode, Error> {
    if !matches!(args.archive, Locator::Path(_)) {
        let error = Error::usage(format!(
            "upsert reads an archive or a file, not {}",
            args.archive
        ));
        return Err(error.advise(match args.archive {
            Locator::Vectorize(_) => open::export_first(&args.archive),
            _ => format!(
                "run the whole migration: cf-migrate run {} {}",
                args.archive, args.to
            ),
        }));
    }
    let index = open::index_name(&args.to, &setup.settings)?;
    let job = JobArgs {
        verb: "upsert",
        from: &args.archive,
        dir: setup.dir(&index),
        index,
        mapping: &args.mapping,
        columns: args.columns.choice(),
        file_index: None,
        permissions: args.permissions,
        depth: DepthArgs::default(),
        rehearse: false,
    };
    let session = Session::open(setup, job).await?;
    Ok(session
        .timed(async |job, report| job.upsert(report).await)
        .await)
}
