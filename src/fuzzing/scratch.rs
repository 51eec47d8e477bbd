//! Where a target's bytes become files, and where its async calls run.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::clock::Clock;

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().expect("a temporary folder can be made");
    static RUNTIME: RefCell<Runtime> = RefCell::new(paused());
}

/// A runtime whose clock jumps over every pause.
fn paused() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread can be made")
}

/// A clock that moves with those pauses.
pub(super) fn clock() -> Clock {
    Clock::simulated(UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

/// Runs calls whose pauses take no time.
pub(super) fn run<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.with_borrow(|runtime| runtime.block_on(work))
}

/// A folder of this thread.
pub(super) fn folder() -> PathBuf {
    FOLDER.with(|folder| folder.path().to_owned())
}

/// A file with that content in this thread's folder.
pub(super) fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = folder().join(name);
    write(&path, content);
    path
}

/// Writes a file whose folder is there.
pub(super) fn write(path: &Path, content: &[u8]) {
    fs::write(path, content).expect("the temporary folder can be written to");
}
