//! A service that takes its time with upserts, and when they came.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cf_migrate::clock::{Clock, Instant};
use futures::FutureExt as _;

use crate::simulation::{BeforeCall, Simulation};

/// When upserts came, whole.
pub(crate) type Arrivals = Arc<Mutex<Vec<Instant>>>;

/// How long the service takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slowness {
    /// For each body, one after the other: its line is no faster.
    pub(crate) line: Duration,
    /// For each answer, side by side.
    pub(crate) answer: Duration,
}

/// Makes the simulation's service a slow one.
pub(crate) fn slow(simulation: &mut Simulation, slowness: Slowness) -> Arrivals {
    let arrivals = Arrivals::default();
    let line = Arc::new(tokio::sync::Mutex::new(()));
    simulation.before_call = Some(before(
        simulation.clock,
        slowness,
        line,
        Arc::clone(&arrivals),
    ));
    arrivals
}

fn before(
    clock: Clock,
    slowness: Slowness,
    line: Arc<tokio::sync::Mutex<()>>,
    arrivals: Arrivals,
) -> BeforeCall {
    Arc::new(move |path: &str| {
        let is_upsert = path.ends_with("/upsert");
        let (line, arrivals) = (Arc::clone(&line), Arc::clone(&arrivals));
        async move {
            if !is_upsert {
                return;
            }
            let sending = line.lock().await;
            clock.sleep(slowness.line).await;
            arrivals.lock().unwrap().push(clock.now());
            drop(sending);
            clock.sleep(slowness.answer).await;
        }
        .boxed()
    })
}
