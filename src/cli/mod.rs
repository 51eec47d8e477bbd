//! The command line: parses, opens the places that were named, runs the verb,
//! shows what came of it. The only rooms that know clap and the terminal.

mod args;
mod dotenv;
mod guard;
mod interrupt;
mod limits;
mod log;
mod memory;
mod open;
mod outcome;
mod progress;
mod show;
mod verbs;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

use args::Cli;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Variables that are set win over `.env`; no file is no mistake.
    let dotenv = dotenv::load();
    guard::begin();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return outcome::unparsed(&error),
    };
    if let Err(problem) = dotenv {
        return outcome::usage(&cli.global, &problem);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return outcome::usage(
                &cli.global,
                &format!("the runtime cannot be started: {error}"),
            );
        }
    };
    runtime.block_on(verbs::run(cli))
}
