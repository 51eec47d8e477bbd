//! The stages, each as a verb goes through it.

use std::path::Path;

use cf_migrate::cloudflare::{IndexName, KvNamespaceId};
use cf_migrate::file_index::{self, CountKey, FileIndex, FileIndexPlan};
use cf_migrate::ledger::{BatchState, Milestone};
use cf_migrate::report::{MAX_NAMESPACES, Report, Verdict};
use cf_migrate::stages::export;
use cf_migrate::stages::index::StaleEntries;
use cf_migrate::stages::inventory::{Existing, inventory};
use cf_migrate::stages::prepare::FileIndexWish;
use cf_migrate::stages::rebuild::{Basis, Rebuild, rebuild};
use cf_migrate::transform::Mapping;
use cf_migrate::verify::{Depth, SourceIs, Subject, verify};

use crate::account::{Entries, Holdings, NAMESPACE, Vectors};
use crate::bounds;
use crate::migration::{self, Points};
use crate::rows::{Collection, Generation};

/// The ledger of the migration that is measured.
const LEDGER: &str = "ledger.db";
/// Records of an upsert, the most that Vectorize takes.
pub(crate) const BATCH: u64 = 5_000;
/// Rows that the upsert asks the ledger for at a time.
const WINDOW: usize = 4_096;

/// A step whose cost is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The ids of an index full of other vectors, looked at before the first write.
    Inventory,
    /// An archive for those that need one; no part of what is measured here.
    Archive,
    /// The file index made from what the index lists, and written.
    FileIndex,
    /// Every record into the ledger, and collisions looked for.
    Check,
    /// Batches sent, accepted and settled.
    Send,
    /// Every record by its file, and how large entries become.
    Files,
    /// What a run asks the ledger for its report and its remarks.
    Report,
    /// The index's ids against the ledger's.
    Reconcile,
    /// The same, and every entry of the file index.
    ReconcileFiles,
    /// The same with an index that has none of them.
    ReconcileMissing,
    /// The same with an index that has as many others.
    ReconcileForeign,
    /// Room for the next generation.
    BeginGeneration,
    /// The next generation into the ledger, compared with what is held.
    CatchUp,
    /// What was new or changed settled, and room for the third generation.
    BeginThird,
}

impl Stage {
    pub(crate) const ALL: [Self; 14] = [
        Self::Inventory,
        Self::FileIndex,
        Self::Archive,
        Self::Check,
        Self::Send,
        Self::Files,
        Self::Report,
        Self::Reconcile,
        Self::ReconcileFiles,
        Self::ReconcileMissing,
        Self::ReconcileForeign,
        Self::BeginGeneration,
        Self::CatchUp,
        Self::BeginThird,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Archive => "archive",
            Self::FileIndex => "file-index",
            Self::Check => "check",
            Self::Send => "send",
            Self::Files => "files",
            Self::Report => "report",
            Self::Reconcile => "reconcile",
            Self::ReconcileFiles => "reconcile-files",
            Self::ReconcileMissing => "reconcile-missing",
            Self::ReconcileForeign => "reconcile-foreign",
            Self::BeginGeneration => "begin-generation",
            Self::CatchUp => "catch-up",
            Self::BeginThird => "begin-third",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// What is measured beside it.
    pub(crate) fn bound(self) -> Option<&'static str> {
        match self {
            Self::Archive => None,
            Self::Inventory => Some(bounds::SORTED_IDS),
            Self::FileIndex => Some(bounds::GROUPED_FILES),
            Self::Check => Some(bounds::BARE_INSERT),
            Self::Send => Some(bounds::BARE_COMMITS),
            Self::Files => Some(bounds::BARE_FILES),
            Self::Report => Some(bounds::BARE_COUNTS),
            Self::ReconcileMissing | Self::ReconcileForeign | Self::BeginThird => None,
            Self::Reconcile => Some(bounds::SORTED_LISTS),
            Self::ReconcileFiles => Some(bounds::SORTED_LISTS_AND_FILES),
            Self::BeginGeneration => Some(bounds::BARE_MOVE),
            Self::CatchUp => Some(bounds::BARE_SECOND),
        }
    }

