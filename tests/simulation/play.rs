//! One seed from beginning to end: starts with faults, interrupts and crashes, then
//! one without, and the comparison.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cf_migrate::clock::Clock;
use cf_migrate::disk::{Failure, Weather};
use cf_migrate::point::Distance;
use cf_migrate::sandbox::{FaultRate, Sandbox};
use cf_migrate::settings::{ApiBudget, PaceOptions};
use serde_json::json;

use crate::binary::{INDEX, NAMESPACE, call};
use crate::broken::Broken;
use crate::dice::Dice;
use crate::doom::Fate;
use crate::figures::Figures;
use crate::judge::Judge;
use crate::process::{Disk, Ended, Start, World};
use crate::scenario::Scenario;
use crate::watch::{Verb, Watch};

/// What the simulation found.
#[derive(Debug)]
pub struct Finding {
    pub what: Vec<String>,
}

/// How a seed is played.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    pub broken: Option<Broken>,
    /// Whether every call and every end is told.
    pub tells: bool,
}

/// Plays a seed on a runtime and a folder of its own.
pub fn play(seed: u64, manner: Manner) -> Result<Figures, Finding> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(Play::new(seed, manner).all())
    }));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Finding {
            what: vec![format!("a panic: {}", text.unwrap_or_default())],
        })
    })
}

struct Play {
    seed: u64,
    manner: Manner,
    scenario: Arc<Scenario>,
    dice: Dice,
}

impl Play {
    fn new(seed: u64, manner: Manner) -> Self {
        let scenario = Arc::new(Scenario::new(seed));
        let dice = Dice::new(seed ^ 0x5157_4d55_4c41_5445);
        Self {
            seed,
            manner,
            scenario,
            dice,
        }
    }

    async fn all(mut self) -> Result<Figures, Finding> {
        let dir = folder();
        let mut world = self.world(dir.path()).await;
        let began = world.clock.now();
        let mut figures = Figures::default();
        self.disturbed(&world, &mut figures).await?;
        // A migration may be taken back before it came to its end.
        let gives_up = self.takes_back() && self.dice.chance(0.15);
        if !gives_up {
            self.finish(&world, &mut figures).await?;
            self.catch_up(&mut world, &mut figures).await?;
        }
        if gives_up || self.takes_back() && self.dice.chance(0.3) {
            self.roll_back(&world, &mut figures).await?;
        }
        figures.finish(&world, world.clock.now() - began, self.seed);
        Ok(figures)
    }

    /// The source changes, any number of times, and the same command catches up.
    async fn catch_up(&mut self, world: &mut World, figures: &mut Figures) -> Result<(), Finding> {
        for _ in 0..self.dice.weighted(&[(5, 0), (3, 1), (1, 4)]) {
            let scenario = &self.scenario;
            let moves_on = self.takes_back()
                && !scenario.collection.pinned
                && scenario.expected.refusal.is_none();
            if !moves_on || !(Judge { world }).different().is_empty() {
                return Ok(());
            }
            let Some(next) = scenario.changed(&mut self.dice.part()) else {
                return Ok(());
            };
            figures.catch_ups += 1;
            self.scenario = Arc::new(next);
            world.scenario = Arc::clone(&self.scenario);
            world.watch.change(&self.scenario);
            world.watch.tell(|| "the source has changed".to_owned());
            self.disturbed(world, figures).await?;
            self.finish(world, figures).await?;
        }
        Ok(())
    }

    /// The undisturbed run at the end, and sometimes the same once more.
    async fn finish(&mut self, world: &World, figures: &mut Figures) -> Result<(), Finding> {
        world.sandbox.set_faults(Vec::new());
        let start = self.undisturbed(world);
        let ended = self.run(world, &start, figures).await?;
        Judge { world }.end(&ended.expect("nothing ends this start"))?;
        if self.scenario.expected.refusal.is_none() && self.dice.chance(0.3) {
            let start = self.undisturbed(world);
            let ended = self.run(world, &start, figures).await?;
            Judge { world }.repetition(&ended.expect("nothing ends this start"))?;
        }
        Ok(())
    }

    /// Where the index altered vectors, those stay, and it is not known which.
    fn takes_back(&self) -> bool {
        self.manner.broken.is_none() && !self.scenario.altered
    }

