//! What protects the operator from the first moment on: secrets are concealed, in
//! panics too, and what is written is for this user alone.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic;

use crate::conceal::conceal;
use crate::settings::Environment;

/// Before anything is said or written.
pub(super) fn begin() {
    Environment::read(|name| std::env::var(name).ok()).conceal();
    panic::set_hook(Box::new(|panic| {
        let mut told = format!("{panic}\n");
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            told.push_str(&trace.to_string());
        }
        let _ = std::io::stderr().write_all(conceal(&told).as_bytes());
    }));
    keep_files_private();
}

/// Also those that libraries make (SQLite's journals, scratch files), whatever the
/// shell's own mask says.
#[cfg(unix)]
fn keep_files_private() {
    use nix::sys::stat::{Mode, umask};
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

#[cfg(not(unix))]
fn keep_files_private() {}