    /// Whether it is one of those asked for (none: all), or one of those stands on it.
    pub(crate) fn is_needed_for(self, only: &[&str]) -> bool {
        let stands_alone = matches!(self, Self::Inventory | Self::FileIndex);
        let last = |name: &&str| Self::ALL.iter().position(|stage| stage.name() == *name);
        let own = Self::ALL.iter().position(|stage| *stage == self);
        only.is_empty()
            || only.contains(&self.name())
            || !stands_alone
                && only
                    .iter()
                    .filter_map(last)
                    .any(|last| Some(last) > own && last > 1)
    }

    pub(crate) fn run(self, dir: &Path, collection: Collection) {
        match self {
            Self::Inventory => take_inventory(dir, collection),
            Self::Archive => write_archive(dir, collection),
            Self::FileIndex => write_file_index(dir, collection),
            Self::Check => check(dir, collection),
            Self::Send => send(dir, collection),
            Self::Files => files(dir, collection),
            Self::Report => report(dir, collection),
            Self::Reconcile => reconcile(dir, collection, Vectors::Ours, Entries::None),
            Self::ReconcileFiles => reconcile(dir, collection, Vectors::Ours, Entries::Ours),
            Self::ReconcileMissing => reconcile(dir, collection, Vectors::None, Entries::None),
            Self::ReconcileForeign => reconcile(dir, collection, Vectors::Foreign, Entries::None),
            Self::BeginGeneration => begin_generation(dir),
            Self::CatchUp => catch_up(dir, collection),
            Self::BeginThird => begin_third(dir, collection),
        }
    }
}

fn index_name() -> IndexName {
    IndexName::new("bench").expect("a plain name")
}

fn take_inventory(dir: &Path, collection: Collection) {
    let path = "inventory.db";
    migration::wait(async {
        let migration = migration::open(dir, path);
        let holdings = Holdings {
            collection,
            vectors: Vectors::Foreign,
            entries: Entries::None,
        };
        let accounts = holdings.accounts(migration.clock);
        let index = accounts.vectorize.vectorize(&index_name());
        let taken = inventory(&migration, &index, Existing::Overwrite).await;
        taken.expect("the index can be listed");
        let foreign = migration.ledger.foreign_vectors();
        assert_eq!(foreign.expect("the ledger counts"), collection.points);
    });
    remove(&dir.join(path));
}

fn write_archive(dir: &Path, collection: Collection) {
    migration::wait(async {
        let migration = migration::open(dir, "none.db");
        let mut source = Points::of(collection);
        let exported = export(&migration, &mut source, None).await;
        let exported = exported.expect("there is room for the archive");
        assert_eq!(exported.points(), collection.points);
    });
}

fn write_file_index(dir: &Path, collection: Collection) {
    let path = "index.db";
    migration::wait(async {
        let migration = migration::open(dir, path);
        let holdings = Holdings {
            collection,
            vectors: Vectors::Ours,
            entries: Entries::None,
        };
        let accounts = holdings.accounts(migration.clock);
        let index = accounts.vectorize.vectorize(&index_name());
        let mapping = Mapping {
            id: "{file_id}_{chunk_index}".parse().expect("a template"),
            ..Mapping::default()
        };
        let asked = Rebuild {
            wish: FileIndexWish {
                namespace: NAMESPACE.to_owned(),
                count: None,
                ttl: None,
            },
            create: false,
            stale: StaleEntries::Report,
        };
        let basis = Basis::Index(&index, &mapping);
        let mut report = Report::of("index", false);
        let made = rebuild(&migration, &accounts, &asked, basis, &mut report).await;
        made.expect("the file index can be written");
        let facts = report.file_index.expect("it was written");
        assert_eq!(
            (facts.entries, facts.ids),
            (collection.files(), collection.points)
        );
        let calls = accounts.requests().total;
        let (listed, written) = (
            collection.points.div_ceil(1_000),
            collection.files().div_ceil(10_000),
        );
        assert!(calls <= listed + written + 10, "{calls} calls");
    });
    remove(&dir.join(path));
}

