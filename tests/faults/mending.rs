//! Starts that were refused before their first write, and what mends them: the
//! same folder takes a mended source, other settings, another verb.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::binary::point;
use crate::simulation::{DIMENSIONS, Simulation};

fn rejected(simulation: &Simulation) -> Vec<Value> {
    let text = std::fs::read_to_string(simulation.folder.join("rejected.ndjson")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn many_points_of_one_id_are_each_named_with_another_of_them() {
    let points = (0..5_000).map(|number| {
        let mut point = point(number, DIMENSIONS);
        point["payload"]["kind"] = Value::from(if number == 4_999 { "alone" } else { "same" });
        point
    });
    let mut simulation = Simulation::of(points, |_| {});
    simulation.mapping.id = Some("{kind}".parse().unwrap());
    let outcome = simulation.run().await.expect_code(7);
    assert_eq!(outcome.number("/points/rejected"), 4_999);
    let rejected = rejected(&simulation);
    let ids: BTreeSet<_> = rejected
        .iter()
        .map(|line| line["source_id"].as_str())
        .collect();
    assert_eq!(ids.len(), 4_999);
    for line in &rejected {
        let message = line["message"].as_str().unwrap();
        let other = if line["source_id"] == "0" { "1" } else { "0" };
        assert!(message.contains(&format!("the point '{other}'")), "{line}");
    }
}
