//! `verify`: compares, and writes nothing to the account.

use std::process::ExitCode;

use super::session::{JobArgs, Session, Setup, file_index};
use crate::cli::args::{PermissionArgs, VerifyArgs};
use crate::cli::open;
use crate::error::Error;

pub(super) async fn run(setup: &Setup, args: VerifyArgs) -> Result<ExitCode, Error> {
    let index = open::index_name(&args.to, &setup.settings)?;
    let dir = setup.dir(&index);
    // Without a migration's folder the source is read into a scratch archive.
    let rehearse = !dir.join("ledger.db").is_file();
    let job = JobArgs {
        verb: "verify",
        from: &args.from,
        dir,
        index,
        mapping: &args.mapping,
        columns: args.columns.choice(),
        file_index: file_index(setup, &args.file_index)?,
        permissions: PermissionArgs::default(),
        depth: args.depth,
        rehearse,
    };
    let mut session = Session::open(setup, job).await?;
    session.report.dry_run = setup.global.dry_run;
    Ok(session
        .timed(async |job, report| job.verify(report).await)
        .await)
}
