//! Ctrl-C: the first finishes what is in flight, the second stops at once.

use std::io::Write as _;

use crate::stages::context::Stop;

/// Exit code of a process that was interrupted.
const INTERRUPTED: i32 = 130;

/// A stop that the first Ctrl-C raises.
pub(super) fn listen() -> Stop {
    let (raise, stop) = Stop::new();
    #[cfg(unix)]
    outlive_size_limit();
    tokio::spawn(async move {
        asked_to_stop().await;
        say("finishing what is in flight; press Ctrl-C again to stop at once");
        // Nobody listening any more is as good as having stopped.
        let _ = raise.send(true);
        asked_to_stop().await;
        say("stopped at once; the same command resumes");
        std::process::exit(INTERRUPTED);
    });
    stop
}

/// Waits for Ctrl-C, or for the signal by which service managers ask to stop.
async fn asked_to_stop() {
    let interrupted = async {
        // Where signals cannot be listened for, nobody asks.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    tokio::select! {
        () = interrupted => {}
        () = terminated() => {}
    }
    #[cfg(not(unix))]
    interrupted.await;
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// A file that would grow over the limit of `ulimit -f` ends a process by a signal,
/// unless somebody takes it; the write then fails, and says why.
#[cfg(unix)]
fn outlive_size_limit() {
    use tokio::signal::unix::{SignalKind, signal};
    const SIGXFSZ: i32 = 25;
    // Where it cannot be taken it ends the process, as a kill would.
    let _ = signal(SignalKind::from_raw(SIGXFSZ));
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "\n{text}");
}