    /// Takes everything back, disturbed any number of times.
    async fn roll_back(&mut self, world: &World, figures: &mut Figures) -> Result<(), Finding> {
        figures.rollbacks += 1;
        for _ in 0..self.dice.weighted(&[(2, 0), (2, 1), (1, 4)]) {
            world.sandbox.set_faults(self.faults());
            let start = Start {
                verb: Verb::Rollback,
                ..self.random_start(world)
            };
            match self.run(world, &start, figures).await? {
                Some(ended) => Judge { world }.disturbed_rollback(&ended)?,
                None => Judge { world }.crashed()?,
            }
            let pause = Duration::from_millis(self.dice.scale(2 * 86_400_000));
            world.clock.sleep(pause).await;
        }
        world.sandbox.set_faults(Vec::new());
        let start = Start {
            verb: Verb::Rollback,
            ..self.undisturbed(world)
        };
        let ended = self.run(world, &start, figures).await?;
        Judge { world }.rolled_back(&ended.expect("nothing ends this start"))
    }

    async fn world(&mut self, dir: &std::path::Path) -> World {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock = Clock::simulated(wall);
        let sandbox = Sandbox::open(None, self.scenario.sandbox.clone(), clock).unwrap();
        set_up(&sandbox, &self.scenario).await;
        let folder = dir.join("docs.migration");
        let ledger = folder.join("ledger.db");
        let watch = Watch::new(&self.scenario, &sandbox, clock, ledger, self.manner);
        World {
            scenario: Arc::clone(&self.scenario),
            sandbox,
            clock,
            watch,
            folder,
            state: dir.join("state"),
            weather: Weather::new(self.dice.number()),
        }
    }

    /// Starts in bad nights, any number of them.
    async fn disturbed(&mut self, world: &World, figures: &mut Figures) -> Result<(), Finding> {
        for _ in 0..self
            .dice
            .weighted(&[(1, 0), (3, 1), (3, 2), (2, 4), (1, 9)])
        {
            world.sandbox.set_faults(self.faults());
            let start = self.random_start(world);
            match self.run(world, &start, figures).await? {
                Some(ended) => Judge { world }.disturbed(&ended)?,
                None => Judge { world }.crashed()?,
            }
            let pause = Duration::from_millis(self.dice.scale(2 * 86_400_000));
            world.clock.sleep(pause).await;
        }
        Ok(())
    }

    async fn run(
        &mut self,
        world: &World,
        start: &Start,
        figures: &mut Figures,
    ) -> Result<Option<Ended>, Finding> {
        world.watch.tell(|| format!("start {start:?}"));
        world
            .watch
            .begin(start.verb, Judge { world }.is_stern(start));
        figures.starts += 1;
        let ended = tokio::select! {
            biased;
            ended = world.start(start) => ended,
            () = world.clock.sleep(Duration::from_secs(90 * 86_400)) => {
                return Err(Finding { what: vec!["a start did not end within 90 days".to_owned()] });
            }
        };
        world.watch.tell(|| match &ended {
            None => "crashed".to_owned(),
            Some(ended) => format!(
                "ended {} {:?}\n{}",
                ended.code(),
                ended.error,
                ended.said.join("\n")
            ),
        });
        figures.ended(start, ended.as_ref());
        if ended
            .as_ref()
            .is_none_or(|ended| !matches!(ended.code(), 0 | 3 | 4))
        {
            world.watch.stumble();
        }
        // What the dead process left on the runtime ends here.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        Ok(ended)
    }

    fn faults(&mut self) -> Vec<FaultRate> {
        const KINDS: [&str; 16] = [
            "429",
            "500",
            "502",
            "503",
            "504",
            "500-html",
            "503-bare",
            "504-html",
            "504-bare",
            "drop-before",
            "drop-after",
            "slow",
            "truncated",
            "kv-partial",
            "never-applied",
            "cursor-corrupted",
        ];
        let mut rates = Vec::new();
        for kind in KINDS {
            if self.dice.chance(0.3) {
                rates.push((kind, *self.dice.pick(&[0.005, 0.02, 0.08, 0.3])));
            }
        }
        if self.dice.chance(0.1) {
            rates.push(("challenge", 0.01));
        }
        if self.scenario.altered {
            rates.push(("altered", 0.2));
        }
        rates
            .into_iter()
            .map(|(kind, rate)| format!("{kind}:{rate}").parse().unwrap())
            .collect()
    }

