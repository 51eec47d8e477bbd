//! Parses, runs, prints, and ends with the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    cf_migrate::cli::main()
}
