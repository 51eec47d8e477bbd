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

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

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
        .worker_threads(workers())
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

/// As many as there are processors, with the thread that runs the verb. Each keeps memory
/// of its own, and on two processors a third thread makes nothing faster
/// (docs/performance.md).
fn workers() -> usize {
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    (processors - 1).max(1)
}
