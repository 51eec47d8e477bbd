//! An account in simulated time, with several processes of ours on one machine and
//! other users whom nobody can tell what to do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cf_migrate::clock::Clock;
use cf_migrate::http::retry::judge_status;
use cf_migrate::http::{Budget, Client, Policy, Request, Transport};
use cf_migrate::sandbox::{self, Sandbox, SandboxOptions};
use futures::FutureExt as _;
use http::Method;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::time::Instant;

/// The window that the service counts over.
pub(crate) const WINDOW: Duration = Duration::from_secs(300);
const PATH: &str = "/client/v4/accounts/0123456789abcdef0123456789abcdef/vectorize/v2/indexes";

/// How long calls take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    /// Most calls, at most.
    pub(crate) usual: Duration,
    /// One in a hundred, at most.
    pub(crate) rare: Duration,
}

/// The account, and the machine that our processes share.
pub(crate) struct Office {
    pub(crate) clock: Clock,
    pub(crate) began: Instant,
    sandbox: Sandbox,
    folder: TempDir,
    latency: Latency,
    tells_how_long: bool,
    seen: Arc<Seen>,
}

/// What went over the wire.
#[derive(Default)]
pub(crate) struct Seen {
    /// When the service counted each call of ours.
    pub(crate) arrived: Mutex<Vec<Instant>>,
    /// When each call of ours went out.
    pub(crate) left: Mutex<Vec<Instant>>,
    /// When an answer of ours said 429.
    pub(crate) refused: Mutex<Vec<Instant>>,
    /// Answers to others that said 429.
    pub(crate) others_refused: AtomicU64,
}

impl Office {
    /// An account that takes `calls` in five minutes.
    pub(crate) fn new(calls: usize, latency: Latency) -> Self {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock = Clock::simulated(wall);
        let options = SandboxOptions {
            budget: Some(sandbox::Budget {
                calls,
                window: WINDOW,
            }),
            ..SandboxOptions::default()
        };
        Self {
            clock,
            began: clock.now(),
            sandbox: Sandbox::open(None, options, clock).unwrap(),
            folder: in_memory(),
            latency,
            tells_how_long: true,
            seen: Arc::default(),
        }
    }

    /// The same, whose refusals do not say how long to wait.
    pub(crate) fn without_retry_after(self) -> Self {
        let tells_how_long = false;
        Self {
            tells_how_long,
            ..self
        }
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// A process of ours, with `limit` calls as its budget.
    pub(crate) fn process(&self, limit: usize, seed: u64) -> Client {
        let token = SecretString::from("the-operators-token");
        let budget = Budget::shared(self.folder.path(), "account", &token, limit, self.clock);
        let policy = Policy {
            jitter_seed: Some(seed),
            ..Policy::default()
        };
        let transport = Transport::in_process(token, self.wire(seed)).unwrap();
        Client::with_policy(transport, budget.unwrap(), self.clock, policy)
    }

    fn wire(&self, seed: u64) -> cf_migrate::http::InProcessCall {
        let (sandbox, clock, latency) = (self.sandbox.clone(), self.clock, self.latency);
        let (seen, tells_how_long) = (Arc::clone(&self.seen), self.tells_how_long);
        let dice = Mutex::new(StdRng::seed_from_u64(seed));
        Arc::new(move |request: http::Request<Bytes>| {
            let (there, back) = {
                let mut dice = dice.lock().unwrap();
                let most = if dice.random_bool(0.01) {
                    latency.rare
                } else {
                    latency.usual
                };
                let mut part = || most.mul_f64(dice.random_range(0.0..0.5));
                (part(), part())
            };
            let (sandbox, seen) = (sandbox.clone(), Arc::clone(&seen));
            async move {
                seen.left.lock().unwrap().push(clock.now());
                clock.sleep(there).await;
                seen.arrived.lock().unwrap().push(clock.now());
                let mut answer = sandbox.handle(request).await.unwrap();
                clock.sleep(back).await;
                if answer.status() == 429 {
                    seen.refused.lock().unwrap().push(clock.now());
                    if !tells_how_long {
                        answer.headers_mut().remove("retry-after");
                    }
                }
                Ok(answer)
            }
            .boxed()
        })
    }

    /// A call of somebody else.
    pub(crate) async fn foreign_call(&self) {
        let request = http::Request::builder()
            .method(Method::GET)
            .uri(format!("http://sandbox{PATH}"))
            .header("authorization", "Bearer somebody-else")
            .body(Bytes::new())
            .unwrap();
        let answer = self.sandbox.handle(request).await.unwrap();
        if answer.status() == 429 {
            self.seen.others_refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Others, who make at most `margin` calls in any five minutes, whenever they
    /// like and mostly together, until `end`.
    pub(crate) async fn others(&self, margin: usize, end: Instant, seed: u64) {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut made = std::collections::VecDeque::new();
        while self.clock.now() < end {
            let now = self.clock.now();
            while made.front().is_some_and(|then| now - *then >= WINDOW) {
                made.pop_front();
            }
            let free = margin - made.len();
            let burst = match dice.random_range(0..4) {
                0 => free,
                1 => free.min(1),
                _ => dice.random_range(0..=free),
            };
            for _ in 0..burst {
                made.push_back(now);
                self.foreign_call().await;
            }
            // Sometimes the very instant at which the first of them leaves.
            let next = match (made.front(), dice.random_bool(0.3)) {
                (Some(first), true) => (*first + WINDOW) - now,
                _ => Duration::from_millis(dice.random_range(1..120_000)),
            };
            self.clock.sleep(next).await;
        }
    }
}

/// A folder in memory where there is one: every call changes the budget's file, and
/// disks take their time to replace one.
fn in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// Calls without end, `at_once` at a time, until `end`; how many succeeded.
pub(crate) async fn work(client: &Client, clock: Clock, at_once: usize, end: Instant) -> u64 {
    let worker = || async {
        let mut done = 0;
        while clock.now() < end {
            let request = Request::new(Method::GET, PATH.trim_start_matches("/client/v4"));
            let answer = client.call(request, judge_status).await.unwrap();
            assert_eq!(answer.status, 200);
            done += 1;
        }
        done
    };
    let done = futures::future::join_all((0..at_once).map(|_| worker())).await;
    done.into_iter().sum()
}
