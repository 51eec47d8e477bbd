//! One file per verb; what they share is in `setup`, `session` and `standalone`.

mod export;
mod index;
mod jobs;
mod plan;
mod restore;
mod rollback;
mod run;
mod sandbox;
mod session;
mod setup;
mod standalone;
mod transform;
mod upsert;
mod verify;

use std::process::ExitCode;

use super::args::{Cli, Verb};
use super::outcome;
pub(super) use setup::Setup;

/// Runs the verb.
pub(super) async fn run(cli: Cli) -> ExitCode {
    let global = cli.global;
    let setup = match Setup::new(&global) {
        Ok(setup) => setup,
        Err(error) => return outcome::early(&global, name(&cli.verb), &error),
    };
    let verb = name(&cli.verb);
    let ended = match cli.verb {
        Verb::Plan(args) => plan::run(&setup, args).await,
        Verb::Export(args) => export::run(&setup, args).await,
        Verb::Transform(args) => transform::run(&setup, args).await,
        Verb::Upsert(args) => upsert::run(&setup, args).await,
        Verb::Index(args) => index::run(&setup, args).await,
        Verb::Verify(args) => verify::run(&setup, args).await,
        Verb::Run(args) => run::run(&setup, args).await,
        Verb::Jobs => jobs::list(&setup),
        Verb::Rollback(args) => rollback::run(&setup, args).await,
        Verb::Restore(args) => restore::run(&setup, args).await,
        Verb::Sandbox(args) => sandbox::run(&setup, args).await,
    };
    ended.unwrap_or_else(|error| outcome::early(&global, verb, &error))
}

fn name(verb: &Verb) -> &'static str {
    match verb {
        Verb::Plan(_) => "plan",
        Verb::Export(_) => "export",
        Verb::Transform(_) => "transform",
        Verb::Upsert(_) => "upsert",
        Verb::Index(_) => "index",
        Verb::Verify(_) => "verify",
        Verb::Run(_) => "run",
        Verb::Jobs => "jobs",
        Verb::Rollback(_) => "rollback",
        Verb::Restore(_) => "restore",
        Verb::Sandbox(_) => "sandbox",
    }
}