    fn random_start(&mut self, world: &World) -> Start {
        let mut start = self.undisturbed(world);
        let expected = &self.scenario.expected;
        let dice = &mut self.dice;
        start.fate = match dice.weighted(&[(3, 0), (3, 1), (1, 2), (3, 3), (3, 4)]) {
            0 => Fate::Crashes(early_or_late(dice, 400)),
            1 => Fate::CrashesWriting(early_or_late(dice, 600)),
            2 => Fate::Interrupted(early_or_late(dice, 400)),
            4 => Fate::CrashesSending(dice.between(1, 12)),
            _ => Fate::Lives,
        };
        start.power_cut = dice.chance(0.5);
        if dice.chance(0.2) {
            let (at, failure) = (
                early_or_late(dice, 600),
                *dice.pick(&[Failure::Full, Failure::Io]),
            );
            start.disk = match dice.chance(0.5) {
                true => Disk::FailsOnce(at, failure),
                false => Disk::FailsFrom(at, failure),
            };
        }
        start.source_failing = *dice.pick(&[0.0, 0.0, 0.01, 0.1, 0.4]);
        start.latency_ms = *dice.pick(&[1, 50, 1_000, 9_000]);
        // What was not allowed before anything is written may be allowed later.
        if !world.watch.wrote() && dice.chance(0.2) {
            let rejected = expected.rejected.len() as u64;
            start.allowed_rejects = dice.between(0, rejected.saturating_sub(1));
        }
        if !world.watch.wrote() && dice.chance(0.2) {
            start.overwrite = false;
        }
        start
    }

    fn undisturbed(&mut self, _world: &World) -> Start {
        let scenario = &self.scenario;
        let dice = &mut self.dice;
        let spare = if dice.chance(0.3) {
            dice.between(0, 5)
        } else {
            0
        };
        Start {
            verb: Verb::Run,
            fate: Fate::Lives,
            power_cut: false,
            disk: Disk::Fine,
            pace: pace(dice),
            allowed_rejects: scenario.expected.rejected.len() as u64 + spare,
            overwrite: scenario.overwrite,
            sample: match scenario.whole_sample {
                true => 10_000,
                false => usize::try_from(dice.scale(60)).unwrap(),
            },
            source_failing: 0.0,
            page: dice.scale(150),
            latency_ms: 20,
            seed: dice.number(),
        }
    }
}

/// A moment in a process's life: the first ones are as likely as all up to `usual`,
/// where most processes end, and later ones are possible.
fn early_or_late(dice: &mut Dice, usual: u64) -> u64 {
    match dice.chance(0.3) {
        true => dice.scale(10 * usual),
        false => dice.between(1, usual),
    }
}

fn pace(dice: &mut Dice) -> PaceOptions {
    /// As many as wait for their answers.
    const UNASKED: usize = 8;
    /// With so many at once the line is a slow one.
    const SLOWLY: usize = 7;
    let pace = pace_of(dice);
    PaceOptions {
        concurrency: pace.concurrency.filter(|upserts| *upserts != UNASKED),
        max_bandwidth: (pace.concurrency == Some(SLOWLY)).then(|| "100KB/s".parse().unwrap()),
        ..pace
    }
}

fn pace_of(dice: &mut Dice) -> PaceOptions {
    PaceOptions {
        readers: Some(1 + dice.index(6)),
        api_budget: dice
            .weighted(&[(5, None), (1, Some(1_000)), (1, Some(200)), (1, Some(40))])
            .map(ApiBudget::Calls),
        batch_bytes: dice.chance(0.3).then(|| "64KiB".parse().unwrap()),
        batch_count: Some(usize::try_from(dice.scale(200)).unwrap()),
        concurrency: Some(1 + dice.index(8)),
        memory: dice.chance(0.3).then(|| "96MiB".parse().unwrap()),
        settle_timeout: dice
            .weighted(&[(4, None), (1, Some("10m"))])
            .map(|text| text.parse().unwrap()),
        // As many as the scenario likes.
        max_poison: Some("100%".parse().unwrap()),
        max_bandwidth: None,
    }
}

/// The account as it is before.
async fn set_up(sandbox: &Sandbox, scenario: &Scenario) {
    if scenario.index_exists {
        let metric = match scenario.metric {
            Distance::Cosine => "cosine",
            Distance::Euclid => "euclidean",
            _ => "dot-product",
        };
        let body =
            json!({"name": INDEX, "config": {"dimensions": scenario.dimensions, "metric": metric}});
        call(sandbox, "POST", "/vectorize/v2/indexes", body.to_string()).await;
    }
    for (id, vector) in &scenario.before.vectors {
        sandbox.put_vector(INDEX, id, vector).unwrap();
    }
    if scenario.before.entries.is_empty() {
        return;
    }
    let created = call(
        sandbox,
        "POST",
        "/storage/kv/namespaces",
        json!({"title": NAMESPACE}).to_string(),
    )
    .await;
    let namespace = created["id"].as_str().unwrap();
    for (key, entry) in &scenario.before.entries {
        sandbox.put_entry(namespace, key, entry).unwrap();
    }
}

/// In memory where the machine has such a place: syncing is not what is tested.
fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    match tempfile::tempdir_in(memory) {
        Ok(dir) => dir,
        Err(_) => tempfile::tempdir().unwrap(),
    }
}
