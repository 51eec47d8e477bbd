//! `run`: the whole migration, once or again and again.

use std::process::ExitCode;

use super::session::{JobArgs, Session, Setup, file_index};
use crate::cli::args::{CatchUpArgs, RunArgs};
use crate::cli::open;
use crate::cli::outcome::{self, Last};
use crate::error::{Error, Kind};
use crate::progress::{Level, Progress as _};
use crate::report::{Outcome, Report};
use crate::stages::follow::{Followed, Pass, follow};
use crate::stages::run::Job;

pub(super) async fn run(setup: &Setup, args: RunArgs) -> Result<ExitCode, Error> {
    let Some(every) = args.catch_up.follow else {
        let session = open(setup, &args).await?;
        let catch_up = args.catch_up;
        return Ok(session
            .timed(async |job, report| once(job, &catch_up, report).await)
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
        args: &args,
        ended: None,
    };
    let every = every.get();
    let followed = follow(&setup.clock, &setup.stop, every, async |number| {
        following.pass(number).await
    })
    .await;
    following.end(followed)
}

async fn open<'a>(setup: &'a Setup, args: &RunArgs) -> Result<Session<'a>, Error> {
    let index = open::index_name(&args.to, &setup.settings)?;
    let job = JobArgs {
        verb: "run",
        from: &args.from,
        dir: setup.dir(&index),
        index,
        mapping: &args.mapping,
        columns: args.columns.choice(),
        file_index: file_index(setup, &args.file_index)?,
        permissions: args.permissions.clone(),
        depth: Some(args.depth.clone()),
        rehearse: false,
    };
    Session::open(setup, job).await
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
    job.remove_old(catch_up.keep_generations, report)
}

/// Pass after pass, each with everything opened anew as a command of its own would.
struct Following<'a> {
    setup: &'a Setup,
    args: &'a RunArgs,
    /// What the last pass came to.
    ended: Option<Result<Report, Error>>,
}

impl Following<'_> {
    async fn pass(&mut self, number: u64) -> Pass {
        let ended = self.report(number).await;
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

    async fn report(&self, number: u64) -> Result<Report, Error> {
        self.setup.progress.forget();
        let mut session = open(self.setup, self.args).await?;
        let catch_up = &self.args.catch_up;
        let outcome = session
            .measured(async |job, report| {
                let outcome = once(job, catch_up, report).await;
                if let Some(facts) = &mut report.catch_up {
                    facts.passes = number;
                }
                outcome
            })
            .await;
        Ok(session.concluded(outcome, Last::Pass).0)
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