fn check(dir: &Path, collection: Collection) {
    migration::wait(async {
        let migration = migration::open(dir, LEDGER);
        fill(&migration.ledger, collection, Generation::First);
        migration.reach(Milestone::Checked).expect("room left");
        let totals = migration.ledger.totals().expect("the ledger counts");
        assert_eq!(totals.records, collection.points);
    });
}

/// What `check` does with the ledger.
fn fill(ledger: &cf_migrate::ledger::Ledger, collection: Collection, generation: Generation) {
    for (first, checked) in collection.checked(generation) {
        ledger.add_checked(first, &checked).expect("room left");
    }
    assert!(!ledger.has_collisions().expect("the ids are compared"));
    ledger.mark_unchanged().expect("room left");
}

/// What the upsert and the settling do with the ledger, without the records.
fn send(dir: &Path, collection: Collection) {
    migration::wait(async {
        let migration = migration::open(dir, LEDGER);
        let ledger = &migration.ledger;
        let mut first = ledger.first_unbatched().expect("the ledger is read");
        while first < collection.points {
            let last = collection.points.min(first + BATCH) - 1;
            let mut next = first;
            while next <= last {
                let rows = ledger.sent_between(next, last, WINDOW).expect("read");
                next = rows.last().map_or(last, |row| row.ordinal) + 1;
            }
            ledger.batch_sent(first, last).expect("room left");
            let mutation = format!("mutation-{first}");
            ledger.batch_accepted(first, &mutation).expect("room left");
            first = last + 1;
        }
        for batch in ledger.batches(BatchState::Accepted).expect("read") {
            let mark = ledger.last_telling_record_between(batch.first, batch.last);
            assert!(mark.expect("read").is_some());
        }
        let records = ledger.records_in(BatchState::Accepted).expect("counted");
        assert_eq!(records, collection.points);
        ledger.settle_accepted().expect("room left");
        migration.reach(Milestone::Settled).expect("room left");
    });
}

/// What is looked at before the first write where there is a file index.
fn files(dir: &Path, collection: Collection) {
    let migration = migration::wait(async { migration::open(dir, LEDGER) });
    let ledger = &migration.ledger;
    let large = ledger.file_larger_than(25 << 20).expect("summed");
    assert_eq!(large, None);
    assert_eq!(ledger.files().expect("counted"), collection.files());
}

fn report(dir: &Path, collection: Collection) {
    let migration = migration::wait(async { migration::open(dir, LEDGER) });
    let ledger = &migration.ledger;
    let points = collection.points;
    assert_eq!(ledger.totals().expect("counted").records, points);
    assert_eq!(
        ledger.records_in(BatchState::Settled).expect("counted"),
        points
    );
    for none in [
        ledger.unchanged(),
        ledger.vanished(),
        ledger.foreign_vectors(),
    ] {
        assert_eq!(none.expect("counted"), 0);
    }
    assert_eq!(ledger.count_namespaces().expect("counted"), 1);
    let namespaces = ledger.namespaces(MAX_NAMESPACES).expect("counted");
    assert_eq!(namespaces[0].settled, points);
    assert_eq!(ledger.count_record_namespaces().expect("counted"), 1);
    assert_eq!(ledger.records_with_file().expect("counted"), points);
    assert_eq!(ledger.files().expect("counted"), collection.files());
    assert_eq!(ledger.files_longer_than(1_000).expect("counted"), 0);
    assert_eq!(ledger.files_across_namespaces().expect("compared"), None);
}

