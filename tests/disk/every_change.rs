//! Each change to the disk that a whole run makes fails once, fails from there on,
//! or is the last one before a power cut; then the same command again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cf_migrate::disk::{self, Failure, Weather};
use cf_migrate::settings::PaceOptions;
use serde_json::{Value, json};

use crate::binary::{
    INDEX, State, create_index, create_namespace, entry, point, values, write_lines,
};
use crate::simulation::{DIMENSIONS, Outcome, Simulation};
use cf_migrate::sandbox::inspect::StoredVector;

const POINTS: u64 = 14;
const REJECTED: u64 = 2;

/// Which run the disk fails.
#[derive(Debug, Clone, Copy)]
enum Run {
    /// The first one.
    First,
    /// One after the migration was done and the source was changed.
    CatchUp,
    /// The first one, of an archive.
    OfArchive,
    /// One after that, of the archive as it is later.
    OfLaterArchive,
}

/// A point; some of them cannot become records.
fn source_point(number: u64) -> Value {
    let mut point = point(number, DIMENSIONS);
    if number % 10 == 3 {
        point["payload"].as_object_mut().unwrap().remove("file_id");
    }
    point
}

/// The source as it is later: some points are new, others changed, others gone.
fn changed_points() -> impl Iterator<Item = Value> {
    let kept = (0..POINTS + 5).filter(|number| ![0, 5, 9].contains(number));
    kept.map(|number| {
        let mut point = source_point(number);
        if number % 4 == 0 {
            point["payload"]["text"] = "changed".into();
        }
        point
    })
}

impl Run {
    /// A migration that stands before this run.
    async fn simulation(self) -> Simulation {
        let mut simulation = simulation().await;
        match self {
            Self::First => {}
            Self::CatchUp => {
                simulation.run().await.expect_code(3);
                write_lines(&simulation.source, changed_points());
            }
            Self::OfArchive => {
                archive(&mut simulation).await;
            }
            Self::OfLaterArchive => {
                let other = archive(&mut simulation).await;
                simulation.run().await.expect_code(3);
                write_lines(&other.source, changed_points());
                other.run().await.expect_code(3);
                copy_folder(&other.folder.join("archive"), &simulation.source);
            }
        }
        simulation
    }
}

/// Puts an archive of its points in the place of the source; that of the simulation
/// that is returned, as it is now.
async fn archive(simulation: &mut Simulation) -> Simulation {
    let mut other = Simulation::of(first_points(), |options| options.budget = None);
    other.allowed_rejects = REJECTED;
    other.run().await.expect_code(3);
    simulation.source = simulation.folder.with_file_name("theirs");
    copy_folder(&other.folder.join("archive"), &simulation.source);
    other
}

/// Copies a folder, over what is there.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => {
                fs::copy(entry.path(), &to).unwrap();
            }
        }
    }
}

fn first_points() -> impl Iterator<Item = Value> {
    (0..POINTS).map(source_point)
}

/// A migration of points for an account in use.
async fn simulation() -> Simulation {
    let mut simulation = Simulation::of(first_points(), |options| options.budget = None);
    simulation.allowed_rejects = REJECTED;
    simulation.pace = PaceOptions {
        batch_count: Some(5),
        ..PaceOptions::default()
    };
    create_index(&simulation.sandbox, DIMENSIONS).await;
    let namespace = create_namespace(&simulation.sandbox).await;
    let theirs = StoredVector {
        namespace: None,
        values: values(900, DIMENSIONS),
        metadata: Some(json!({"owner": "application"})),
    };
    let sandbox = &simulation.sandbox;
    sandbox.put_vector(INDEX, "theirs", &theirs).unwrap();
    let mixed = entry(&["theirs", "f1_0"]);
    sandbox.put_entry(&namespace, "file:f1", &mixed).unwrap();
    simulation
}

/// What an undisturbed run leaves.
struct Undisturbed {
    before: State,
    after: State,
    report: Value,
    rejected: String,
    changes: u64,
}

impl Undisturbed {
    async fn of(run: Run) -> Self {
        let simulation = run.simulation().await;
        let before = simulation.state();
        let weather = Weather::new(0);
        let _under = disk::under(weather.clone());
        let outcome = simulation.run().await.expect_code(3);
        assert_eq!(outcome.number("/points/rejected"), REJECTED);
        Self {
            before,
            after: simulation.state(),
            report: lasting(outcome.report),
            rejected: rejected(&simulation.folder),
            changes: weather.changes(),
        }
    }

    /// Whatever is on the account is either as it was or as it has to become.
    #[track_caller]
    fn check_account(&self, simulation: &Simulation, what: &str) {
        let now = simulation.state();
        let sides = |id: &String| (self.before.vectors.get(id), self.after.vectors.get(id));
        for (id, vector) in &now.vectors {
            let (before, after) = sides(id);
            assert!([before, after].contains(&Some(vector)), "{what}: {id}");
        }
        for (key, entry) in &now.entries {
            let (before, after) = (self.before.entries.get(key), self.after.entries.get(key));
            assert!([before, after].contains(&Some(entry)), "{what}: {key}");
        }
        for id in self.before.vectors.keys() {
            assert!(now.vectors.contains_key(id), "{what}: {id} is gone");
        }
    }

