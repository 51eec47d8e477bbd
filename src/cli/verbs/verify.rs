//! `verify`: compares, and writes nothing to the account.

use std::process::ExitCode;

use super::jobs::{self, Wanted};
use super::session::Session;
use super::setup::Setup;
use crate::cli::args::{RunOptions, VerifyArgs};
use crate::cli::open;
use crate::error::Error;

pub(super) async fn run(setup: &Setup, args: VerifyArgs) -> Result<ExitCode, Error> {
    let options = RunOptions {
        mapping: args.mapping,
        columns: args.columns,
        file_index: args.file_index,
        depth: args.depth,
        ..RunOptions::default()
    };
    let asked = jobs::asked(setup, (args.from, args.to), &args.which, options)?;
    asked
        .each((setup, "verify"), async |setup, wanted, last| {
            let session = open(setup, wanted).await?;
            Ok(session
                .concluded(last, async |job, report| job.verify(report).await)
                .await)
        })
        .await
}

async fn open<'a>(setup: &'a Setup, wanted: &Wanted) -> Result<Session<'a>, Error> {
    let index = open::index_name(&wanted.to, &setup.settings)?;
    // Without a migration's folder the source is read into a scratch archive.
    let rehearse = !setup.dir(&index).join("ledger.db").is_file();
    let mut session = wanted.open(setup, "verify", rehearse).await?;
    session.report.dry_run = setup.global.dry_run;
    Ok(session)
}
