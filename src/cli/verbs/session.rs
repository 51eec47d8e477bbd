//! A job from its arguments to its ending.

use std::path::PathBuf;
use std::process::ExitCode;

use tempfile::TempDir;

use super::setup::Setup;
use crate::archive::Archive;
use crate::cli::args::{DepthArgs, PermissionArgs};
use crate::cli::open;
use crate::cli::outcome::{self, Ending, Last};
use crate::cli::workspace::Workspace;
use crate::cloudflare::IndexName;
use crate::error::Error;
use crate::file_index::FileIndexPlan;
use crate::locator::Locator;
use crate::plan::load_file_index;
use crate::report::{Passed, Report, snippets};
use crate::settings::MappingOptions;
use crate::source::file::ColumnChoice;
use crate::stages::context::{Migration, Mode};
use crate::stages::generation::nothing_left;
use crate::stages::index::StaleEntries;
use crate::stages::inventory::Existing;
use crate::stages::prepare::{FileIndexWish, Request};
use crate::stages::run::{Job, Origin, Permissions};
use crate::verify::{DEFAULT_SAMPLE, Depth};

/// The arguments of a verb that works on one migration.
pub(super) struct JobArgs<'a> {
    pub(super) verb: &'static str,
    pub(super) from: &'a Locator,
    pub(super) index: IndexName,
    pub(super) dir: PathBuf,
    pub(super) mapping: &'a MappingOptions,
    pub(super) columns: ColumnChoice,
    pub(super) file_index: Option<FileIndexWish>,
    pub(super) permissions: PermissionArgs,
    pub(super) depth: DepthArgs,
    /// A rehearsal, whatever `--dry-run` says.
    pub(super) rehearse: bool,
}

/// A job, ready to run.
pub(super) struct Session<'a> {
    setup: &'a Setup,
    job: Job,
    pub(super) report: Report,
    /// What passes of the same command before this one came to.
    pub(super) passed: Option<Passed>,
    _scratch: Option<TempDir>,
}

impl<'a> Session<'a> {
    pub(super) async fn open(setup: &'a Setup, args: JobArgs<'_>) -> Result<Self, Error> {
        let mode = if args.rehearse {
            Mode::DryRun
        } else {
            setup.mode()
        };
        let mapping = setup.settings.mapping(args.mapping)?;
        // The account's settings and the source are looked at before any folder
        // is made: a mistake in either leaves nothing behind.
        let accounts = match &setup.global.sandbox {
            Some(_) => None,
            None => Some(setup.accounts(&args.dir, mode)?),
        };
        let (origin, unreadable) = open::origin(
            args.from,
            (mapping.vector.as_deref(), &args.columns),
            &Archive::at(args.dir.join("archive")),
            setup,
        )
        .await?;
        let mut open = setup.migration(Workspace::open(&args.dir, mode)?, mode);
        let accounts = match accounts {
            Some(accounts) => accounts,
            None => setup.accounts(&args.dir, mode)?,
        };
        let report = Report::of(args.verb, mode == Mode::DryRun);
        if let Some(error) = unreadable {
            go_on_without_source(&open.migration, args.verb, error)?;
        } else if matches!(origin, Origin::Source(_)) {
            let ledger = &open.migration.ledger;
            ledger.remember_asked(&args.from.to_string())?;
        }
        let request = Request {
            index: args.index,
            mapping,
            create: setup.global.create,
            file_index: args.file_index,
        };
        let job = Job {
            folder: open.folder.take(),
            migration: open.migration,
            origin,
            accounts,
            request,
            permissions: permissions(&args.permissions),
            depth: depth(&args.depth),
        };
        Ok(Self {
            setup,
            job,
            report,
            passed: None,
            _scratch: open.scratch.take(),
        })
    }

    /// Concludes with what the job came to.
    fn conclude(mut self, outcome: Result<(), Error>, last: Last) -> (Report, ExitCode) {
        self.report.requests = Some(self.job.requests());
        let error = outcome.err();
        let archived = self
            .report
            .points
            .as_ref()
            .map_or(0, |points| points.archived);
        let (safe, resumable) = match &error {
            Some(error) if !self.report.dry_run => (
                outcome::safe(&self.job.migration.ledger, archived),
                outcome::is_resumable(error),
            ),
            _ => (Vec::new(), false),
        };
        let next = self.next();
        let ending = Ending {
            folder: self.job.folder.as_ref(),
            safe,
            resumable,
            next,
            last,
            passed: self.passed,
            ..Ending::new(self.setup, &mut self.report, error)
        };
        let code = ending.tell();
        (self.report, code)
    }

    /// The bindings of what was filled, and what the application must mind.
    fn next(&self) -> Vec<String> {
        let fills = matches!(self.report.verb, "run" | "upsert");
        if !fills || self.report.dry_run {
            return Vec::new();
        }
        let ledger = &self.job.migration.ledger;
        let plan: Option<FileIndexPlan> = load_file_index(ledger).ok().flatten();
        let namespace = plan.as_ref().map(|plan| plan.namespace.as_str());
        let mut next = vec![snippets::bindings(
            self.job.request.index.as_str(),
            namespace,
        )];
        if plan.is_some() {
            let over = |ids| ledger.files_longer_than(ids).unwrap_or(0);
            next.extend(snippets::long_files(
                over(snippets::GET_BY_IDS),
                over(snippets::DELETE_BY_IDS),
            ));
        }
        next
    }

    /// Does the whole command, and measures it.
    pub(super) async fn timed(
        self,
        work: impl AsyncFnOnce(&mut Job, &mut Report) -> Result<(), Error>,
    ) -> ExitCode {
        self.concluded(Last::Command, work).await.1
    }

    /// The same, of the whole command or of a pass of it; gives the report too.
    pub(super) async fn concluded(
        mut self,
        last: Last,
        work: impl AsyncFnOnce(&mut Job, &mut Report) -> Result<(), Error>,
    ) -> (Report, ExitCode) {
        let begun = self.setup.clock.now();
        let outcome = work(&mut self.job, &mut self.report).await;
        self.report.seconds.total = (self.setup.clock.now() - begun).as_secs_f64();
        self.conclude(outcome, last)
    }
}

/// Says that the source cannot be read.
///
/// Errors: that it cannot, where nothing is left to be done without it: it was not
/// caught up with then.
fn go_on_without_source(migration: &Migration, verb: &str, error: Error) -> Result<(), Error> {
    if matches!(verb, "run" | "upsert") && nothing_left(migration)? {
        return Err(error);
    }
    let why = crate::report::facts::chain(&error);
    migration.warn(format!(
        "the source cannot be asked ({why}); going on with the archive, which is complete"
    ));
    Ok(())
}

fn permissions(args: &PermissionArgs) -> Permissions {
    Permissions {
        existing: match (args.overwrite, args.keep_overwritten) {
            (false, _) => Existing::Refuse,
            (true, false) => Existing::Overwrite,
            (true, true) => Existing::KeepOverwritten,
        },
        allowed_rejects: args.allow_rejects.unwrap_or(0),
        stale: match (args.prune_anyway, args.prune) {
            (true, _) => StaleEntries::PruneAnyway,
            (false, true) => StaleEntries::Prune,
            (false, false) => StaleEntries::Report,
        },
    }
}

fn depth(args: &DepthArgs) -> Depth {
    Depth {
        sample: args.sample.unwrap_or(DEFAULT_SAMPLE),
        seed: args.sample_seed.unwrap_or(1),
    }
}
