//! `run`: the whole migration, once or again and again; one of them, or every job.

use std::num::NonZeroU32;
use std::process::ExitCode;

use super::jobs::{self, Asked, Wanted};
use super::session::Setup;
use crate::cli::args::{CatchUpArgs, RunArgs};
use crate::cli::outcome::{self, Last};
use crate::error::{Error, Kind};
use crate::progress::{Level, Progress as _};
use crate::report::{Outcome, Report};
use crate::stages::follow::{Followed, Pass, follow};
use crate::stages::run::Job;

/// Generations of the archive that are kept, where nothing else is said.
const KEPT: NonZeroU32 = NonZeroU32::new(2).expect("two are some");

pub(super) async fn run(setup: &Setup, args: RunArgs) -> Result<ExitCode, Error> {
    match jobs::asked(setup, (args.from, args.to), &args.which, args.options)? {
        Asked::Places(wanted) => one(setup, &wanted).await,
        Asked::Job(job) => {
            job.begin();
            one(&job.setup, &job.wanted).await
        }
        Asked::All(jobs) => {
            let work = async |job: &jobs::Prepared| pass(&job.setup, &job.wanted, 1).await;
            Ok(jobs::all((setup, "run"), &jobs, work).await)
        }
    }
}

/// One migration.
async fn one(setup: &Setup, wanted: &Wanted) -> Result<ExitCode, Error> {
    let Some(every) = wanted.options.catch_up.follow else {
        let session = wanted.open(setup, "run", false).await?;
        let catch_up = &wanted.options.catch_up;
        return Ok(session
            .timed(async |job, report| once(job, catch_up, report).await)
            .await);
    };
    if setup.global.dry_run {
        return Err(
            Error::usage("--follow repeats what is written, and --dry-run writes nothing")
                .advise("give --dry-run alone: it says what the next pass would do"),
        );
    }
    let mut following = Following {
        setup,
        wanted,
        ended: None,
    };
    let every = every.get();
    let followed = follow(&setup.clock, &setup.stop, every, async |number| {
        following.pass(number).await
    })
    .await;
    following.end(followed)
}

/// One pass of possibly many, with everything opened anew as a command of its own
/// would.
async fn pass(setup: &Setup, wanted: &Wanted, number: u64) -> Result<Report, Error> {
    let mut session = wanted.open(setup, "run", false).await?;
    let outcome = session
        .measured(async |job, report| {
            let outcome = once(job, &wanted.options.catch_up, report).await;
            if let Some(facts) = &mut report.catch_up {
                facts.passes = number;
            }
            outcome
        })
        .await;
    Ok(session.concluded(outcome, Last::Pass).0)
}

/// One pass, as the arguments want it.
async fn once(job: &mut Job, catch_up: &CatchUpArgs, report: &mut Report) -> Result<(), Error> {
    if catch_up.reopen {
        job.reopen()?;
    }
    match (catch_up.final_pass, catch_up.follow) {
        (true, _) => job.run_finally(report).await?,
        (false, Some(_)) => job.run_behind(report).await?,
        (false, None) => job.run(report).await?,
    }
    job.remove_old(catch_up.keep_generations.unwrap_or(KEPT), report)
}

/// Pass after pass.
struct Following<'a> {
    setup: &'a Setup,
    wanted: &'a Wanted,
    /// What the last pass came to.
    ended: Option<Result<Report, Error>>,
}

impl Following<'_> {
    async fn pass(&mut self, number: u64) -> Pass {
        self.setup.progress.forget();
        let ended = pass(self.setup, self.wanted, number).await;
        let pass = match &ended {
            Ok(report) => pass_of(report),
            Err(error) if error.kind() == Kind::Stopped => Pass::Passing,
            Err(_) => Pass::Ended,
        };
        if let (Pass::Passing, Err(error)) = (pass, &ended) {
            let why = crate::report::facts::chain(error);
            let told = format!("this pass could not begin ({why}); the next one tries again");
            self.setup.progress.remark(Level::Warning, &told);
        }
        self.ended = Some(ended);
        pass
    }

    /// What the last pass came to is what the command comes to: stopped between two
    /// passes, it was not interrupted.
    fn end(self, followed: Followed) -> Result<ExitCode, Error> {
        let Some(ended) = self.ended else {
            return Err(Error::new(Kind::Interrupted, "interrupted"));
        };
        let report = ended?;
        if followed == Followed::Stopped {
            let told = "stopped between two passes: the same command goes on with the next one";
            self.setup.progress.remark(Level::Info, told);
        }
        Ok(match self.setup.global.json {
            true => outcome::print_json(&report),
            false => ExitCode::from(report.exit_code),
        })
    }
}

fn pass_of(report: &Report) -> Pass {
    match report.outcome {
        Outcome::Proven | Outcome::Done | Outcome::Rejections => Pass::Done,
        Outcome::Stopped => Pass::Passing,
        Outcome::Differences
        | Outcome::Forbidden
        | Outcome::Refused
        | Outcome::Failed
        | Outcome::Interrupted => Pass::Ended,
    }
}
