//! The one loop that sleeps: take a turn, send, ask what the answer means, do
//! as [`crate::http::retry`] decides. Which answers are good is said by the
//! caller of [`Client::call`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{Either, select};

use crate::clock::{Clock, Instant};
use crate::http::budget::{Budget, BudgetError, Ongoing};
use crate::http::error::{Cause, HttpError};
use crate::http::pacer::Pacer;
use crate::http::request::{Answer, Request};
use crate::http::retry::{Decision, Outcome, Policy, Progress, Verdict, decide};
use crate::http::transport::{SendError, Transport};
use crate::stop::Stop;

/// A turn that took less was free; only the file's lock was waited for.
const WORTH_COUNTING: Duration = Duration::from_millis(50);

/// Calls of one account. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    /// Ends waiting; none where nobody can ask for it.
    stop: Option<Stop>,
    /// Holds bodies to a rate; none where nobody asked for one.
    pacer: Option<Pacer>,
}

struct Shared {
    transport: Transport,
    budget: Budget,
    policy: Policy,
    clock: Clock,
    /// Whether the service has ever been reached.
    contact: AtomicBool,
    total: AtomicU64,
    retried: AtomicU64,
    rate_limited: AtomicU64,
    waited: AtomicU64,
}

/// What was sent so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Attempts, the first of each call included.
    pub total: u64,
    /// Attempts that repeated an earlier one.
    pub retried: u64,
    /// Answers that refused for too many calls.
    pub rate_limited: u64,
    /// Attempts that had to wait for their turn.
    pub waited: u64,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("transport", &self.shared.transport)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client with the usual patience.
    pub fn new(transport: Transport, budget: Budget, clock: Clock) -> Self {
        Self::with_policy(transport, budget, clock, Policy::default())
    }

    /// A client with another patience.
    pub fn with_policy(transport: Transport, budget: Budget, clock: Clock, policy: Policy) -> Self {
        Self {
            shared: Arc::new(Shared {
                transport,
                budget,
                policy,
                clock,
                contact: AtomicBool::new(false),
                total: AtomicU64::new(0),
                retried: AtomicU64::new(0),
                rate_limited: AtomicU64::new(0),
                waited: AtomicU64::new(0),
            }),
            stop: None,
            pacer: None,
        }
    }

    /// The same client, whose waits and pauses end when `stop` is raised. What is
    /// on the wire is finished.
    #[must_use]
    pub fn until(mut self, stop: Stop) -> Self {
        self.stop = Some(stop);
        self
    }

    /// The same client, whose bodies go at the rate of `pacer`.
    #[must_use]
    pub fn paced(mut self, pacer: Option<Pacer>) -> Self {
        self.pacer = pacer;
        self
    }

    /// What was sent so far, by this client and its clones.
    pub fn counters(&self) -> Counters {
        Counters {
            total: self.shared.total.load(Ordering::Relaxed),
            retried: self.shared.retried.load(Ordering::Relaxed),
            rate_limited: self.shared.rate_limited.load(Ordering::Relaxed),
            waited: self.shared.waited.load(Ordering::Relaxed),
        }
    }

    /// Makes a call, and makes it again as long as that may help. `judge` says
    /// what an answer means; one that it calls done or final is returned.
    pub async fn call(
        &self,
        request: Request,
        judge: impl Fn(&Answer) -> Verdict,
    ) -> Result<Answer, HttpError> {
        let Shared { policy, clock, .. } = &*self.shared;
        let mut trial = Trial::new(&request, clock.now());
        let mut pauses = policy.pauses();
        loop {
            let ongoing = self
                .unless_stopped(&trial, self.turn(&trial))
                .await?
                .map_err(|error| trial.failed(clock.now(), Cause::Budget(error)))?;
            let began = clock.now();
            let answer = self.attempt(&request, trial.attempts + 1).await;
            drop(ongoing);
            let outcome = self.outcome(&answer, &judge);
            trial.count(outcome, clock.now() - began);
            if let Some(pause) = policy.account_pause(outcome, trial.attempts) {
                self.pause_account(pause)
                    .map_err(|error| trial.failed(clock.now(), Cause::Budget(error)))?;
            }
            let progress = trial.progress(self.has_contact(), pauses.next().unwrap_or_default());
            match (decide(policy, progress, outcome, request.repeat), answer) {
                (Decision::Return, Ok(answer)) => return Ok(answer),
                (Decision::Wait(pause), _) => {
                    trial.spent += pause;
                    self.unless_stopped(&trial, clock.sleep(pause)).await?;
                }
                (Decision::WaitAsTold(pause), _) => {
                    self.unless_stopped(&trial, clock.sleep(pause)).await?;
                }
                (Decision::NextTurn, _) => {}
                (Decision::GiveUp | Decision::Return, answer) => {
                    return Err(trial.failed(clock.now(), cause(answer, outcome, &request)));
                }
            }
        }
    }

    /// Waits, unless the operator stops it before it is over.
    async fn unless_stopped<T>(
        &self,
        trial: &Trial<'_>,
        wait: impl Future<Output = T>,
    ) -> Result<T, HttpError> {
        let Some(stop) = &self.stop else {
            return Ok(wait.await);
        };
        tokio::select! {
            biased;
            waited = wait => Ok(waited),
            () = stop.raised() => {
                Err(trial.failed(self.shared.clock.now(), Cause::Interrupted))
            }
        }
    }

    /// Takes a turn and counts the attempt that follows.
    async fn turn(&self, trial: &Trial<'_>) -> Result<Ongoing, BudgetError> {
        let begun = self.shared.clock.now();
        let ongoing = self
            .shared
            .budget
            .take(self.patience(trial.request))
            .await?;
        if self.shared.clock.now() - begun >= WORTH_COUNTING {
            self.shared.waited.fetch_add(1, Ordering::Relaxed);
        }
        self.shared.total.fetch_add(1, Ordering::Relaxed);
        if trial.attempts > 0 {
            self.shared.retried.fetch_add(1, Ordering::Relaxed);
        }
        Ok(ongoing)
    }

    /// How long one attempt may take, with the time in which its body is held back.
    fn patience(&self, request: &Request) -> Duration {
        let held = self.pacer.as_ref();
        let held = held.map(|pacer| pacer.longest(request.body.len()));
        request.patience() + held.unwrap_or_default()
    }

    /// Sends once. A request that takes longer than its patience is dropped.
    async fn attempt(&self, request: &Request, attempt: u32) -> Result<Answer, SendError> {
        let Shared {
            transport, clock, ..
        } = &*self.shared;
        let began = clock.now();
        let patience = self.patience(request);
        let sending = Box::pin(transport.send(request, self.pacer.as_ref()));
        let answer = match select(sending, Box::pin(clock.sleep(patience))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => {
                let seconds = patience.as_secs();
                Err(SendError::Lost(
                    format!("no answer within {seconds} s").into(),
                ))
            }
        };
        tracing::debug!(
            method = %request.method,
            path = request.shown_path(),
            status = answer.as_ref().ok().map(|answer| answer.status),
            ms = (clock.now() - began).as_millis(),
            attempt,
            "called"
        );
        answer
    }

    fn outcome(
        &self,
        answer: &Result<Answer, SendError>,
        judge: impl Fn(&Answer) -> Verdict,
    ) -> Outcome {
        if !matches!(answer, Err(SendError::NotSent(_))) {
            self.shared.contact.store(true, Ordering::Relaxed);
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(SendError::NotSent(_)) => return Outcome::NotSent,
            Err(SendError::Lost(_)) => return Outcome::Lost,
            Err(SendError::TooLarge) => return Outcome::TooLarge,
        };
        let verdict = judge(answer);
        if matches!(verdict, Verdict::RateLimited(_)) {
            self.shared.rate_limited.fetch_add(1, Ordering::Relaxed);
        }
        Outcome::Answered {
            verdict,
            retry_after: answer.retry_after(self.shared.clock.wall()),
        }
    }

    fn has_contact(&self) -> bool {
        self.shared.contact.load(Ordering::Relaxed)
    }

    fn pause_account(&self, pause: Duration) -> Result<(), BudgetError> {
        tracing::warn!(
            seconds = pause.as_secs(),
            "the account's request limit is used up: every call waits"
        );
        self.shared.budget.pause(pause)
    }
}

