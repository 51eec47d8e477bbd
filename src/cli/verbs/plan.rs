//! `plan`: what `run` finds out before its first write.

use std::process::ExitCode;

use super::jobs::{self, Asked, Wanted};
use super::session::Setup;
use crate::cli::args::{PlanArgs, RunOptions};
use crate::cli::outcome::Last;
use crate::error::Error;
use crate::report::Report;

pub(super) async fn run(setup: &Setup, args: PlanArgs) -> Result<ExitCode, Error> {
    let full = args.full;
    let options = RunOptions {
        mapping: args.mapping,
        columns: args.columns,
        file_index: args.file_index,
        permissions: args.permissions,
        ..RunOptions::default()
    };
    match jobs::asked(setup, (args.from, args.to), &args.which, options)? {
        Asked::Places(wanted) => one(setup, &wanted, full).await,
        Asked::Job(job) => {
            job.begin();
            one(&job.setup, &job.wanted, full).await
        }
        Asked::All(jobs) => {
            let work = async |job: &jobs::Prepared| -> Result<Report, Error> {
                let mut session = job.wanted.open(&job.setup, "plan", true).await?;
                let outcome = session
                    .measured(async |job, report| job.plan(full, report).await)
                    .await;
                Ok(session.concluded(outcome, Last::Pass).0)
            };
            Ok(jobs::all((setup, "plan"), &jobs, work).await)
        }
    }
}

async fn one(setup: &Setup, wanted: &Wanted, full: bool) -> Result<ExitCode, Error> {
    let session = wanted.open(setup, "plan", true).await?;
    Ok(session
        .timed(async |job, report| job.plan(full, report).await)
        .await)
}