fn reconcile(dir: &Path, collection: Collection, vectors: Vectors, entries: Entries) {
    migration::wait(async {
        let migration = migration::open(dir, LEDGER);
        let holdings = Holdings {
            collection,
            vectors,
            entries,
        };
        let accounts = holdings.accounts(migration.clock);
        let index = accounts.vectorize.vectorize(&index_name());
        let generation = migration.archive.current().expect("the archive is read");
        let generation = generation.expect("the archive was written before");
        let transform = Points::of(collection).transform();
        let kv = accounts
            .kv
            .kv(&KvNamespaceId::new(NAMESPACE).expect("an id"));
        let count = CountKey {
            namespace: NAMESPACE.to_owned(),
            key: "_vector_count".to_owned(),
        };
        let file_key = Mapping::default().file_key;
        let plan = FileIndexPlan::new(NAMESPACE.to_owned(), file_key, count, None);
        let file_index = FileIndex {
            ledger: &migration.ledger,
            kv: &kv,
            holdings: file_index::Holdings::Index {
                ledger: &migration.ledger,
                index: &index,
            },
            plan: &plan,
        };
        let subject = Subject {
            generation: &generation,
            transform: &transform,
            index: &index,
            source: None,
            source_is: SourceIs::Still,
            file_index: (entries == Entries::Ours).then_some((&file_index, &kv)),
        };
        let depth = Depth { sample: 1, seed: 1 };
        let facts = verify(&migration, subject, depth).await;
        let facts = facts.expect("everything can be compared");
        let expected = match vectors {
            Vectors::Ours => (Verdict::Equal, 0, 0),
            Vectors::None => (Verdict::Different, collection.points, 0),
            Vectors::Foreign => (Verdict::Different, collection.points, collection.points),
        };
        let found = (facts.verdict, facts.missing, facts.extra);
        assert_eq!(found, expected, "{:?}", facts.findings);
    });
}

fn begin_generation(dir: &Path) {
    let migration = migration::wait(async { migration::open(dir, LEDGER) });
    let begun = migration.ledger.begin_generation(2);
    begun.expect("there is room for the records");
}

/// What a second `run` does with the ledger until it knows what to send.
fn catch_up(dir: &Path, collection: Collection) {
    let migration = migration::wait(async { migration::open(dir, LEDGER) });
    let ledger = &migration.ledger;
    fill(ledger, collection, Generation::Second);
    let of_each = (collection.points / 100)..=(collection.points / 100 + 1);
    let unchanged = ledger.unchanged().expect("counted");
    assert!(of_each.contains(&((collection.points - unchanged) / 2)));
    for count in [ledger.vanished(), ledger.new_records()] {
        assert!(of_each.contains(&count.expect("counted")));
    }
    ledger.begin_rejected_ids().expect("room left");
    assert!(of_each.contains(&ledger.vanishing().expect("counted").deletable));
    assert_eq!(ledger.conflicts(5).expect("counted").0, 0);
    assert_eq!(ledger.foreign_vectors().expect("counted"), 0);
    ledger.doom().expect("room left");
    let last = collection.points - 1;
    let (mut next, mut sent) = (0, 0);
    while next <= last {
        let rows = ledger.sent_between(next, last, WINDOW).expect("read");
        sent += rows.len() as u64;
        next = match rows.len() == WINDOW {
            true => rows[WINDOW - 1].ordinal + 1,
            false => last + 1,
        };
    }
    assert_eq!(sent, collection.points - unchanged);
}

/// Two records in a hundred are sent, so that a batch of them lies among fifty times as many.
fn begin_third(dir: &Path, collection: Collection) {
    migration::wait(async {
        let migration = migration::open(dir, LEDGER);
        let ledger = &migration.ledger;
        for first in (0..collection.points).step_by(50 * BATCH as usize) {
            let last = collection.points.min(first + 50 * BATCH) - 1;
            ledger.batch_sent(first, last).expect("room left");
            let mutation = format!("mutation-{first}");
            ledger.batch_accepted(first, &mutation).expect("room left");
        }
        ledger.settle_accepted().expect("room left");
        migration.reach(Milestone::Settled).expect("room left");
        ledger.begin_generation(3).expect("room left");
        let first = collection.row(0, Generation::Second);
        assert!(ledger.holds(&first.id).expect("looked up"));
    });
}

/// A ledger that no later stage stands on.
fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut path = path.as_os_str().to_owned();
        path.push(end);
        let _ = std::fs::remove_file(path);
    }
}