fn cause(answer: Result<Answer, SendError>, outcome: Outcome, request: &Request) -> Cause {
    match (answer, outcome) {
        (
            Ok(answer),
            Outcome::Answered {
                verdict: Verdict::RateLimited(_),
                retry_after,
            },
        ) => Cause::RateLimited {
            status: answer.status,
            retry_after,
            excerpt: answer.excerpt(),
        },
        (Ok(answer), _) => Cause::Answered {
            status: answer.status,
            excerpt: answer.excerpt(),
        },
        (Err(SendError::NotSent(source)), _) => Cause::NotSent(source),
        (Err(SendError::Lost(source)), _) => Cause::Lost(source),
        (Err(SendError::TooLarge), _) => Cause::TooLarge {
            limit_bytes: request.answer_bytes,
        },
    }
}

/// The attempts of one call so far.
struct Trial<'a> {
    request: &'a Request,
    began: Instant,
    attempts: u32,
    /// Time in attempts and in pauses of our own.
    spent: Duration,
    maybe_applied: bool,
}

impl<'a> Trial<'a> {
    fn new(request: &'a Request, began: Instant) -> Self {
        Self {
            request,
            began,
            attempts: 0,
            spent: Duration::ZERO,
            maybe_applied: false,
        }
    }

    fn count(&mut self, outcome: Outcome, took: Duration) {
        self.attempts += 1;
        self.spent += took;
        self.maybe_applied |= match outcome {
            Outcome::Lost | Outcome::TooLarge => true,
            Outcome::Answered { verdict, .. } => verdict == Verdict::Retry,
            Outcome::NotSent => false,
        };
    }

    fn progress(&self, contact: bool, pause: Duration) -> Progress {
        Progress {
            attempts: self.attempts,
            elapsed: self.spent,
            contact,
            pause,
        }
    }

    fn failed(&self, now: Instant, cause: Cause) -> HttpError {
        HttpError::new(
            self.request,
            self.attempts,
            now - self.began,
            cause,
            self.maybe_applied,
        )
    }
}

#[cfg(test)]
mod tests;
