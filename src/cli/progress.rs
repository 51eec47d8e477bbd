//! Who listens to a migration at the command line: bars on a terminal, plain
//! lines elsewhere, and the log in any case.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::{Clock, Instant};
use crate::conceal::conceal;
use crate::progress::{Level, Progress, Step};

/// Between two plain lines of one step.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Bars where they can be drawn, plain lines elsewhere.
pub(super) fn listener(clock: Clock) -> Arc<dyn Progress> {
    match draws_bars() {
        true => Arc::new(Bars::new()),
        false => Arc::new(Plain::new(clock)),
    }
}

/// Whether to draw bars: on a terminal that is not a dumb one. Where nobody says
/// which terminal it is, nothing at all would be drawn on Unix.
fn draws_bars() -> bool {
    let dumb = std::env::var_os("TERM").map_or(cfg!(unix), |term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// Bars with rate and remaining time.
struct Bars {
    all: MultiProgress,
    bars: Mutex<HashMap<Step, ProgressBar>>,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self {
            all,
            bars: Mutex::default(),
        }
    }

    fn bar(&self, step: Step) -> Option<ProgressBar> {
        lock(&self.bars).get(&step).cloned()
    }
}

fn style(step: Step, known: bool) -> ProgressStyle {
    let template = if known {
        format!(
            "{{prefix:>9}} {{bar:28}} {{human_pos}}/{{human_len}} {}  {{per_sec}}  {{eta}} left",
            step.unit()
        )
    } else {
        format!(
            "{{prefix:>9}} {{spinner}} {{human_pos}} {}  {{elapsed}}",
            step.unit()
        )
    };
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress for Bars {
    fn begin(&self, step: Step, total: Option<u64>) {
        log_begin(step, total);
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        let bar = self.all.add(bar);
        bar.set_style(style(step, total.is_some()));
        bar.set_prefix(step.name());
        bar.enable_steady_tick(Duration::from_millis(200));
        lock(&self.bars).insert(step, bar);
    }

    fn advance(&self, step: Step, amount: u64) {
        if let Some(bar) = self.bar(step) {
            bar.inc(amount);
        }
    }

    fn end(&self, step: Step, summary: &str) {
        log_end(step, summary);
        if let Some(bar) = lock(&self.bars).remove(&step) {
            bar.finish_and_clear();
        }
        let line = format!("{:>9}  {summary}", step.name());
        // The terminal may be gone; the log and the result are not.
        let _ = self.all.println(conceal(&line));
    }

    fn remark(&self, level: Level, text: &str) {
        log_remark(level, text);
        let _ = self.all.println(conceal(&remark_line(level, text)));
    }
}

/// A line when a step begins, now and then, and when it ends.
struct Plain {
    clock: Clock,
    steps: Mutex<HashMap<Step, Amount>>,
}

struct Amount {
    done: u64,
    total: Option<u64>,
    begun: Instant,
    told: Instant,
}

impl Plain {
    fn new(clock: Clock) -> Self {
        Self {
            clock,
            steps: Mutex::default(),
        }
    }
}

impl Progress for Plain {
    fn begin(&self, step: Step, total: Option<u64>) {
        log_begin(step, total);
        let now = self.clock.now();
        lock(&self.steps).insert(
            step,
            Amount {
                done: 0,
                total,
                begun: now,
                told: now,
            },
        );
        let of = total.map_or(String::new(), |total| format!(": {total} {}", step.unit()));
        say(&format!("{}{of}", step.name()));
    }

    fn advance(&self, step: Step, amount: u64) {
        let now = self.clock.now();
        let mut steps = lock(&self.steps);
        let Some(known) = steps.get_mut(&step) else {
            return;
        };
        known.done += amount;
        if now - known.told >= PLAIN_EVERY {
            known.told = now;
            say(&known.line(step, now));
        }
    }

    fn end(&self, step: Step, summary: &str) {
        log_end(step, summary);
        lock(&self.steps).remove(&step);
        say(&format!("{}: {summary}", step.name()));
    }

    fn remark(&self, level: Level, text: &str) {
        log_remark(level, text);
        say(&remark_line(level, text));
    }
}

impl Amount {
    fn line(&self, step: Step, now: Instant) -> String {
        let seconds = (now - self.begun).as_secs_f64().max(0.001);
        let rate = self.done as f64 / seconds;
        let mut line = format!("{}: {}", step.name(), self.done);
        if let Some(total) = self.total {
            line.push_str(&format!("/{total}"));
        }
        line.push_str(&format!(" {}, {rate:.0} a second", step.unit()));
        if let Some(left) = self.total.map(|total| total.saturating_sub(self.done))
            && rate > 0.0
        {
            let left = Duration::from_secs((left as f64 / rate) as u64);
            line.push_str(&format!(", {} left", humantime::format_duration(left)));
        }
        line
    }
}

fn remark_line(level: Level, text: &str) -> String {
    match level {
        Level::Info => text.to_owned(),
        Level::Warning => format!("warning: {text}"),
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", conceal(line));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn log_begin(step: Step, total: Option<u64>) {
    tracing::info!(event = "begin", step = step.name(), total);
}

fn log_end(step: Step, summary: &str) {
    tracing::info!(event = "end", step = step.name(), summary);
}

fn log_remark(level: Level, text: &str) {
    match level {
        Level::Info => tracing::info!(event = "remark", text),
        Level::Warning => tracing::warn!(event = "remark", text),
    }
}
