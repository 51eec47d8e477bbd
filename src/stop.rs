//! Whether the operator wants to stop. Stages look at it between two pieces of
//! work, and whoever waits for a turn or a pause is woken by it.

use tokio::sync::watch;

use crate::clock::Clock;
use crate::error::{Error, Kind};

/// Raised by the operator's first Ctrl-C: what is in flight is finished, and
/// nothing new begins.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A stop and the handle that raises it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (raise, raised) = watch::channel(false);
        (raise, Self(raised))
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// An error once it was raised.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_raised() {
            return Err(Error::new(Kind::Interrupted, "interrupted"));
        }
        Ok(())
    }

    /// Waits until it is raised.
    pub async fn raised(&self) {
        let mut raised = self.0.clone();
        // A dropped handle can never be raised.
        if raised.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Work that may be given up at any moment: an error once this is raised.
    pub async fn interrupting<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.raised() => Err(Error::new(Kind::Interrupted, "interrupted")),
            done = work => done,
        }
    }

    /// Waits for a time, or until it is raised.
    pub async fn pause(&self, clock: &Clock, time: std::time::Duration) -> Result<(), Error> {
        tokio::select! {
            () = clock.sleep(time) => {}
            () = self.raised() => {}
        }
        self.check()
    }
}
