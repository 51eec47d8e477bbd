//! A KV store that shows the past: what is listed and cannot be read is there,
//! and what an answer leaves out may be on the next page.

use std::sync::Arc;
use std::time::Duration;

use cf_migrate::sandbox::inspect::{StoredEntry, StoredVector};
use serde_json::{Value, json};

use crate::binary::{INDEX, call, create_index, create_namespace, entry, values};
use crate::simulation::{DIMENSIONS, Simulation};

const POINTS: u64 = 20;
const FOREIGN: &str = "of_the_application";

/// An index and a namespace that an application uses, in a KV store that shows
/// each reading for that long; and the namespace's id.
async fn in_use(stale: Duration) -> (Simulation, String) {
    let simulation = Simulation::new(POINTS, |options| options.stale = stale);
    create_index(&simulation.sandbox, DIMENSIONS).await;
    let namespace = create_namespace(&simulation.sandbox).await;
    let vector = StoredVector {
        namespace: None,
        values: values(1_000, DIMENSIONS),
        metadata: None,
    };
    simulation
        .sandbox
        .put_vector(INDEX, FOREIGN, &vector)
        .unwrap();
    (simulation, namespace)
}

/// Reads the keys, and then puts the entries: their absence is cached.
async fn put_after_reading(
    simulation: &Simulation,
    namespace: &str,
    entries: &[(&str, StoredEntry)],
) {
    let keys: Vec<&str> = entries.iter().map(|(key, _)| *key).collect();
    let path = format!("/storage/kv/namespaces/{namespace}/bulk/get");
    call(
        &simulation.sandbox,
        "POST",
        &path,
        json!({ "keys": keys }).to_string(),
    )
    .await;
    for (key, entry) in entries {
        simulation.sandbox.put_entry(namespace, key, entry).unwrap();
    }
}

fn number(text: &str) -> StoredEntry {
    StoredEntry {
        value: text.as_bytes().to_vec(),
        expiration: None,
        metadata: None,
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_whose_absence_is_cached_keeps_the_ids_of_others() {
    let (simulation, namespace) = in_use(Duration::from_secs(60)).await;
    let entries = [
        ("file:f1", entry(&[FOREIGN])),
        ("_vector_count", number("1")),
    ];
    put_after_reading(&simulation, &namespace, &entries).await;
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(
        simulation.state().entries["file:f1"],
        entry(&["f1_0", "f1_1", "f1_2", "f1_3", "f1_4", FOREIGN])
    );
    let said = outcome.said.join("\n");
    assert!(
        said.contains("1 KV entries are listed and cannot be read yet, for example file:f1"),
        "{said}"
    );
    assert_eq!(simulation.state().entries["_vector_count"], number("21"));
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_cannot_be_read_for_90_seconds_is_left_alone() {
    for key in ["file:f1", "_vector_count"] {
        let (simulation, namespace) = in_use(Duration::from_secs(3_600)).await;
        let held = entry(&[FOREIGN]);
        put_after_reading(&simulation, &namespace, &[(key, held.clone())]).await;
        let outcome = simulation.run().await.expect_code(5);
        let told = outcome.error.unwrap();
        assert!(
            told.contains(&format!(
                "the KV entry {key} is listed, and reading it gave nothing for 90 seconds"
            )),
            "{told}"
        );
        assert!(told.contains("it was left as it is"), "{told}");
        assert_eq!(simulation.state().entries[key], held);
    }
}

#[tokio::test(start_paused = true)]
async fn the_count_is_found_behind_an_empty_page() {
    let (mut simulation, namespace) = in_use(Duration::ZERO).await;
    let mut expiring = number("1");
    expiring.metadata = Some(json!({"owner": "the application"}));
    simulation
        .sandbox
        .put_entry(&namespace, "_vector_count", &expiring)
        .unwrap();
    simulation.change_answer = Some(Arc::new(|path, envelope| {
        if path.contains("prefix=_vector_count") && !path.contains("cursor=") {
            empty_page(envelope);
        }
        // The sandbox knows no cursor of ours: it is asked for the page again.
    }));
    simulation.change_path = Some(Arc::new(|path| path.replace("&cursor=next", "")));
    simulation.run().await.expect_code(0);
    expiring.value = b"21".to_vec();
    assert_eq!(simulation.state().entries["_vector_count"], expiring);
}

fn empty_page(envelope: &mut Value) {
    envelope["result"] = json!([]);
    envelope["result_info"] = json!({"count": 0, "cursor": "next"});
}
