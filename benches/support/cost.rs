//! What something cost: CPU time, user and system together, and peak memory.

use std::process::{Command, Output};

use nix::sys::resource::{Usage, UsageWho, getrusage};

/// CPU seconds, user and system.
pub fn cpu_seconds(usage: &Usage) -> f64 {
    let (user, system) = (usage.user_time(), usage.system_time());
    let seconds = user.tv_sec() + system.tv_sec();
    let micros = user.tv_usec() + system.tv_usec();
    seconds as f64 + micros as f64 / 1e6
}

/// The CPU seconds of this process so far, all threads.
pub fn own_cpu() -> f64 {
    cpu_seconds(&getrusage(UsageWho::RUSAGE_SELF).expect("a process knows what it used"))
}

/// Runs a process to its end; what it put out and the CPU seconds it took. Of
/// one child at a time this is that child's.
pub fn run(command: &mut Command) -> (Output, f64) {
    let children = || {
        cpu_seconds(&getrusage(UsageWho::RUSAGE_CHILDREN).expect("a process knows its children"))
    };
    let before = children();
    let output = command.output().expect("the program runs");
    (output, children() - before)
}
