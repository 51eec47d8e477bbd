//! Ctrl-C: the first finishes what is in flight, the second stops at once.

use std::io::Write as _;

use crate::stages::context::Stop;

/// Exit code of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// A stop that the first Ctrl-C raises.
pub(super) fn listen() -> Stop {
    let (raise, stop) = Stop::new();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        say("finishing what is in flight; press Ctrl-C again to stop at once");
        // Nobody listening any more is as good as having stopped.
        let _ = raise.send(true);
        if tokio::signal::ctrl_c().await.is_ok() {
            say("stopped at once; the same command resumes");
            std::process::exit(INTERRUPTED);
        }
    });
    stop
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "\n{text}");
}
