//! How a command ends that got as far as no migration: its line could not be read, or
//! what it names could not be opened.

use std::borrow::Cow;
use std::io::Write as _;
use std::process::ExitCode;

use super::error_text;
use super::printing::{hand_over, print_object};
use crate::cli::args::Global;
use crate::conceal::conceal;
use crate::error::Error;
use crate::report::Report;

/// Ends a command line that could not even begin.
pub(in crate::cli) fn usage(global: &Global, problem: &str) -> ExitCode {
    let error = Error::usage(problem);
    early(global, "none", &error)
}

/// Ends a command line that is none, or asks for help or the version.
pub(in crate::cli) fn unparsed(error: &clap::Error) -> ExitCode {
    // A closed terminal changes nothing about the exit code.
    let text = error.to_string();
    let _ = match conceal(&text) {
        Cow::Borrowed(_) => error.print(),
        Cow::Owned(shown) => std::io::stderr().write_all(shown.as_bytes()),
    };
    if error.use_stderr() && std::env::args().any(|word| word == "--json") {
        // What follows the first empty line is the usage.
        let told = text.split("\n\n").next().unwrap_or_default().trim_end();
        let told = Error::usage(told.trim_start_matches("error: "))
            .advise("cf-migrate --help names every verb and option");
        let mut report = Report::of("none", false);
        report.conclude_with(&told);
        return print_object(&report, report.exit_code);
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Ends a verb that did not get as far as a migration.
pub(in crate::cli) fn early(global: &Global, verb: &'static str, error: &Error) -> ExitCode {
    let report = ended_early(global, verb, error);
    hand_over(global, &report, report.exit_code)
}

/// Tells what kept a verb from a migration; the report of it.
pub(in crate::cli) fn ended_early(global: &Global, verb: &'static str, error: &Error) -> Report {
    let mut report = Report::of(verb, global.dry_run);
    report.conclude_with(error);
    let _ = std::io::stderr().write_all(conceal(&error_text(error)).as_bytes());
    report
}
