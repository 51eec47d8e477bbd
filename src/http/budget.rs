//! The account's request budget: whoever wants to call takes a turn first, and
//! waits until there is one. Real runs share the window with every process of
//! this machine through a locked file; the embedded sandbox keeps it in memory.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::clock::Clock;
use crate::disk::{self, Trouble};
use crate::error::{Error, Kind};
use crate::http::window::{Ask, Ticket, Turn, Window};
use crate::limited;

/// The variable that names another state folder.
pub const STATE_FOLDER_VARIABLE: &str = "CF_MIGRATE_STATE_DIR";

/// Of the 1,200 calls that Cloudflare allows in five minutes, this many are
/// ours; the rest is left to the account's other users.
pub const USUAL_LIMIT: usize = 1_000;

/// Of the 200 calls that Cloudflare allows an address in a second (API limits page).
const PER_SECOND: usize = 150;

/// No turn of a smaller budget is waited for longer, but for another's pause.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The largest file of a window: a call takes some dozens of bytes.
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

impl BudgetError {
    /// The end that it is, and what to do.
    pub fn end(&self) -> (Kind, &'static str) {
        const ELSEWHERE: &str = "name a folder that can be written to in CF_MIGRATE_STATE_DIR";
        let end = match self {
            Self::File { source, .. } => Trouble::of(source).end(),
            Self::NoFolder => None,
        };
        end.filter(|(kind, _)| *kind == Kind::Stopped)
            .unwrap_or((Kind::Failed, ELSEWHERE))
    }
}

impl From<BudgetError> for Error {
    fn from(error: BudgetError) -> Self {
        let (kind, advice) = error.end();
        Self::new(kind, "the account's request budget cannot be kept")
            .advise(advice)
            .because(error)
    }
}

/// Turns to call the account. Clones share one window.
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
    /// A larger one in which each call counts as well.
    within: Option<Box<Budget>>,
}

#[derive(Debug)]
struct Shared {
    /// This process in the line of all that wait.
    who: u64,
    limit: usize,
    clock: Clock,
    store: Store,
    /// Whoever waits for a turn holds this, so that turns go out in the order
    /// they were asked for and only one task wakes when one is free.
    queue: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
enum Store {
    /// Counts nothing; only pauses are kept.
    Unlimited(Mutex<Window>),
    Memory(Mutex<Window>),
    File {
        window: PathBuf,
        lock: PathBuf,
    },
}

/// What processes in the line are told apart by. All are written in as many digits, so
/// that chance does not decide how long the file is, and a simulated disk loses the same
/// of it each time.
const NAMES: std::ops::Range<u64> = 1_000_000_000_000_000_000..10_000_000_000_000_000_000;

impl Budget {
    /// A budget of this process alone: for the embedded sandbox.
    pub fn in_memory(limit: usize, clock: Clock) -> Self {
        Self::over(Store::Memory(Mutex::default()), limit, clock)
    }

