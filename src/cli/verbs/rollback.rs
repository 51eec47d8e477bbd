//! `rollback`: takes back what a migration wrote, once the operator has typed the
//! index's name or given `--yes`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use super::setup::{OpenMigration, Setup};
use crate::cli::args::RollbackArgs;
use crate::cli::outcome::{self, Ending};
use crate::cli::workspace::Workspace;
use crate::error::Error;
use crate::ledger::{Ledger, Milestone, TakenBack, Written};
use crate::report::Report;
use crate::stages::context::Mode;
use crate::stages::prepare::Accounts;
use crate::stages::rollback::{Rollback, Seal};

pub(super) async fn run(setup: &Setup, args: RollbackArgs) -> Result<ExitCode, Error> {
    check(setup, &args)?;
    let mode = setup.mode();
    let accounts = match &setup.global.sandbox {
        Some(_) => None,
        None => Some(setup.accounts(&args.folder, mode)?),
    };
    let open = setup.migration(Workspace::open(&args.folder, mode)?, mode);
    let accounts = match accounts {
        Some(accounts) => accounts,
        None => setup.accounts(&args.folder, mode)?,
    };
    let mut report = Report::of("rollback", mode == Mode::DryRun);
    let begun = setup.clock.now();
    let ended = work(&args, &open, &accounts, &mut report).await;
    report.seconds.total = (setup.clock.now() - begun).as_secs_f64();
    report.requests = Some(accounts.requests());
    Ok(end(setup, &open, &mut report, ended.err()))
}

async fn work(
    args: &RollbackArgs,
    open: &OpenMigration,
    accounts: &Accounts,
    report: &mut Report,
) -> Result<(), Error> {
    let seal = if args.reopen {
        Seal::Open
    } else {
        Seal::Respect
    };
    let rollback = Rollback::open(&open.migration, accounts, &args.folder, seal)?;
    if !rollback.is_done()? {
        rollback.tell_prospect()?;
        if !args.yes && !open.migration.is_dry_run() {
            confirm(rollback.index().as_str())?;
        }
    }
    rollback.carry_out(report).await
}

fn end(setup: &Setup, open: &OpenMigration, report: &mut Report, error: Option<Error>) -> ExitCode {
    let resumable = error.as_ref().is_some_and(outcome::is_resumable);
    let stopped = resumable && !report.dry_run;
    let safe = match stopped {
        true => safe(&open.migration.ledger).unwrap_or_default(),
        false => Vec::new(),
    };
    let ending = Ending {
        folder: open.folder.as_ref(),
        safe,
        resumable,
        ..Ending::new(setup, report, error)
    };
    ending.tell()
}

/// What is taken back whatever happens next.
fn safe(ledger: &Ledger) -> Result<Vec<String>, Error> {
    if !ledger.reached(Milestone::RollbackBegun)? {
        return Ok(vec!["nothing was taken back yet".to_owned()]);
    }
    let mut entries = 0;
    for kind in [Written::Entry, Written::Count] {
        for outcome in [TakenBack::Restored, TakenBack::Deleted] {
            entries += ledger.taken_back(kind, outcome, 0)?.0;
        }
    }
    let (vectors, _) = ledger.taken_back(Written::Vector, TakenBack::Deleted, 0)?;
    Ok(vec![format!(
        "so far {entries} entries were put back or removed, and {vectors} vectors deleted; nothing that was changed since was touched"
    )])
}

/// What can be told to be wrong before anything is opened.
fn check(setup: &Setup, args: &RollbackArgs) -> Result<(), Error> {
    if setup.global.dir.is_some() {
        return Err(Error::usage(
            "--dir names the folder of a migration, and so does rollback DIR",
        )
        .advise("name it once: cf-migrate rollback DIR"));
    }
    if !is_migration(&args.folder) {
        return Err(Error::usage(format!(
            "{} is no migration folder: there is no ledger.db in it",
            args.folder.display()
        ))
        .advise("name the folder of the migration, such as INDEX.migration"));
    }
    let asks = !args.yes && !setup.global.dry_run;
    if asks && !can_ask() {
        return Err(Error::usage(
            "rollback asks for the index's name to be typed, and there is no terminal to type it on",
        )
        .advise("see first with --dry-run what it would do; then give --yes"));
    }
    Ok(())
}

fn is_migration(dir: &Path) -> bool {
    dir.join("ledger.db").is_file()
}

fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for the index's name.
fn confirm(index: &str) -> Result<(), Error> {
    let mut terminal = std::io::stderr();
    // A terminal that takes no text will give none either.
    let _ = write!(
        terminal,
        "\nto take this back, type the name of the index ({index}): "
    );
    let _ = terminal.flush();
    let mut typed = String::new();
    let read = std::io::stdin().lock().read_line(&mut typed);
    if read.is_ok() && typed.trim() == index {
        return Ok(());
    }
    Err(
        Error::refused("the index's name was not typed; nothing was changed")
            .advise("run the same command again and type it, or give --yes"),
    )
}
