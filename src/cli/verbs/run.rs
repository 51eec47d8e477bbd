//! `run`: the whole migration, once or again and again; one of them, or every job.

use std::num::NonZeroU32;
use std::process::ExitCode;

use super::jobs::{self, Wanted};
use super::setup::Setup;
use crate::cli::args::{CatchUpArgs, RunArgs};
use crate::cli::outcome::{self, Last};
use crate::error::{Error, Kind};
use crate::progress::{Level, Progress as _};
use crate::report::{Outcome, Passed, Report};
use crate::stages::follow::{Followed, Pass, follow};
use crate::stages::run::Job;

/// Generations of the archive that are kept, where nothing else is said.
const KEPT: NonZeroU32 = NonZeroU32::new(2).expect("two are some");

pub(super) async fn run(setup: &Setup, args: RunArgs) -> Result<ExitCode, Error> {
    let asked = jobs::asked(setup, (args.from, args.to), &args.which, args.options)?;
    asked
        .each((setup, "run"), async |setup, wanted, last| match last {
            Last::Command => alone(setup, wanted).await,
            Last::Pass => pass(setup, wanted, None).await,
        })
        .await
}

/// One migration, as the whole command.
async fn alone(setup: &Setup, wanted: &Wanted) -> Result<(Report, ExitCode), Error> {
    let catch_up = &wanted.options.catch_up;
    let Some(every) = catch_up.follow else {
        let session = wanted.open(setup, "run", false).await?;
        let work = async |job: &mut Job, report: &mut Report| once(job, catch_up, report).await;
        return Ok(session.concluded(Last::Command, work).await);
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
        so_far: Report::of("run", false),
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
async fn pass(
    setup: &Setup,
    wanted: &Wanted,
    passed: Option<Passed>,
) -> Result<(Report, ExitCode), Error> {
    let mut session = wanted.open(setup, "run", false).await?;
    session.passed = passed;
    let catch_up = &wanted.options.catch_up;
    let work = async |job: &mut Job, report: &mut Report| once(job, catch_up, report).await;
    Ok(session.concluded(Last::Pass, work).await)
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
    /// What all passes came to, so far.
    so_far: Report,
    /// What the last pass came to; its report is of those before it too.
    ended: Option<Result<Report, Error>>,
}

impl Following<'_> {
    async fn pass(&mut self, number: u64) -> Pass {
        self.setup.progress.forget();
        let passed = Passed::of(self.so_far.clone(), number - 1);
        let ended = pass(self.setup, self.wanted, Some(passed.clone())).await;
        let ended = ended.map(|(mut report, _)| {
            report.add_passed(passed);
            self.so_far = report.clone();
            report
        });
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
    fn end(self, followed: Followed) -> Result<(Report, ExitCode), Error> {
        let Some(ended) = self.ended else {
            return Err(Error::new(Kind::Interrupted, "interrupted"));
        };
        let report = ended?;
        if followed == Followed::Stopped {
            let told = "stopped between two passes: the same command goes on with the next one";
            self.setup.progress.remark(Level::Info, told);
        }
        let code = outcome::hand_over(&self.setup.global, &report, report.exit_code);
        Ok((report, code))
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
