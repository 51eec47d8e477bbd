//! Standard output: what a command was asked for, and nothing else.

use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::args::Global;
use crate::conceal::conceal;
use crate::error::Kind;

/// Prints the result object where it is asked for, and gives the exit code.
pub(in crate::cli) fn hand_over(
    global: &Global,
    result: &impl serde::Serialize,
    exit_code: u8,
) -> ExitCode {
    match global.json {
        true => print_object(result, exit_code),
        false => ExitCode::from(exit_code),
    }
}

/// Prints a result object.
pub(super) fn print_object(report: &impl serde::Serialize, exit_code: u8) -> ExitCode {
    let mut json = serde_json::to_string(report).expect("a report is plain JSON");
    json.push('\n');
    print(&json, exit_code)
}

/// Prints to standard output, and gives the exit code: success is none if what was
/// asked for could not be handed over. A reader that closed its end has what it
/// wanted.
pub(in crate::cli) fn print(text: &str, exit_code: u8) -> ExitCode {
    let mut out = std::io::stdout();
    let printed = out
        .write_all(conceal(text).as_bytes())
        .and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let told = format!(
                "error: the result could not be written to standard output: {error}\n  what to do: see that what it leads to has space, and run the same command again\n"
            );
            let _ = std::io::stderr().write_all(told.as_bytes());
            ExitCode::from(match exit_code {
                0 => Kind::Stopped.exit_code(),
                other => other,
            })
        }
        _ => ExitCode::from(exit_code),
    }
}
