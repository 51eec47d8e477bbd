//! Where a process ends: at the n-th event of its life. An event is a poll of the
//! job, a call about to be made, or an answer about to be given. Or at the n-th
//! change that it makes to the disk, in the middle of whatever it does.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use cf_migrate::disk::Weather;
use futures::task::AtomicWaker;
use tokio::sync::watch;

/// How a process is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// By itself.
    Lives,
    /// As by SIGKILL, at that event.
    Crashes(u64),
    /// The same, when that write to the account is about to be made.
    CrashesSending(u64),
    /// The same, at that change to the disk.
    CrashesWriting(u64),
    /// As by Ctrl-C, at that event.
    Interrupted(u64),
}

/// Counts the events of one process.
pub struct Doom {
    fate: Fate,
    events: AtomicU64,
    writes: AtomicU64,
    dead: AtomicBool,
    waker: AtomicWaker,
    raise: watch::Sender<bool>,
    weather: Weather,
}

impl Doom {
    pub fn new(fate: Fate, raise: watch::Sender<bool>, weather: &Weather) -> Self {
        if let Fate::CrashesWriting(change) = fate {
            weather.crash_at(weather.changes() + change);
        }
        Self {
            weather: weather.clone(),
            fate,
            events: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            raise,
        }
    }

    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// One event; whether the process is dead now.
    fn step(&self) -> bool {
        let event = self.events.fetch_add(1, Ordering::Relaxed) + 1;
        match self.fate {
            Fate::Crashes(at) if event >= at => self.dead.store(true, Ordering::Relaxed),
            Fate::Interrupted(at) if event == at => drop(self.raise.send_replace(true)),
            _ => {}
        }
        self.is_dead()
    }

    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed) || self.weather.has_crashed()
    }

    /// A write is about to be made: a dead process does not make it.
    pub async fn send(&self) {
        let write = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        if matches!(self.fate, Fate::CrashesSending(at) if write >= at) {
            self.dead.store(true, Ordering::Relaxed);
            self.pass().await;
        }
    }

    /// An event outside of the job's own polls: a dead process does not go on.
    pub async fn pass(&self) {
        if self.step() {
            self.waker.wake();
            std::future::pending::<()>().await;
        }
    }
}

/// A job that is dropped where its doom says; none then.
pub struct Mortal<'a, F> {
    pub job: Pin<Box<F>>,
    pub doom: &'a Doom,
}

impl<F: Future> Future for Mortal<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.doom.waker.register(context.waker());
        if self.doom.step() {
            return Poll::Ready(None);
        }
        match self.job.as_mut().poll(context) {
            // Killed while it was being polled, by what it did itself.
            _ if self.doom.is_dead() => Poll::Ready(None),
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Pending,
        }
    }
}
