//! Taking back what a migration wrote.

use std::fs;

use crate::bench::Bench;

const ROLLBACK: &str = "rollback docs.migration --yes";

fn reach(bench: &Bench, milestone: &str) {
    let ledger = rusqlite::Connection::open(bench.shell.path("docs.migration/ledger.db")).unwrap();
    let sql = "INSERT INTO milestone VALUES (?, '2026-11-21T00:00:00Z')";
    ledger.execute(sql, [milestone]).unwrap();
}

rows! {
    fn rollback_without_terminal(bench) {
        bench.migrated();
        bench.run("rollback docs.migration")
    }

    fn rollback_folder_twice(bench) {
        bench.migrated();
        bench.run(&format!("{ROLLBACK} --dir docs.migration"))
    }

    fn rollback_other_account(bench) {
        bench.migrated();
        bench.run(&format!("{ROLLBACK} --sandbox"))
    }

    fn rollback_nothing_planned(bench) {
        bench.run_sample("").ends(7);
        bench.run(ROLLBACK)
    }

    fn rollback_sealed(bench) {
        bench.migrated();
        reach(bench, "sealed");
        bench.run(ROLLBACK)
    }

    fn rollback_unfinished(bench) {
        bench.migrated();
        reach(bench, "rollback_begun");
        bench.run_sample("")
    }

    fn rollback_saved_gone(bench) {
        bench.migrated();
        fs::remove_dir_all(bench.shell.path("docs.migration")).unwrap();
        bench.run_sample("--overwrite --keep-overwritten").ends(0);
        bench.prepared();
        fs::remove_dir_all(bench.shell.path("docs.migration/overwritten")).unwrap();
        bench.run(ROLLBACK)
    }

    fn keep_overwritten_alone(bench) {
        bench.run_sample("--create --keep-overwritten")
    }
}

pub(crate) mod nowhere {
    rows! {
        making no folder;
        fn rollback_no_migration(bench) {
            bench.run(super::ROLLBACK)
        }
    }
}
