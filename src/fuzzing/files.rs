//! Files that somebody else may have written: sources, archives, ledgers, and
//! what this machine's processes share.

use std::fs;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use super::scratch::{self, run};
use crate::archive::{Archive, Generation};
use crate::http::Budget;
use crate::ledger::{BatchState, Ledger, Milestone};
use crate::point::{Payload, Point, Shape, canonical_json};
use crate::source::file::{self, ColumnChoice};

/// Pages of a source that are read at most.
const PAGES: usize = 64;

/// Lines of a file, whatever their compression.
pub fn ndjson(data: &[u8]) {
    source(&scratch::file("points.ndjson", data));
}

/// A Parquet file of another program.
pub fn parquet(data: &[u8]) {
    source(&scratch::file("points.parquet", data));
}

fn source(path: &Path) {
    let Ok(mut source) = file::open(path, &ColumnChoice::default()) else {
        return;
    };
    run(async {
        let mut from = None;
        for _ in 0..PAGES {
            let Ok(page) = source.page(from.as_ref()).await else {
                return;
            };
            for read in &page.points {
                check(&read.point, &source.facts().shape);
            }
            match page.next {
                next @ Some(_) => from = next,
                None => break,
            }
        }
        source.held_back().await.ok();
    });
}

/// What every source promises of its points.
pub(super) fn check(point: &Point, shape: &Shape) {
    assert_eq!(point.dense.len(), shape.dense.len());
    assert_eq!(point.sparse.len(), shape.sparse.len());
    for (vector, field) in point.dense.iter().zip(&shape.dense) {
        if let Some(vector) = vector {
            assert_eq!(vector.len(), field.dimensions);
        }
    }
    let text = canonical_json(&point.payload);
    let again: Payload = serde_json::from_str(&text).expect("an archive reads what it wrote");
    assert_eq!(canonical_json(&again), text);
}

/// A generation's manifest.
pub fn manifest(data: &[u8]) {
    let root = scratch::folder().join("manifest");
    let generation = root.join("0001");
    fs::create_dir_all(&generation).expect("a folder can be made");
    scratch::write(&generation.join("manifest.json"), data);
    let archive = Archive::at(&root);
    archive.unfinished_cursor().ok();
    archive.unfinished_source().ok();
    let Ok(Some(current)) = archive.current() else {
        return;
    };
    let (points, count) = (current.points(), current.count());
    assert!(count <= points);
    current.is_superseded(points / 2);
    current.points_at(&[0, points / 2]).ok();
    read_all(&current);
}

/// A sealed part, behind a manifest that is as it was.
pub fn part(data: &[u8]) {
    let root = scratch::folder().join("part");
    let generation = root.join("0001");
    fs::create_dir_all(&generation).expect("a folder can be made");
    let manifest = PART_MANIFEST.replace("\"bytes\": 0", &format!("\"bytes\": {}", data.len()));
    scratch::write(&generation.join("manifest.json"), manifest.as_bytes());
    scratch::write(&generation.join("part-000001.parquet"), data);
    let current = Archive::at(&root).current().expect("the manifest is sound");
    let current = current.expect("the generation is complete");
    current.points_at(&[0, 2]).ok();
    current.names_at(&[1]).ok();
    read_all(&current);
}

/// The manifest of the part among the seeds; its size and checksum are not looked at
/// where a part is only read.
const PART_MANIFEST: &str = include_str!("../../fuzz/seeds/part.json");

fn read_all(generation: &Generation) {
    let Ok(reader) = generation.read(0..generation.points()) else {
        return;
    };
    for read in reader.take(10_000) {
        let Ok((_, point)) = read else { return };
        check(&point, generation.shape());
    }
}

/// A file in the place of a ledger.
pub fn ledger(data: &[u8]) {
    for leftover in ["ledger.db-wal", "ledger.db-shm"] {
        fs::remove_file(scratch::folder().join(leftover)).ok();
    }
    let path = scratch::file("ledger.db", data);
    let Ok(ledger) = Ledger::open(&path) else {
        return;
    };
    read_ledger(&ledger);
    count_in_ledger(&ledger);
    change_ledger(&ledger);
}

fn read_ledger(ledger: &Ledger) {
    ledger.asked().ok();
    ledger.has_sent().ok();
    ledger.reached(Milestone::Settled).ok();
    ledger.first_unbatched().ok();
    ledger.batches(BatchState::Sent).ok();
    ledger.accepted_mutations().ok();
    ledger.records_between(0, 20).ok();
    ledger.record_of("a_1").ok();
    ledger.notes().ok();
    ledger.changes().ok();
    ledger.files_after(None, 100).ok();
    ledger.collisions_from(0, 10).ok();
    ledger.conflicts(3).ok();
    ledger.for_each_rejection(|_| {}).ok();
}

fn count_in_ledger(ledger: &Ledger) {
    ledger.totals().ok();
    ledger.namespaces(10).ok();
    ledger.count_namespaces().ok();
    for state in [BatchState::Sent, BatchState::Accepted, BatchState::Settled] {
        ledger.records_in(state).ok();
    }
    ledger.files().ok();
    ledger.records_with_file().ok();
    ledger.file_larger_than(1_000).ok();
    ledger.files_longer_than(10).ok();
    ledger.held().ok();
    ledger.new_records().ok();
    ledger.unchanged().ok();
    ledger.vanished().ok();
    ledger.vanished_of_ours().ok();
}

/// What catching up does, and settling.
fn change_ledger(ledger: &Ledger) {
    ledger.begin_rejected_ids().ok();
    ledger.vanishing().ok();
    ledger.doom().ok();
    for id in ledger.next_doomed(10).unwrap_or_default() {
        ledger.deletion_accepted(&[id], "m").ok();
    }
    ledger.deleted().ok();
    ledger.mark_unchanged().ok();
    ledger.settle_accepted().ok();
    ledger
        .reach(Milestone::Settled, "2026-01-01T00:00:00Z")
        .ok();
    ledger.begin_generation(3).ok();
    ledger.held().ok();
    ledger.forget_checked_from(0).ok();
}

/// The request budget that the machine's processes share.
pub fn budget(data: &[u8]) {
    let folder = scratch::folder().join("budget");
    let token = SecretString::from("token");
    run(async {
        let clock = scratch::clock();
        let budget = Budget::shared(&folder, "account", &token, 3, clock);
        let budget = budget.expect("the folder can be written to");
        let files = fs::read_dir(&folder)
            .expect("the folder is there")
            .flatten();
        let window = files.map(|file| file.path());
        let window = window.filter(|path| path.extension().is_some_and(|end| end == "json"));
        for path in window {
            scratch::write(&path, data);
        }
        let began = clock.now();
        let _ongoing = budget
            .take(std::time::Duration::ZERO)
            .await
            .expect("a damaged file is no obstacle");
        assert!(clock.now() - began <= Duration::from_secs(2 * 3_600));
    });
}
