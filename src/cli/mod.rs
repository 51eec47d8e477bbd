//! The command line: parses, opens the places that were named, runs the verb,
//! shows what came of it. The only rooms that know clap and the terminal.

mod args;
mod interrupt;
mod log;
mod open;
mod outcome;
mod progress;
mod rollback;
mod show;
mod tenants;
mod verbs;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

pub use args::Cli;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Variables that are set win over `.env`; no file is no mistake.
    let dotenv = dotenvy::dotenv();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return outcome::unparsed(&error),
    };
    if let Err(error) = dotenv
        && !error.not_found()
    {
        return outcome::usage(&cli.global, &unreadable(&error));
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

/// Says which variable of `.env` is malformed; never its line, which may hold a
/// secret.
fn unreadable(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(line, _) => {
            let name = line.split_once('=').map_or("", |(name, _)| name.trim());
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let named = match name.is_empty() || !name.chars().all(is_name) {
                true => "a line".to_owned(),
                false => format!("the line of {name}"),
            };
            format!(
                ".env cannot be read: {named} is malformed; write NAME=VALUE, and quotes in pairs"
            )
        }
        dotenvy::Error::Io(error) => format!(".env cannot be read: {error}"),
        _ => ".env cannot be read".to_owned(),
    }
}