    /// No limit, for a service that is no account of Cloudflare's. A pause that it asks
    /// for is kept all the same.
    pub fn unlimited(clock: Clock) -> Self {
        Self::over(Store::Unlimited(Mutex::default()), usize::MAX, clock)
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
        disk::create_folders(folder).map_err(|source| file_error(folder, source))?;
        let name = file_name(account, token);
        let store = Store::File {
            window: folder.join(format!("{name}.json")),
            lock: folder.join(format!("{name}.lock")),
        };
        let budget = Self::over(store, limit, clock);
        // A folder that cannot be written to is found before the first call.
        budget.update(|_, _| ())?;
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
                who: rand::random_range(NAMES),
                limit,
                clock,
                store,
                queue: tokio::sync::Mutex::default(),
            }),
            within: None,
        }
    }

    /// This budget as a part of a larger one: a call takes a turn of both.
    #[must_use]
    pub fn within(self, larger: &Self) -> Self {
        Self {
            within: Some(Box::new(larger.clone())),
            ..self
        }
    }

    /// Waits until a call may go out, and counts it until a window after what is
    /// returned was dropped. It may be under way for `patience` at most.
    pub async fn take(&self, patience: Duration) -> Result<Ongoing, BudgetError> {
        let larger = match &self.within {
            // Under way there while it waits here.
            Some(larger) => {
                let taken = Box::pin(larger.take(patience + LONGEST_WAIT)).await?;
                Some(Box::new(taken))
            }
            None => None,
        };
        let counted = self.counted(patience).await?;
        Ok(Ongoing {
            counted,
            _larger: larger,
        })
    }

    /// A turn of this budget alone, and what gives it back; none without a limit.
    async fn counted(&self, patience: Duration) -> Result<Option<(Self, Ticket)>, BudgetError> {
        let Shared { clock, queue, .. } = &*self.shared;
        let ask = self.ask(patience);
        let _first_in_line = queue.lock().await;
        loop {
            let wait_ms = match self.turn(&ask)? {
                Some(Turn::In(wait_ms)) => wait_ms,
                Some(Turn::Now(ticket)) => return Ok(Some((self.clone(), ticket))),
                None => return Ok(None),
            };
            tracing::debug!(wait_ms, "waiting for the request budget");
            clock.sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    /// A turn, or when to come back; none where turns are not counted.
    fn turn(&self, ask: &Ask) -> Result<Option<Turn>, BudgetError> {
        self.update(|window, now_ms| match self.shared.store {
            Store::Unlimited(_) => window.paused_for(now_ms).map(Turn::In),
            Store::Memory(_) | Store::File { .. } => Some(window.take(now_ms, ask)),
        })
    }

    fn ask(&self, patience: Duration) -> Ask {
        let Shared {
            who, limit, store, ..
        } = &*self.shared;
        Ask {
            who: *who,
            limit: *limit,
            // What is in this process has no address.
            per_second: matches!(store, Store::File { .. }).then_some(PER_SECOND),
            patience_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Lets nothing out for as long as `pause`, here and in every process that
    /// shares the file.
    pub fn pause(&self, pause: Duration) -> Result<(), BudgetError> {
        if let Some(larger) = &self.within {
            larger.pause(pause)?;
        }
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.update(|window, now_ms| window.pause(now_ms, pause_ms))
    }

    /// Changes the window, alone; what changes it is told the time.
    fn update<T>(&self, change: impl FnOnce(&mut Window, u64) -> T) -> Result<T, BudgetError> {
        match &self.shared.store {
            Store::Memory(window) | Store::Unlimited(window) => {
                let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(self.change(&mut window, change))
            }
            Store::File { window, lock } => {
                let _held = held_lock(lock).map_err(|source| file_error(lock, source))?;
                let mut state = read(window, self.shared.clock.wall_ms())
                    .map_err(|source| file_error(window, source))?;
                let answer = self.change(&mut state, change);
                write(window, &state).map_err(|source| file_error(window, source))?;
                Ok(answer)
            }
        }
    }

    fn change<T>(&self, window: &mut Window, change: impl FnOnce(&mut Window, u64) -> T) -> T {
        let clock = &self.shared.clock;
        let now_ms = window.now_ms(clock.uptime(), clock.wall_ms());
        change(window, now_ms)
    }
}

/// A call under way. When it is dropped the call is over, and begins to leave the
/// window.
#[derive(Debug)]
#[must_use = "a call is over when this is dropped"]
pub struct Ongoing {
    /// Where it was counted; none without a limit.
    counted: Option<(Budget, Ticket)>,
    /// The same call in the larger budget.
    _larger: Option<Box<Self>>,
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        let Some((budget, ticket)) = &self.counted else {
            return;
        };
        let over = |window: &mut Window, now_ms: u64| window.land(now_ms, *ticket);
        if let Err(error) = budget.update(over) {
            // It counts for as long as it could have been under way: no harm.
            tracing::warn!(%error, "the end of a call could not be noted");
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
    let file = disk::lock_file(path)?;
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
    disk::File::create(&next)?.write_all(&text)?;
    disk::rename(&next, path)
}

#[cfg(test)]
mod tests;
