//! `plan`: what `run` finds out before its first write.

use std::process::ExitCode;

use super::jobs;
use super::setup::Setup;
use crate::cli::args::{PlanArgs, RunOptions};
use crate::error::Error;

pub(super) async fn run(setup: &Setup, args: PlanArgs) -> Result<ExitCode, Error> {
    let full = args.full;
    let options = RunOptions {
        mapping: args.mapping,
        columns: args.columns,
        file_index: args.file_index,
        permissions: args.permissions,
        ..RunOptions::default()
    };
    let asked = jobs::asked(setup, (args.from, args.to), &args.which, options)?;
    asked
        .each((setup, "plan"), async |setup, wanted, last| {
            let session = wanted.open(setup, "plan", true).await?;
            Ok(session
                .concluded(last, async |job, report| job.plan(full, report).await)
                .await)
        })
        .await
}
