//! The account's request budget: whoever wants to call takes a turn first, and
//! waits until there is one. Real runs share the window with every process of
//! this machine through a locked file; the embedded sandbox keeps it in memory.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::error::Error;
use crate::http::window::{Turn, Window};
use crate::limited;

/// The variable that names another state folder.
pub const STATE_FOLDER_VARIABLE: &str = "CF_MIGRATE_STATE_DIR";

/// Of the 1,200 calls that Cloudflare allows in five minutes, this many are
/// ours; the rest is left to the account's other users.
pub const USUAL_LIMIT: usize = 1_000;

/// The largest file of a window: a call takes 14 bytes.
const MAX_WINDOW_BYTES: u64 = 1 << 20;

/// Why no turn could be taken.
#[derive(Debug, thiserror::Error)]
pub enum BudgetError {
    /// There is no home folder to keep the budget in.
    #[error("there is no home folder to keep the request budget in")]
    NoFolder,
    /// The file cannot be read or written.
    #[error("{} cannot be used", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl From<BudgetError> for Error {
    fn from(error: BudgetError) -> Self {
        let advice = format!("name a folder that can be written to in {STATE_FOLDER_VARIABLE}");
        Self::failed("the account's request budget cannot be kept")
            .advise(advice)
            .because(error)
    }
}

/// Turns to call the account. Clones share one window.
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: usize,
    clock: Clock,
    store: Store,
    /// Whoever waits for a turn holds this, so that turns go out in the order
    /// they were asked for and only one task wakes when one is free.
    queue: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
enum Store {
    Memory(Mutex<Window>),
    File { window: PathBuf, lock: PathBuf },
}

impl Budget {
    /// A budget of this process alone: for the embedded sandbox.
    pub fn in_memory(limit: usize, clock: Clock) -> Self {
        Self::over(Store::Memory(Mutex::default()), limit, clock)
    }

    /// A budget shared by all processes of this machine that use the same
    /// account and token, kept in `folder` (see [`Budget::state_folder`]), which
    /// is created.
    pub fn shared(
        folder: &Path,
        account: &str,
        token: &SecretString,
        limit: usize,
        clock: Clock,
    ) -> Result<Self, BudgetError> {
        fs::create_dir_all(folder).map_err(|source| file_error(folder, source))?;
        let name = file_name(account, token);
        let store = Store::File {
            window: folder.join(format!("{name}.json")),
            lock: folder.join(format!("{name}.lock")),
        };
        let budget = Self::over(store, limit, clock);
        // A folder that cannot be written to is found before the first call.
        budget.update(|_| ())?;
        Ok(budget)
    }

    /// Where budgets are kept: `CF_MIGRATE_STATE_DIR`, else the user's state
    /// folder.
    pub fn state_folder() -> Result<PathBuf, BudgetError> {
        if let Some(folder) = std::env::var_os(STATE_FOLDER_VARIABLE).filter(|v| !v.is_empty()) {
            return Ok(folder.into());
        }
        let folders =
            directories::ProjectDirs::from("", "", "cf-migrate").ok_or(BudgetError::NoFolder)?;
        let folder = folders.state_dir().unwrap_or(folders.data_local_dir());
        Ok(folder.to_owned())
    }

    fn over(store: Store, limit: usize, clock: Clock) -> Self {
        Self {
            shared: Arc::new(Shared {
                limit,
                clock,
                store,
                queue: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// Waits until a call may go out, and counts it.
    pub async fn take(&self) -> Result<(), BudgetError> {
        let Shared {
            limit,
            clock,
            queue,
            ..
        } = &*self.shared;
        let _first_in_line = queue.lock().await;
        loop {
            match self.update(|window| window.take(clock.wall_ms(), *limit))? {
                Turn::Now => return Ok(()),
                Turn::In(wait_ms) => {
                    tracing::debug!(wait_ms, "waiting for the request budget");
                    clock.sleep(Duration::from_millis(wait_ms)).await;
                }
            }
        }
    }

    /// Lets nothing out for as long as `pause`, here and in every process that
    /// shares the file.
    pub fn pause(&self, pause: Duration) -> Result<(), BudgetError> {
        let now_ms = self.shared.clock.wall_ms();
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.update(|window| window.pause(now_ms, pause_ms))
    }

    fn update<T>(&self, change: impl FnOnce(&mut Window) -> T) -> Result<T, BudgetError> {
        match &self.shared.store {
            Store::Memory(window) => {
                let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(change(&mut window))
            }
            Store::File { window, lock } => {
                let _held = held_lock(lock).map_err(|source| file_error(lock, source))?;
                let mut state = read(window, self.shared.clock.wall_ms())
                    .map_err(|source| file_error(window, source))?;
                let answer = change(&mut state);
                write(window, &state).map_err(|source| file_error(window, source))?;
                Ok(answer)
            }
        }
    }
}

fn file_error(path: &Path, source: io::Error) -> BudgetError {
    BudgetError::File {
        path: path.to_owned(),
        source,
    }
}

/// Half of a SHA-256, so that neither account nor token can be read from it.
fn file_name(account: &str, token: &SecretString) -> String {
    let mut hash = Sha256::new();
    hash.update((account.len() as u64).to_le_bytes());
    hash.update(account);
    hash.update(token.expose_secret());
    let half = &hash.finalize()[..16];
    let hex: String = half.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("budget-{hex}")
}

/// The lock has a file of its own, because the window's file is replaced by
/// every change. It is released when the file is dropped.
fn held_lock(path: &Path) -> io::Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.lock()?;
    Ok(file)
}

/// A file that cannot be understood is taken for a full window: how many calls
/// were made is not known, and a wait of five minutes costs less than a blocked
/// account.
fn read(path: &Path, now_ms: u64) -> io::Result<Window> {
    let text = match limited::read(path, MAX_WINDOW_BYTES) {
        Ok(text) => text,
        // As much as anything else that cannot be understood.
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Vec::new(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Window::default()),
        Err(error) => return Err(error),
    };
    Ok(serde_json::from_slice(&text).unwrap_or_else(|_| {
        tracing::warn!(
            file = %path.display(),
            "the request budget's file is damaged: assuming that it is used up"
        );
        Window::full(now_ms)
    }))
}

/// Replaces the file as a whole, so that a kill leaves the old or the new one.
/// Not synced to disk: after a power loss the calls of before no longer count.
fn write(path: &Path, window: &Window) -> io::Result<()> {
    let text = serde_json::to_vec(window)?;
    let next = path.with_extension("next");
    File::create(&next)?.write_all(&text)?;
    fs::rename(next, path)
}

#[cfg(test)]
mod tests;
