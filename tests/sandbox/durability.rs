//! What a folder keeps over a restart: everything accepted, applied or not.

use std::path::Path;
use std::time::Duration;

use cf_migrate::clock::Clock;
use cf_migrate::sandbox::{Sandbox, SandboxError, SandboxOptions};
use serde_json::json;

use crate::support::{Api, INDEXES, at_once, local, vector};

fn open(dir: &Path, options: SandboxOptions) -> Api {
    local(Sandbox::open(Some(dir), options, Clock::real()).unwrap())
}

#[tokio::test]
async fn a_reopened_sandbox_holds_everything_that_was_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let late = SandboxOptions {
        apply_delay: Duration::from_millis(50),
        budget: None,
        ..SandboxOptions::default()
    };
    let api = open(dir.path(), late.clone()).with_index("cosine").await;
    let kv = api.namespace("n").await;
    api.put(&format!("{kv}/bulk"), json!([{"key": "k", "value": "v"}]))
        .await
        .result();
    let accepted = api.upsert(&[vector("a", 0.1)]).await.result();
    // No closing: what is on disk now is what a killed process leaves.
    let again = open(dir.path(), late);
    loop {
        let info = again.info().await;
        if info["processedUpToMutation"] == accepted["mutationId"] {
            assert_eq!(info["vectorCount"], 1);
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(again.sandbox.vectors("i").unwrap()["a"].values[0], 0.1);
    assert_eq!(again.get(&format!("{kv}/values/k")).await.body, "v");
    drop(api);
}

#[tokio::test]
async fn a_cursor_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let api = open(dir.path(), at_once()).with_index("cosine").await;
    api.upsert(&[vector("a", 1.0), vector("b", 1.0)])
        .await
        .result();
    let first = api.get(&format!("{INDEXES}/i/list?count=1")).await.result();
    let cursor = first["nextCursor"].as_str().unwrap().replace('+', "%2B");
    drop(api);
    let api = open(dir.path(), at_once());
    let rest = api
        .get(&format!("{INDEXES}/i/list?cursor={cursor}"))
        .await
        .result();
    assert_eq!(rest["vectors"], json!([{"id": "b"}]));
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let failed = Sandbox::open(Some(&file), at_once(), Clock::real()).unwrap_err();
    assert!(matches!(failed, SandboxError::Folder { .. }), "{failed}");
    assert!(failed.to_string().contains("file"));
}

#[test]
fn a_store_of_another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Sandbox::open(Some(dir.path()), at_once(), Clock::real()).unwrap());
    let db = rusqlite::Connection::open(dir.path().join("sandbox.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let failed = Sandbox::open(Some(dir.path()), at_once(), Clock::real()).unwrap_err();
    assert!(
        matches!(failed, SandboxError::Format { found: 99, .. }),
        "{failed}"
    );
}
