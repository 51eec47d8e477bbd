//! When to kill, and which step a log says that was.

use std::path::Path;
use std::process::Child;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

/// When to kill: so long after that step began (none: after the start).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    step: Option<&'static str>,
    after: Duration,
}

const STEPS: [Option<&str>; 7] = [
    None,
    Some("export"),
    Some("inventory"),
    Some("upsert"),
    Some("settle"),
    Some("index"),
    Some("verify"),
];

/// Random moments, in each step as often as in any other, however short it is.
pub(crate) struct Moments {
    random: StdRng,
    turn: usize,
    lengths: [Duration; 7],
}

impl Moments {
    /// Moments of a run that takes as long as the one that left this log.
    pub(crate) fn new(seed: u64, log: &Path) -> Self {
        let events = events(log);
        let time =
            |event: &Value| humantime::parse_rfc3339(event["timestamp"].as_str().unwrap()).unwrap();
        let lengths = STEPS.map(|step| {
            let name = step.unwrap_or("export");
            let at = |kind: &str| {
                let found = events.iter().find(|event| {
                    event["fields"]["event"] == kind && event["fields"]["step"] == name
                });
                time(found.unwrap_or_else(|| panic!("{kind} {name} is in the log")))
            };
            match step {
                None => Duration::from_millis(30),
                Some(_) => at("end").duration_since(at("begin")).unwrap_or_default(),
            }
        });
        Self {
            random: StdRng::seed_from_u64(seed),
            turn: 0,
            lengths,
        }
    }

    pub(crate) fn next(&mut self) -> Moment {
        let step = self.turn % STEPS.len();
        self.turn += 1;
        let share = self.random.random_range(0.0..1.0);
        Moment {
            step: STEPS[step],
            after: self.lengths[step].mul_f64(share),
        }
    }
}

/// Waits for the moment, or for the end of the process.
pub(crate) fn wait_for(moment: Moment, child: &mut Child, log: &Path) {
    let Some(step) = moment.step else {
        return pause(moment.after);
    };
    let begun =
        |event: &Value| event["fields"]["event"] == "begin" && event["fields"]["step"] == step;
    while child.try_wait().unwrap().is_none() {
        if events(log).iter().any(begun) {
            return pause(moment.after);
        }
        pause(Duration::from_millis(2));
    }
}

/// The step that had begun last and not ended, by the log.
pub(crate) fn stage_of(log: &Path) -> String {
    let mut stage = "before any step".to_owned();
    for event in events(log) {
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

/// The events of a log about steps; its last line may be torn.
fn events(log: &Path) -> Vec<Value> {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter(|line| line.contains("\"event\""));
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[allow(clippy::disallowed_methods, reason = "the binary runs in real time")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
