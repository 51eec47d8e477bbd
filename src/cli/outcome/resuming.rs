//! What a verb that ended early leaves behind: what is safe, and whether and how the
//! same command goes on.

use crate::error::{Error, Kind};
use crate::ledger::{BatchState, Ledger};

/// What the ledger knows to be safe.
pub(in crate::cli) fn safe(ledger: &Ledger, archived: u64) -> Vec<String> {
    let mut safe = Vec::new();
    if archived > 0 {
        safe.push(format!("safe: {archived} points are in the archive"));
    }
    let count = |state| ledger.records_in(state);
    let (Ok(sent), Ok(accepted), Ok(settled)) = (
        count(BatchState::Sent),
        count(BatchState::Accepted),
        count(BatchState::Settled),
    ) else {
        safe.push("what was written to Cloudflare's index cannot be told while the ledger cannot be read; what it holds is safe".to_owned());
        return safe;
    };
    if accepted + settled > 0 {
        safe.push(format!(
            "safe: {} records were accepted by Vectorize, {settled} of them are applied",
            accepted + settled
        ));
    }
    if sent > 0 {
        safe.push(format!(
            "safe: {sent} records were sent and not accepted, as far as is known; they are sent again"
        ));
    }
    if sent + accepted + settled == 0 {
        safe.push("nothing was written to Cloudflare's index".to_owned());
    }
    safe
}

/// Whether running the same command again is of no use before something was
/// done about the error.
pub(super) fn needs_mending(error: &Error) -> bool {
    matches!(error.kind(), Kind::Failed | Kind::Forbidden)
}

/// Whether running the same command again can help.
pub(in crate::cli) fn is_resumable(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Stopped | Kind::Interrupted | Kind::Failed | Kind::Forbidden
    )
}

/// This process's command line, as a shell takes it.
pub(in crate::cli) fn command_line() -> String {
    let words: Vec<String> = std::env::args().collect();
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}
