//! A record never ends in another tenant's: whichever tenant's record is moved, it
//! is found, however small the tenant is beside the others.

use cf_migrate::sandbox::inspect::StoredVector;
use serde_json::{Value, json};

use crate::binary::{INDEX, point};
use crate::simulation::{DIMENSIONS, Simulation};

/// Tenants, and how many points each has.
const TENANTS: [(&str, u64); 3] = [("large", 60), ("ümlaut", 3), ("small", 1)];

/// A proven migration of points with a tenant each, and a few without.
async fn proven(sample: usize) -> Simulation {
    let tenants = TENANTS
        .iter()
        .flat_map(|(name, points)| std::iter::repeat_n(Some(*name), *points as usize));
    let tenants = tenants.chain([None, None]);
    let points = tenants.enumerate().map(|(number, tenant)| {
        let point = point(number as u64, DIMENSIONS);
        json!({
            "id": format!("r{number}"), "values": point["vector"],
            "metadata": point["payload"], "namespace": tenant,
        })
    });
    let points: Vec<Value> = points.collect();
    let mut simulation = Simulation::of(points, |_| {});
    simulation.file_index = false;
    simulation.mapping.id = None;
    simulation.sample = sample;
    let outcome = simulation.run().await.expect_code(0);
    outcome.check_sum();
    simulation
}

fn move_to(simulation: &Simulation, id: &str, namespace: Option<&str>) -> StoredVector {
    let before = simulation.sandbox.vectors(INDEX).unwrap()[id].clone();
    let moved = StoredVector {
        namespace: namespace.map(str::to_owned),
        ..before.clone()
    };
    simulation.sandbox.put_vector(INDEX, id, &moved).unwrap();
    before
}

#[tokio::test(start_paused = true)]
async fn a_record_in_another_tenants_namespace_is_found_whoever_it_is_of() {
    // A sample of 5 of 66 records would hardly meet the small ones by itself.
    let simulation = proven(5).await;
    for (id, from, to) in [
        ("r62", Some("ümlaut"), Some("large")),
        ("r63", Some("small"), None),
        ("r64", None, Some("small")),
    ] {
        let before = move_to(&simulation, id, to);
        assert_eq!(before.namespace.as_deref(), from);
        let found = simulation.verify().await.expect_code(4);
        assert_eq!(found.kinds(), ["namespace"], "{id}");
        let shown = |name: Option<&str>| name.map_or("none".to_owned(), |name| format!("{name:?}"));
        let told = format!("{id}: namespace {} instead of {}", shown(to), shown(from));
        assert_eq!(found.finding("namespace"), (1, vec![told]));
        let namespaces = found.report["namespaces"].as_array().unwrap();
        for row in namespaces {
            let differs = row["name"].as_str() == from;
            assert_eq!(row["values_different"], u64::from(differs), "{row}");
        }
        simulation.sandbox.put_vector(INDEX, id, &before).unwrap();
    }
    simulation.verify().await.expect_code(0);
}

#[tokio::test(start_paused = true)]
async fn the_report_tells_what_became_of_each_tenant() {
    let simulation = proven(5).await;
    assert!(simulation.sandbox.remove_vector(INDEX, "r63").unwrap());
    let found = simulation.verify().await.expect_code(4);
    let rows = found.report["namespaces"].as_array().unwrap();
    let names: Vec<Option<&str>> = rows.iter().map(|row| row["name"].as_str()).collect();
    assert_eq!(names, [None, Some("large"), Some("small"), Some("ümlaut")]);
    let archived: Vec<u64> = rows
        .iter()
        .map(|row| row["archived"].as_u64().unwrap())
        .collect();
    assert_eq!(archived, [2, 60, 1, 3]);
    let missing: Vec<u64> = rows
        .iter()
        .map(|row| row["missing"].as_u64().unwrap())
        .collect();
    assert_eq!(missing, [0, 0, 1, 0]);
    for row in rows {
        let sampled = row["values_sampled"].as_u64().unwrap();
        let archived = row["archived"].as_u64().unwrap();
        assert!(sampled >= archived.min(20), "{row}");
    }
}
