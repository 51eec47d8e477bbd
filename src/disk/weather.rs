//! The simulated side of the disk: for one thread, as long as a guard lives,
//! changes are counted, fail, or end the world. Without one, a change costs a
//! look at a thread's own cell.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;

use super::loss::{Change, Unsynced};
use super::trouble::EIO;

thread_local! {
    static WEATHER: RefCell<Option<Weather>> = const { RefCell::new(None) };
}

/// How a change fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No space is left. Half of what was to be written lands.
    Full,
    /// The device failed. Whether the change took place is not known.
    Io,
}

impl Failure {
    fn error(self) -> io::Error {
        match self {
            Self::Full => io::ErrorKind::StorageFull.into(),
            Self::Io => io::Error::from_raw_os_error(EIO),
        }
    }
}

/// What becomes of the changes of a thread. Clones are the same weather.
#[derive(Debug, Clone)]
pub struct Weather {
    state: Arc<Mutex<State>>,
    crashed: Arc<watch::Sender<bool>>,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    changes: u64,
    /// The first and last change that fails.
    failing: Option<(u64, u64, Failure)>,
    crash_at: Option<u64>,
    unsynced: Unsynced,
}

/// Whether a half of a change can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Write,
    Whole,
}

/// What becomes of one change.
#[derive(Debug)]
pub(super) enum Verdict {
    Go,
    /// Nothing of it happens.
    Refuse(io::Error),
    /// It happens, half where it is a write, and is told as failed.
    Torn(io::Error),
}

impl Weather {
    /// Fine weather; the seed decides what is left open when something happens.
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: StdRng::seed_from_u64(seed),
            changes: 0,
            failing: None,
            crash_at: None,
            unsynced: Unsynced::default(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            crashed: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Changes so far; one that failed counts too.
    pub fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Makes the n-th change fail, counted from the first of all as 1, and those
    /// behind it succeed.
    pub fn fail_at(&self, n: u64, failure: Failure) {
        self.state().failing = Some((n, n, failure));
    }

    /// Makes the n-th change and every one behind it fail, until [`Self::clear`].
    pub fn fail_from(&self, n: u64, failure: Failure) {
        self.state().failing = Some((n, u64::MAX, failure));
    }

    /// Nothing fails any more, and nothing crashes.
    pub fn clear(&self) {
        let mut state = self.state();
        (state.failing, state.crash_at) = (None, None);
        drop(state);
        self.crashed.send_replace(false);
    }

    /// Ends the world at the n-th change, counted from the first of all as 1: from
    /// there on nothing reaches the disk, until [`Self::crash`] or [`Self::clear`].
    pub fn crash_at(&self, n: u64) {
        self.state().crash_at = Some(n);
    }

    /// Whether the world ended at [`Self::crash_at`].
    pub fn has_crashed(&self) -> bool {
        *self.crashed.borrow()
    }

    /// Waits until the world ends at [`Self::crash_at`]; whoever simulates a
    /// process drops it then.
    pub async fn crashed(&self) {
        let mut crashed = self.crashed.subscribe();
        // The sender lives as long as this weather.
        let _ = crashed.wait_for(|crashed| *crashed).await;
    }

    /// A power cut, here and now, and the machine's next start: what was not
    /// synced is lost or torn, by the seed. Everything goes on in fine weather.
    pub fn crash(&self) {
        let mut state = self.state();
        let State {
            random, unsynced, ..
        } = &mut *state;
        std::mem::take(unsynced).lose(random);
        drop(state);
        self.clear();
    }

    /// Counts a change, and says what becomes of it.
    pub(super) fn verdict(&self, kind: Kind) -> Verdict {
        let mut state = self.state();
        state.changes += 1;
        let (n, torn) = (state.changes, state.random.random());
        if self.has_crashed() {
            return Verdict::Refuse(ended());
        }
        if state.crash_at == Some(n) {
            self.crashed.send_replace(true);
            return match torn {
                true => Verdict::Torn(ended()),
                false => Verdict::Refuse(ended()),
            };
        }
        match state.failing {
            Some((first, last, failure)) if (first..=last).contains(&n) => match failure {
                _ if kind == Kind::Write => Verdict::Torn(failure.error()),
                Failure::Io if torn => Verdict::Torn(failure.error()),
                failure => Verdict::Refuse(failure.error()),
            },
            _ => Verdict::Go,
        }
    }

    pub(super) fn wrote(&self, path: &Path, bytes: u64) {
        self.state().unsynced.wrote(path, bytes);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended() -> io::Error {
    io::Error::other("the simulated machine has ended")
}

/// Keeps a weather over its thread.
#[derive(Debug)]
#[must_use = "the weather ends with it"]
pub struct Under {
    before: Option<Weather>,
}

/// Puts this thread under `weather` until the guard is dropped.
pub fn under(weather: Weather) -> Under {
    Under {
        before: WEATHER.replace(Some(weather)),
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        WEATHER.set(self.before.take());
    }
}

/// The weather of this thread; none in earnest.
pub(super) fn current() -> Option<Weather> {
    WEATHER.with_borrow(Clone::clone)
}

/// Makes a change, as far as the weather lets it.
pub(super) fn pass<T>(change: Change<'_>, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(weather) = current() else {
        return make();
    };
    let refused = match weather.verdict(Kind::Whole) {
        Verdict::Go => None,
        Verdict::Torn(error) => Some(error),
        Verdict::Refuse(error) => return Err(error),
    };
    let before = change.before();
    let made = make()?;
    // What failed on its way to the disk has not arrived there for certain.
    if refused.is_none() || !change.is_sync() {
        weather.state().unsynced.note(&change, before);
    }
    refused.map_or(Ok(made), Err)
}
