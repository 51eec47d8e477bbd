//! What stands between the program and the account: it slows calls down, ends the
//! process at one of them, and looks at every write before it is carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use cf_migrate::clock::Clock;
use cf_migrate::http::{ConnectionLost, InProcessCall};
use cf_migrate::sandbox::Sandbox;
use futures::FutureExt as _;
use serde_json::Value;

use crate::broken::Broken;
use crate::called::Called;
use crate::dice::Dice;
use crate::doom::Doom;
use crate::play::Manner;
use crate::scenario::Scenario;

/// What is seen of all calls of a migration, whatever process makes them.
pub struct Watch {
    scenario: Mutex<Arc<Scenario>>,
    pub sandbox: Sandbox,
    clock: Clock,
    pub ledger: std::path::PathBuf,
    pub broken: Option<Broken>,
    tells: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
pub struct Seen {
    calls: u64,
    trace: DefaultHasher,
    violations: Vec<String>,
    limited: u64,
    /// Whether any process did not come to its end.
    stumbled: bool,
    writes: u64,
    writes_now: u64,
    /// Whether this start has to be refused.
    pub stern: bool,
    verb: Verb,
    /// Whether every point was found checked at its first write.
    pub checked: bool,
}

impl Watch {
    pub fn new(
        scenario: &Arc<Scenario>,
        sandbox: &Sandbox,
        clock: Clock,
        ledger: std::path::PathBuf,
        manner: Manner,
    ) -> Arc<Self> {
        Arc::new(Self {
            scenario: Mutex::new(Arc::clone(scenario)),
            sandbox: sandbox.clone(),
            clock,
            ledger,
            broken: manner.broken,
            tells: manner.tells,
            seen: Mutex::default(),
        })
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// The source has changed, and with it what is expected.
    pub fn change(&self, scenario: &Arc<Scenario>) {
        *self.scenario.lock().unwrap() = Arc::clone(scenario);
    }

    pub fn scenario(&self) -> Arc<Scenario> {
        Arc::clone(&self.scenario.lock().unwrap())
    }

    /// Something that must never be.
    pub fn violation(&self, what: String) {
        self.seen().violations.push(what);
    }

    pub fn violations(&self) -> Vec<String> {
        self.seen().violations.clone()
    }

    pub fn calls(&self) -> u64 {
        self.seen().calls
    }

    /// Refusals for too many calls that no fault was asked for.
    pub fn limited(&self) -> u64 {
        self.seen().limited
    }

    /// What happened, as one number.
    pub fn trace(&self) -> u64 {
        self.seen().trace.finish()
    }

    /// Tells a line, where that was asked for.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        if self.tells {
            println!("{} {}", self.clock.wall_ms(), line());
        }
    }

    /// A process begins; a stern one must not write.
    pub fn begin(&self, verb: Verb, stern: bool) {
        let mut seen = self.seen();
        (seen.verb, seen.stern) = (verb, stern);
        seen.checked = false;
        seen.writes_now = 0;
    }

    /// Whether the process that began last must not write.
    pub fn is_stern(&self) -> bool {
        self.seen().stern
    }

    /// A process did not come to its end.
    pub fn stumble(&self) {
        self.seen().stumbled = true;
    }

    /// Whether any did not.
    pub fn stumbled(&self) -> bool {
        self.seen().stumbled
    }

    /// Whether anything was written so far.
    pub fn wrote(&self) -> bool {
        self.seen().writes > 0
    }

    pub fn writes_of_this_start(&self) -> u64 {
        self.seen().writes_now
    }

    /// The account as a process reaches it.
    pub fn transport(self: &Arc<Self>, doom: &Arc<Doom>, latency: Latency) -> InProcessCall {
        let (watch, doom) = (Arc::clone(self), Arc::clone(doom));
        let dice = Arc::new(Mutex::new(Dice::new(latency.seed)));
        Arc::new(move |request: Request<Bytes>| {
            let (watch, doom, dice) = (Arc::clone(&watch), Arc::clone(&doom), Arc::clone(&dice));
            async move {
                let (there, back) = {
                    let mut dice = dice.lock().unwrap();
                    (dice.scale(latency.most_ms), dice.scale(latency.most_ms))
                };
                watch.clock.sleep(Duration::from_millis(there)).await;
                doom.pass().await;
                let call = Called::of(&request);
                if call.writes() {
                    doom.send().await;
                }
                watch.before(&call, request.body());
                let answer = watch.sandbox.handle(request).await;
                let answer = answer.map(|answer| watch.after(answer));
                watch.note(&call, answer.as_ref().ok());
                watch.clock.sleep(Duration::from_millis(back)).await;
                doom.pass().await;
                answer.map_err(|_| ConnectionLost)
            }
            .boxed()
        })
    }

    fn note(&self, call: &Called, answer: Option<&Response<Bytes>>) {
        let at = self.clock.wall_ms();
        let status = answer.map_or(0, |answer| answer.status().as_u16());
        let mut seen = self.seen();
        seen.calls += 1;
        (at, &call.method, &call.what, call.body, status).hash(&mut seen.trace);
        let blocked = |answer: &Response<Bytes>| {
            status == 429
                && !answer.body().windows(3).any(|code| code == b"971")
                && !answer.body().windows(5).any(|code| code == b"40041")
        };
        if answer.is_some_and(blocked) {
            seen.limited += 1;
        }
        drop(seen);
        self.tell(|| format!("{} {} -> {status}", call.method, call.what));
    }

    fn before(&self, call: &Called, body: &Bytes) {
        if !call.writes() {
            return;
        }
        let verb = {
            let mut seen = self.seen();
            seen.writes += 1;
            seen.writes_now += 1;
            seen.verb
        };
        match verb {
            Verb::Run => self.before_a_write(call, body),
            Verb::Rollback => self.before_taking_back(call, body),
        }
    }

    fn after(&self, mut answer: Response<Bytes>) -> Response<Bytes> {
        let Some(broken) = self.broken else {
            return answer;
        };
        if let Ok(mut envelope) = serde_json::from_slice::<Value>(answer.body())
            && broken.misreads(&mut envelope)
        {
            *answer.body_mut() = Bytes::from(envelope.to_string());
        }
        answer
    }
}

/// How long calls take.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    pub seed: u64,
    pub most_ms: u64,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verb {
    #[default]
    Run,
    Rollback,
}

/// Differences between two maps, a few of them.
pub fn differing<T>(
    left: &BTreeMap<String, T>,
    right: &BTreeMap<String, T>,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<String> {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let differs = |key: &&String| match (left.get(*key), right.get(*key)) {
        (Some(left), Some(right)) => !same(left, right),
        _ => true,
    };
    keys.into_iter().filter(differs).cloned().collect()
}
