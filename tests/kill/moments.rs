//! When to kill, and which step a log says that was.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, SystemTime};

use cf_migrate::clock::Clock;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

/// When to kill.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    /// So long after the start.
    AfterStart(Duration),
    /// So long after a step began, however short it is.
    InStep(&'static str, Duration),
    /// So long after the n-th call to the account or the source was answered.
    AfterCall(usize, Duration),
}

const STEPS: [&str; 6] = ["export", "inventory", "upsert", "settle", "index", "verify"];

/// The time in which a process is up to something right after an answer.
const AFTERMATH: Duration = Duration::from_millis(4);

/// Random moments: a third anywhere in a run, a third in each step as often as in
/// any other, a third right after an answer.
pub(crate) struct Moments {
    random: StdRng,
    turn: usize,
    whole: Duration,
    steps: [Duration; STEPS.len()],
    calls: usize,
}

impl Moments {
    /// Moments of a run that takes as long as the one that left this log.
    pub(crate) fn new(seed: u64, log: &Path) -> Self {
        let steps = events(log, is_step);
        let time =
            |event: &Value| humantime::parse_rfc3339(event["timestamp"].as_str().unwrap()).unwrap();
        let at = |kind: &str, name: &str| {
            let found = steps
                .iter()
                .find(|event| event["fields"]["event"] == kind && event["fields"]["step"] == name);
            time(found.unwrap_or_else(|| panic!("{kind} {name} is in the log")))
        };
        let between =
            |from: SystemTime, to: SystemTime| to.duration_since(from).unwrap_or_default();
        Self {
            random: StdRng::seed_from_u64(seed),
            turn: 0,
            // What comes before the first step takes about as long as this.
            whole: between(at("begin", "export"), at("end", "verify")) + Duration::from_millis(30),
            steps: STEPS.map(|step| between(at("begin", step), at("end", step))),
            calls: events(log, is_call).len(),
        }
    }

    pub(crate) fn next(&mut self) -> Moment {
        let (kind, step) = (self.turn % 3, self.turn / 3 % STEPS.len());
        self.turn += 1;
        let share = self.random.random_range(0.0..1.0);
        match kind {
            0 => Moment::AfterStart(self.whole.mul_f64(share)),
            1 => Moment::InStep(STEPS[step], self.steps[step].mul_f64(share)),
            _ => {
                let call = self.random.random_range(1..=self.calls);
                Moment::AfterCall(call, AFTERMATH.mul_f64(share))
            }
        }
    }
}

/// Waits for the moment, or for the end of the process.
pub(crate) fn wait_for(moment: Moment, child: &mut Child, log: &Path) {
    let (has_come, after): (Box<dyn Fn() -> bool>, _) = match moment {
        Moment::AfterStart(after) => return pause_until(after, child),
        Moment::InStep(step, after) => {
            let begun = move |event: &Value| {
                event["fields"]["event"] == "begin" && event["fields"]["step"] == step
            };
            (
                Box::new(move || events(log, is_step).iter().any(begun)),
                after,
            )
        }
        Moment::AfterCall(call, after) => {
            (Box::new(move || events(log, is_call).len() >= call), after)
        }
    };
    while child.try_wait().unwrap().is_none() {
        if has_come() {
            return pause_until(after, child);
        }
        pause(Duration::from_millis(1));
    }
}

/// The step that had begun last and not ended, by the log.
pub(crate) fn stage_of(log: &Path) -> String {
    let mut stage = "before any step".to_owned();
    for event in events(log, is_step) {
        let fields = &event["fields"];
        let step = fields["step"].as_str().unwrap_or_default();
        match fields["event"].as_str() {
            Some("begin") => stage = step.to_owned(),
            Some("end") => stage = format!("after {step}"),
            _ => {}
        }
    }
    stage
}

fn is_step(line: &str) -> bool {
    line.contains("\"event\"")
}

fn is_call(line: &str) -> bool {
    line.contains("\"called\"")
}

/// The wanted lines of a log; its last one may be torn.
fn events(log: &Path, wanted: impl Fn(&str) -> bool) -> Vec<Value> {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter(|line| wanted(line));
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// So long, or until the process has ended.
fn pause_until(after: Duration, child: &mut Child) {
    let begun = Clock::real().now();
    while begun.elapsed() < after && child.try_wait().unwrap().is_none() {
        pause(after.min(Duration::from_millis(1)));
    }
}

#[allow(clippy::disallowed_methods, reason = "the binary runs in real time")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
