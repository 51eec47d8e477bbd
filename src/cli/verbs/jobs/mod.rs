//! Migrations as they were asked for: by their places, or as jobs of the settings
//! file, one of them or all; and `jobs`, which names them for engines that spread
//! them over machines.

mod all;
mod clashes;
mod prepared;
mod table;

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::session::{JobArgs, Session};
use super::setup::Setup;
use crate::cli::args::{Global, RunOptions, WhichArgs};
use crate::cli::outcome::Last;
use crate::cli::{limits, open, outcome};
use crate::error::Error;
use crate::locator::Locator;
use crate::report::Report;
use crate::settings::Jobs;

use prepared::Prepared;

/// A migration as the operator wants it.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) from: Locator,
    pub(super) to: Locator,
    pub(super) options: RunOptions,
}

impl Wanted {
    /// Opens it for `verb`; `rehearse` where that writes nothing by nature.
    pub(super) async fn open<'a>(
        &self,
        setup: &'a Setup,
        verb: &'static str,
        rehearse: bool,
    ) -> Result<Session<'a>, Error> {
        let index = open::index_name(&self.to, &setup.settings)?;
        let options = &self.options;
        let job = JobArgs {
            verb,
            from: &self.from,
            dir: setup.dir(&index),
            index,
            mapping: &options.mapping,
            columns: options.columns.choice(),
            file_index: open::file_index(&options.file_index, &setup.settings)?,
            permissions: options.permissions.clone(),
            depth: options.depth.clone(),
            rehearse,
        };
        Session::open(setup, job).await
    }
}

/// What a command line asks to be done.
pub(super) enum Asked {
    /// The migration between these places.
    Places(Box<Wanted>),
    /// One job.
    Job(Box<Prepared>),
    /// Every job.
    All(Vec<Prepared>),
}

impl Asked {
    /// Does `verb` for the one migration, or for every job in turn.
    pub(super) async fn each(
        self,
        (setup, verb): (&Setup, &'static str),
        work: impl AsyncFn(&Setup, &Wanted, Last) -> Result<(Report, ExitCode), Error>,
    ) -> Result<ExitCode, Error> {
        let alone = async |setup: &Setup, wanted: &Wanted| {
            let (_, code) = work(setup, wanted, Last::Command).await?;
            Ok(code)
        };
        match self {
            Self::Places(wanted) => alone(setup, &wanted).await,
            Self::Job(job) => {
                job.begin();
                alone(&job.setup, &job.wanted).await
            }
            Self::All(jobs) => {
                let one = async |job: &Prepared| {
                    let (report, _) = work(&job.setup, &job.wanted, Last::Pass).await?;
                    Ok(report)
                };
                Ok(all::all((setup, verb), &jobs, one).await)
            }
        }
    }
}

/// What is asked for; a mistake in a job is told before any of them begins.
pub(super) fn asked(
    setup: &Setup,
    places: (Option<Locator>, Option<Locator>),
    which: &WhichArgs,
    options: RunOptions,
) -> Result<Asked, Error> {
    let (named, all) = (which.job.as_deref(), which.all);
    match (places, named, all) {
        ((Some(from), Some(to)), None, false) => Ok(Asked::Places(Box::new(Wanted {
            from,
            to,
            options,
        }))),
        ((None, None), Some(named), false) => one(setup, named, &options),
        ((None, None), None, true) => every(setup, &options),
        (_, Some(_), true) => Err(Error::usage("--job names one job, and --all means every one")
            .advise("give one of the two")),
        _ => Err(Error::usage(
            "FROM and TO of a job stand in the settings file, and cannot be given with --job or --all",
        )
        .advise("leave out the places, or leave out --job and --all")),
    }
}

fn one(setup: &Setup, named: &str, flags: &RunOptions) -> Result<Asked, Error> {
    let jobs = jobs(setup)?;
    let Some(job) = jobs.find(named) else {
        let (file, last) = (file(&setup.global), jobs.all().len() - 1);
        return Err(
            Error::usage(format!("{} has no job {named:?}", file.display())).advise(format!(
                "its jobs are {}; a number from 0 to {last} means the one at that place",
                jobs.names()
            )),
        );
    };
    let prepared = Prepared::new(setup, job, flags)?;
    // The others as they would be run without this command's flags; what is wrong
    // with one of them is its own matter.
    let global = Global {
        dir: None,
        ..setup.global.clone()
    };
    let others = jobs.all().iter().filter(|other| other.name != job.name);
    let plain = RunOptions::default();
    for other in others.filter_map(|other| Prepared::under(&global, setup, other, &plain).ok()) {
        clashes::check(&prepared, &other)?;
    }
    Ok(Asked::Job(Box::new(prepared)))
}

fn every(setup: &Setup, flags: &RunOptions) -> Result<Asked, Error> {
    refuse_for_all(&setup.global, flags)?;
    let prepared = jobs(setup)?.all().iter();
    let prepared = prepared.map(|job| Prepared::new(setup, job, flags));
    let mut prepared: Vec<Prepared> = prepared.collect::<Result<_, _>>()?;
    clashes::check_all(&prepared)?;
    // Whether two tokens are one user's, whose calls Cloudflare counts together,
    // cannot be known.
    let together = limits::budget_alone(&setup.pace, setup.clock);
    for job in &mut prepared {
        job.setup.together = Some(together.clone());
    }
    Ok(Asked::All(prepared))
}

/// What makes sense for one job only.
fn refuse_for_all(global: &Global, flags: &RunOptions) -> Result<(), Error> {
    let what = if global.dir.is_some() {
        "--dir is one folder, and each job works in its own"
    } else if flags.catch_up.follow.is_some() {
        "--follow repeats one migration until it is stopped, so that no other job would begin"
    } else {
        return Ok(());
    };
    Err(
        Error::usage(format!("{what}; it cannot be given with --all"))
            .advise("give it with --job NAME, or run --all again and again to catch up"),
    )
}

/// The jobs, of which there is at least one.
fn jobs(setup: &Setup) -> Result<&Jobs, Error> {
    let jobs = setup.settings.jobs();
    if jobs.all().is_empty() {
        let file = file(&setup.global);
        return Err(Error::usage(format!("{} names no jobs", file.display()))
            .advise("write a section [jobs.NAME] with from and to for each migration; see the README's section on configuration"));
    }
    Ok(jobs)
}

fn file(global: &Global) -> &Path {
    let named = global.config.as_deref();
    named.unwrap_or(Path::new(crate::settings::CONFIG_FILE))
}

/// `jobs`: prints the names.
pub(super) fn list(setup: &Setup) -> Result<ExitCode, Error> {
    let jobs = jobs(setup)?.all().iter();
    let text = if setup.global.json {
        let of = |(name, from, to)| json!({"name": name, "from": from, "to": to});
        let jobs: Vec<_> = jobs
            .map(|job| {
                (
                    &job.name,
                    job.section.from.to_string(),
                    job.section.to.to_string(),
                )
            })
            .map(of)
            .collect();
        let listed = json!({"schema": "cf-migrate/job-list/1", "verb": "jobs", "jobs": jobs});
        format!("{listed}\n")
    } else {
        jobs.map(|job| format!("{}\n", job.name)).collect()
    };
    Ok(outcome::print(&text, 0))
}
