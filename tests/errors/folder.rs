//! The migration folder, the archive and ledger in it, and the disk.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::bench::{Bench, MAPPED, point};
use crate::cli::{Told, sample};

const PART: &str = "docs.migration/archive/0001/part-000001.parquet";
const MANIFEST: &str = "docs.migration/archive/0001/manifest.json";
const LEDGER: &str = "docs.migration/ledger.db";

/// The sample as the folder's own archive.
const OWN: &str = "run docs.migration/archive vectorize:docs --id '{file_id}_{chunk_index}'";

fn damage(bench: &Bench) {
    damage_file(bench, PART);
}

/// Changes it in place.
fn damage_file(bench: &Bench, path: &str) {
    let mut bytes = fs::read(bench.shell.path(path)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bench.shell.write(path, bytes);
}

fn pragma(bench: &Bench, statement: &str) {
    let ledger = rusqlite::Connection::open(bench.shell.path(LEDGER)).unwrap();
    ledger.execute_batch(statement).unwrap();
}

/// With files of at most so many blocks of 512 bytes.
fn run_in_little_space(bench: &Bench, blocks: u32) -> Told {
    let script = format!("ulimit -f {blocks}; exec \"$@\"");
    let line = format!("run {} vectorize:docs {MAPPED} --create", sample());
    bench.shell.run_under(&script, &line)
}

fn sqlite_files(bench: &Bench) -> Vec<PathBuf> {
    ["ledger.db-wal", "ledger.db-shm"]
        .map(|name| bench.shell.path("docs.migration").join(name))
        .into()
}

rows! {
    fn folder_is_a_file(bench) {
        bench.shell.write("file", "kept");
        let told = bench.run_sample("--create --dir file");
        assert_eq!(bench.shell.read("file"), "kept");
        told
    }

    fn folder_below_a_file(bench) {
        bench.shell.write("file", "kept");
        bench.run_sample("--create --dir file/docs.migration")
    }

    fn folder_unwritable(bench) {
        // Nobody can make a folder there, not even root.
        bench.run_sample("--create --dir /proc/docs.migration")
    }

    fn folder_in_use(bench) {
        fs::create_dir(bench.shell.path("docs.migration")).unwrap();
        let lock = fs::File::create(bench.shell.path("docs.migration/.lock")).unwrap();
        lock.lock().unwrap();
        bench.run_sample("--create")
    }

    fn folder_other_source(bench) {
        bench.migrated();
        bench.shell.write("other.ndjson", fs::read(sample()).unwrap());
        bench.run(&format!("run other.ndjson vectorize:docs {MAPPED}"))
    }

    fn folder_other_dims(bench) {
        bench.run_sample("--create --dims 256").ends(0);
        bench.prepared();
        bench.run_sample("--create --dims 128")
    }

    fn folder_other_dims_and_index(bench) {
        bench.run_sample("--create --dims 256").ends(0);
        bench.prepared();
        let line = format!("run {} vectorize:other {MAPPED} --create --dims 128", sample());
        bench.run(&format!("{line} --dir docs.migration"))
    }

    fn folder_other_index(bench) {
        bench.migrated();
        bench.cloud.create_index("other", 384, "cosine");
        bench.prepared();
        bench.run(&format!("run {} vectorize:other {MAPPED} --dir docs.migration", sample()))
    }

    fn folder_other_mapping(bench) {
        bench.migrated();
        bench.run(&format!("run {} vectorize:docs --id '{{chunk_hash}}'", sample()))
    }

    fn folder_other_account(bench) {
        bench.migrated();
        bench.run_sample("--create --sandbox")
    }

    fn folder_not_exported(bench) {
        bench.run("run docs.migration vectorize:docs --create")
    }

    fn archive_newer_format(bench) {
        bench.migrated();
        let mut manifest: Value = serde_json::from_str(&bench.shell.read(MANIFEST)).unwrap();
        manifest["format"] = "cf-migrate/archive/99".into();
        bench.shell.write(MANIFEST, manifest.to_string());
        bench.run_sample("")
    }

    fn archive_manifest_damaged(bench) {
        bench.migrated();
        let text = bench.shell.read(MANIFEST);
        bench.shell.write(MANIFEST, &text[..text.len() / 2]);
        bench.run_sample("")
    }

    fn part_damaged(bench) wrote {
        bench.migrated();
        let sealed = fs::read(bench.shell.path(PART)).unwrap();
        damage(bench);
        let told = bench.run_sample("");
        assert_eq!(fs::read(bench.shell.path(PART)).unwrap(), sealed);
        told
    }

    fn part_missing(bench) wrote {
        bench.migrated();
        let sealed = fs::read(bench.shell.path(PART)).unwrap();
        fs::remove_file(bench.shell.path(PART)).unwrap();
        let told = bench.run_sample("");
        assert_eq!(fs::read(bench.shell.path(PART)).unwrap(), sealed);
        told
    }

    fn part_damaged_alone(bench) {
        bench.migrated();
        damage(bench);
        bench.run(OWN)
    }

    fn part_missing_alone(bench) {
        bench.migrated();
        fs::remove_file(bench.shell.path(PART)).unwrap();
        bench.run(OWN)
    }

    fn part_changed_at_its_origin(bench) {
        bench.run(&format!("export {} docs.archive", sample())).ends(0);
        let migrate = format!("run docs.archive vectorize:docs {MAPPED} --create");
        bench.run(&migrate).ends(0);
        damage_file(bench, "docs.archive/0001/part-000001.parquet");
        bench.run(OWN).ends(0).says("proven: 269 records, verified equal");
        bench.prepared();
        bench.run(&migrate)
    }

    fn part_damaged_copied(bench) wrote {
        bench.run(&format!("export {} docs.archive", sample())).ends(0);
        let migrate = format!("run docs.archive vectorize:docs {MAPPED} --create");
        bench.run(&migrate).ends(0);
        let sealed = fs::read(bench.shell.path(PART)).unwrap();
        damage(bench);
        let told = bench.run(&migrate);
        assert_eq!(fs::read(bench.shell.path(PART)).unwrap(), sealed);
        told
    }

    fn part_damaged_dry(bench) {
        bench.migrated();
        damage(bench);
        let damaged = fs::read(bench.shell.path(PART)).unwrap();
        let told = bench.run_sample("--dry-run");
        assert_eq!(fs::read(bench.shell.path(PART)).unwrap(), damaged);
        told
    }

    fn verify_source_changed(bench) {
        bench.run_lines(&[point(1, &json!({"a": 1}))], "--create").ends(0);
        let changed = point(1, &json!({"a": 2}));
        bench.shell.write("points.ndjson", changed.to_string());
        bench.prepared();
        bench.run("verify points.ndjson vectorize:docs")
    }

    fn folder_sealed(bench) {
        bench.run_sample("--create --final").ends(0).says("source and index are equal");
        bench.prepared();
        bench.run_sample("")
    }

    fn final_without_source(bench) {
        bench.migrated();
        bench.run(&format!("{OWN} --final"))
    }

    fn final_and_follow(bench) {
        bench.run_sample("--create --final --follow 1h")
    }

    fn follow_dry(bench) {
        bench.run_sample("--create --follow 1h --dry-run")
    }

    fn prune_too_many(bench) {
        let points: Vec<Value> = (0..3).map(|id| point(id, &json!({"a": id}))).collect();
        bench.run_lines(&points, "--create").ends(0);
        bench.prepared();
        bench.run_lines(&points[..1], "--prune")
    }

    fn prune_without_entries(bench) {
        bench.run_sample("--create --file-index kv:files").ends(0);
        bench.prepared();
        bench.run(&format!("upsert {} vectorize:docs {MAPPED} --prune", sample()))
    }

    fn ledger_newer_format(bench) {
        bench.migrated();
        pragma(bench, "PRAGMA user_version = 99");
        bench.run_sample("")
    }

    fn ledger_older_format(bench) {
        bench.migrated();
        pragma(bench, "PRAGMA user_version = 2");
        bench.run_sample("")
    }

    fn ledger_of_another_program(bench) {
        bench.migrated();
        pragma(bench, "PRAGMA application_id = 7");
        bench.run_sample("")
    }

    fn ledger_garbage(bench) {
        bench.migrated();
        bench.shell.write(LEDGER, vec![b'x'; 10_000]);
        let told = bench.run_sample("");
        assert_eq!(bench.shell.read(LEDGER), "x".repeat(10_000));
        told
    }

    fn ledger_truncated(bench) {
        bench.migrated();
        sqlite_files(bench).into_iter().for_each(|file| drop(fs::remove_file(file)));
        let mut bytes = fs::read(bench.shell.path(LEDGER)).unwrap();
        bytes.truncate(bytes.len() / 2);
        bench.shell.write(LEDGER, bytes);
        bench.run_sample("")
    }

    fn ledger_emptied(bench) {
        bench.migrated();
        sqlite_files(bench).into_iter().for_each(|file| drop(fs::remove_file(file)));
        bench.shell.write(LEDGER, "");
        bench.run_sample("")
    }

    fn disk_full(bench) {
        // Every write to this device fails as one to a full disk does.
        fs::create_dir_all(bench.shell.path("docs.migration/archive/0001")).unwrap();
        let manifest = bench.shell.path(MANIFEST).with_extension("json.tmp");
        std::os::unix::fs::symlink("/dev/full", &manifest).unwrap();
        let told = bench.run_sample("--create");
        assert!(bench.cloud.writes().is_empty());
        fs::remove_file(manifest).unwrap();
        bench.run_sample("--create").ends(0);
        bench.prepared();
        told
    }

    fn size_limit_archive(bench) {
        let told = run_in_little_space(bench, 800);
        assert!(bench.cloud.writes().is_empty());
        bench.run_sample("--create").ends(0);
        bench.prepared();
        told
    }

    fn size_limit_ledger(bench) {
        let told = run_in_little_space(bench, 16);
        assert!(bench.cloud.writes().is_empty());
        bench.run_sample("--create").ends(0);
        bench.prepared();
        told
    }

    fn size_limit_output(bench) {
        let line = format!("transform {} out.ndjson {MAPPED}", sample());
        let script = "ulimit -f 2000; exec \"$@\"";
        let told = bench.shell.run_under(script, &line);
        assert_eq!(bench.shell.listing(), Vec::<String>::new());
        told
    }

    fn state_folder_full(bench) {
        bench.migrated();
        let state = fs::read_dir(bench.shell.path(".state")).unwrap();
        let mut names = state.map(|entry| entry.unwrap().path());
        let window = names.find(|path| path.extension().is_some_and(|kind| kind == "json"));
        std::os::unix::fs::symlink("/dev/full", window.unwrap().with_extension("next")).unwrap();
        bench.run_sample("")
    }

    fn report_unwritable(bench) wrote {
        fs::create_dir_all(bench.shell.path("docs.migration/report.json")).unwrap();
        let told = bench.run_sample("--create");
        assert_eq!(bench.cloud.vectors("docs").len(), 269);
        fs::remove_dir(bench.shell.path("docs.migration/report.json")).unwrap();
        bench.run_sample("").ends(0);
        told
    }

    fn stdout_full(bench) wrote {
        let line = format!("run {} vectorize:docs {MAPPED} --create --json", sample());
        bench.shell.run_under("exec \"$@\" > /dev/full", &line)
    }

    fn log_full(bench) wrote {
        bench.run_sample("--create --log /dev/full")
    }

    fn output_folder_missing(bench) {
        bench.run(&format!("transform {} nowhere/out.ndjson {MAPPED}", sample()))
    }

    fn output_is_a_folder(bench) {
        fs::create_dir(bench.shell.path("out")).unwrap();
        bench.run(&format!("transform {} out {MAPPED}", sample()))
    }

    fn sandbox_unusable(bench) {
        bench.shell.write("file", "");
        bench.run_sample("--create --sandbox=file/box")
    }
}
