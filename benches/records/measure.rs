//! A process of its own for each stage, and what it took.

use std::path::Path;
use std::process::{Command, Stdio};

use cf_migrate::clock::Clock;
use nix::sys::resource::{UsageWho, getrusage};

/// Marks an invocation by this program itself.
pub(crate) const CHILD: &str = "--stage";

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    /// Seconds of both processors together, in the program and in the system.
    pub(crate) cpu: f64,
    /// Seconds until it ended; only what the parent saw.
    pub(crate) wall: f64,
    /// The most resident memory, in KiB.
    peak_kib: u64,
}

impl Figures {
    pub(crate) fn of_this_process() -> Self {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("every process may ask for its own");
        let seconds = [usage.user_time(), usage.system_time()]
            .map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6);
        Self {
            cpu: seconds.iter().sum(),
            wall: 0.0,
            peak_kib: peak_kib(),
        }
    }

    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak_kib as f64 / 1_024.0
    }

    pub(crate) fn to_line(self) -> String {
        format!("{} {}", self.cpu, self.peak_kib)
    }

    fn of_line(line: &str, wall: f64) -> Option<Self> {
        let (cpu, peak_kib) = line.trim().split_once(' ')?;
        Some(Self {
            cpu: cpu.parse().ok()?,
            wall,
            peak_kib: peak_kib.parse().ok()?,
        })
    }
}

/// Since this program was started: what getrusage says includes what the parent held.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    words.and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Runs that stage or bound on its own, with nothing left to write of what ran before.
pub(crate) fn in_a_process(name: &str, dir: &Path, points: u64) -> Figures {
    nix::unistd::sync();
    let begun = Clock::real().now();
    let output = Command::new(std::env::current_exe().expect("this program has a path"))
        .args([CHILD, name])
        .arg(dir)
        .arg(points.to_string())
        .stderr(Stdio::inherit())
        .output()
        .expect("this program can be run again");
    let wall = (Clock::real().now() - begun).as_secs_f64();
    assert!(output.status.success(), "{name} of {points} records failed");
    let line = String::from_utf8_lossy(&output.stdout);
    Figures::of_line(&line, wall).expect("a stage ends with its figures")
}
