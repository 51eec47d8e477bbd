//! `plan`: what `run` finds out before its first write.

use std::process::ExitCode;

use super::session::{JobArgs, Session, Setup, file_index};
use crate::cli::args::PlanArgs;
use crate::cli::open;
use crate::error::Error;

pub(super) async fn run(setup: &Setup, args: PlanArgs) -> Result<ExitCode, Error> {
    let index = open::index_name(&args.to, &setup.settings)?;
    let job = JobArgs {
        verb: "plan",
        from: &args.from,
        dir: setup.dir(&index),
        index,
        mapping: &args.mapping,
        columns: args.columns.choice(),
        file_index: file_index(setup, &args.file_index)?,
        permissions: args.permissions,
        depth: None,
        rehearse: true,
    };
    let session = Session::open(setup, job).await?;
    Ok(session
        .timed(async |job, report| job.plan(args.full, report).await)
        .await)
}
