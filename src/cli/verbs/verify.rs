//! `verify`: compares, and writes nothing to the account.

use std::process::ExitCode;

use super::jobs::{self, Asked, Wanted};
use super::session::{Session, Setup};
use crate::cli::args::{RunOptions, VerifyArgs};
use crate::cli::open;
use crate::cli::outcome::Last;
use crate::error::Error;
use crate::report::Report;

pub(super) async fn run(setup: &Setup, args: VerifyArgs) -> Result<ExitCode, Error> {
    let options = RunOptions {
        mapping: args.mapping,
        columns: args.columns,
        file_index: args.file_index,
        depth: args.depth,
        ..RunOptions::default()
    };
    match jobs::asked(setup, (args.from, args.to), &args.which, options)? {
        Asked::Places(wanted) => one(setup, &wanted).await,
        Asked::Job(job) => {
            job.begin();
            one(&job.setup, &job.wanted).await
        }
        Asked::All(jobs) => {
            let work = async |job: &jobs::Prepared| -> Result<Report, Error> {
                let mut session = open(&job.setup, &job.wanted).await?;
                let outcome = session
                    .measured(async |job, report| job.verify(report).await)
                    .await;
                Ok(session.concluded(outcome, Last::Pass).0)
            };
            Ok(jobs::all((setup, "verify"), &jobs, work).await)
        }
    }
}

async fn one(setup: &Setup, wanted: &Wanted) -> Result<ExitCode, Error> {
    let session = open(setup, wanted).await?;
    Ok(session
        .timed(async |job, report| job.verify(report).await)
        .await)
}

async fn open<'a>(setup: &'a Setup, wanted: &Wanted) -> Result<Session<'a>, Error> {
    let index = open::index_name(&wanted.to, &setup.settings)?;
    // Without a migration's folder the source is read into a scratch archive.
    let rehearse = !setup.dir(&index).join("ledger.db").is_file();
    let mut session = wanted.open(setup, "verify", rehearse).await?;
    session.report.dry_run = setup.global.dry_run;
    Ok(session)
}