    /// The same command again ends as if nothing had happened.
    #[track_caller]
    fn check_end(&self, outcome: Outcome, simulation: &Simulation, what: &str) {
        let found = self.after.differences(&simulation.state());
        assert_eq!(found, Vec::<String>::new(), "{what}");
        assert_eq!(outcome.error, None, "{what}");
        outcome.check_sum();
        assert_eq!(lasting(outcome.report), self.report, "{what}");
        assert_eq!(rejected(&simulation.folder), self.rejected, "{what}");
    }
}

/// The part of a report that does not depend on how many starts it took.
fn lasting(report: Value) -> Value {
    let mut points = report["points"].clone();
    let number = |name: &str| points[name].as_u64().unwrap();
    let written = number("settled") + number("unchanged");
    points.as_object_mut().unwrap().remove("settled");
    points["unchanged"] = written.into();
    let index = &report["file_index"];
    json!({
        "outcome": report["outcome"],
        "points": points,
        "entries": [index["entries"], index["ids"]],
        "verification": report["verification"],
        "left_behind": report["left_behind"],
    })
}

fn rejected(folder: &Path) -> String {
    fs::read_to_string(folder.join("rejected.ndjson")).unwrap()
}

/// What a failed run may say; it must have been stopped, and advise.
#[track_caller]
fn check_stop(outcome: &Outcome, failure: Failure, what: &str) -> Option<String> {
    let error = outcome.error.as_ref()?;
    let advice = match failure {
        Failure::Full => "free some space",
        Failure::Io => "failing",
    };
    assert!(error.contains(advice), "{what}: {error}");
    assert_eq!(outcome.report["exit_code"], 5, "{what}: {error}");
    Some(error.lines().next().unwrap_or_default().to_owned())
}

/// The changes that are tried: each one; without `CF_MIGRATE_EVERY_CHANGE`, of all
/// runs but the first a quarter, another one in each test.
fn tried(run: Run, changes: u64, quarter: u64) -> impl Iterator<Item = u64> {
    let each = tries_all() || matches!(run, Run::First);
    (1..=changes).filter(move |n| each || n % 4 == quarter)
}

fn tries_all() -> bool {
    std::env::var_os("CF_MIGRATE_EVERY_CHANGE").is_some()
}

async fn fail_everywhere(run: Run, failure: Failure, lasting: bool) {
    let undisturbed = Undisturbed::of(run).await;
    let (mut tries, mut stopped, mut words) = (0, 0, BTreeMap::<String, u64>::new());
    for n in tried(run, undisturbed.changes, u64::from(lasting)) {
        tries += 1;
        let what = format!(
            "{run:?}: {failure:?} at change {n} of {}",
            undisturbed.changes
        );
        let simulation = run.simulation().await;
        let weather = Weather::new(n);
        let under = disk::under(weather.clone());
        match lasting {
            true => weather.fail_from(n, failure),
            false => weather.fail_at(n, failure),
        }
        let outcome = simulation.run().await;
        if let Some(word) = check_stop(&outcome, failure, &what) {
            stopped += 1;
            *words.entry(word).or_default() += 1;
        }
        undisturbed.check_account(&simulation, &what);
        drop(under);
        undisturbed.check_end(simulation.run().await, &simulation, &what);
    }
    assert!(stopped + 10 > tries, "{stopped} of {}: {words:#?}", tries);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_at_any_change_stops_the_run_and_the_next_one_ends_as_if_nothing_had_been() {
    fail_everywhere(Run::First, Failure::Full, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_stays_full_does_too() {
    fail_everywhere(Run::First, Failure::Full, true).await;
}

#[tokio::test(start_paused = true)]
async fn a_device_error_at_any_change_does_too() {
    fail_everywhere(Run::First, Failure::Io, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_device_that_stays_broken_does_too() {
    fail_everywhere(Run::First, Failure::Io, true).await;
}

#[tokio::test(start_paused = true)]
async fn a_catching_up_run_stops_at_any_failure_and_goes_on() {
    fail_everywhere(Run::CatchUp, Failure::Full, true).await;
    fail_everywhere(Run::CatchUp, Failure::Io, false).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_of_an_archive_stops_at_any_failure_and_goes_on() {
    fail_everywhere(Run::OfArchive, Failure::Full, true).await;
    fail_everywhere(Run::OfLaterArchive, Failure::Io, false).await;
}

/// What a power cut takes, once or several times.
fn seeds(n: u64) -> impl Iterator<Item = u64> {
    let seeds = if tries_all() { 5 } else { 1 };
    (0..seeds).map(move |number| n + number * 10_000)
}

async fn cut_everywhere(run: Run) {
    let undisturbed = Undisturbed::of(run).await;
    for n in tried(run, undisturbed.changes, 2) {
        for seed in seeds(n) {
            let what = format!("{run:?}: a power cut at change {n}, seed {seed}");
            let simulation = run.simulation().await;
            let weather = Weather::new(seed);
            let _under = disk::under(weather.clone());
            weather.crash_at(n);
            tokio::select! {
                biased;
                () = weather.crashed() => {}
                outcome = simulation.run() => assert!(weather.has_crashed(), "{what}: {:?}", outcome.error),
            }
            weather.crash();
            undisturbed.check_account(&simulation, &what);
            undisturbed.check_end(simulation.run().await, &simulation, &what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_at_any_change_leaves_nothing_undone() {
    cut_everywhere(Run::First).await;
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_at_any_change_of_a_catching_up_run_leaves_nothing_undone() {
    cut_everywhere(Run::CatchUp).await;
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_at_any_change_of_a_run_of_an_archive_leaves_nothing_undone() {
    cut_everywhere(Run::OfArchive).await;
    cut_everywhere(Run::OfLaterArchive).await;
}
