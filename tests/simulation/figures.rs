//! What a simulation went through, added up.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::doom::Fate;
use crate::process::{Ended, Start, World};

#[derive(Debug, Default, Clone)]
pub struct Figures {
    pub seeds: u64,
    pub starts: u64,
    pub crashes: u64,
    pub power_cuts: u64,
    pub interrupts: u64,
    pub disk_failures: u64,
    /// Starts by their exit code.
    pub codes: BTreeMap<u64, u64>,
    /// Migrations that had to be refused.
    pub refused: u64,
    pub catch_ups: u64,
    pub rollbacks: u64,
    pub points: u64,
    pub records: u64,
    pub calls: u64,
    pub simulated: Duration,
    pub faults: BTreeMap<String, u64>,
    /// What happened, as one number; of several seeds the sum.
    pub trace: u64,
}

impl Figures {
    pub fn ended(&mut self, start: &Start, ended: Option<&Ended>) {
        match ended {
            None => {
                self.crashes += 1;
                self.power_cuts += u64::from(start.power_cut);
            }
            Some(ended) => {
                *self.codes.entry(ended.code()).or_default() += 1;
                let interrupted = matches!(start.fate, Fate::Interrupted(at) if at <= ended.events);
                self.disk_failures += u64::from(ended.disk_failed);
                self.interrupts += u64::from(interrupted);
            }
        }
    }

    pub fn finish(&mut self, world: &World, simulated: Duration, seed: u64) {
        let expected = &world.scenario.expected;
        self.seeds = 1;
        self.refused = u64::from(expected.refusal.is_some());
        self.points = world.scenario.collection.points().count() as u64;
        self.records = expected.written().count() as u64;
        self.calls = world.watch.calls();
        self.simulated = simulated;
        self.faults = world.sandbox.faults_met();
        self.trace = world.watch.trace() ^ seed;
    }

    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.starts += other.starts;
        self.crashes += other.crashes;
        self.power_cuts += other.power_cuts;
        self.interrupts += other.interrupts;
        self.disk_failures += other.disk_failures;
        self.refused += other.refused;
        self.catch_ups += other.catch_ups;
        self.rollbacks += other.rollbacks;
        self.points += other.points;
        self.records += other.records;
        self.calls += other.calls;
        self.simulated += other.simulated;
        self.trace = self.trace.wrapping_add(other.trace);
        for (code, count) in other.codes {
            *self.codes.entry(code).or_default() += count;
        }
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let days = self.simulated.as_secs() / 86_400;
        writeln!(f, "seeds {}, starts {}", self.seeds, self.starts)?;
        writeln!(
            f,
            "crashes {}, of which power cuts {}, interrupts {}, starts that the disk failed {}",
            self.crashes, self.power_cuts, self.interrupts, self.disk_failures
        )?;
        writeln!(
            f,
            "points {}, records {}, requests {}, simulated days {days}",
            self.points, self.records, self.calls
        )?;
        writeln!(
            f,
            "migrations to be refused {}, catch-ups {}, rolled back {}, ends by exit code {:?}",
            self.refused, self.catch_ups, self.rollbacks, self.codes
        )?;
        write!(
            f,
            "faults {} {:?}",
            self.faults.values().sum::<u64>(),
            self.faults
        )
    }
}
