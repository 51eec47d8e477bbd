//! Collections as a real server answered them.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use qdrant_client::qdrant::{
    CountResponse, GetCollectionInfoResponse, RetrievedPoint, ScrollResponse,
};
use serde_json::Value;

use super::collection::{Collection, Id};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub(super) fn load(name: &str) -> Collection {
    let folder = fixtures().join("qdrant-1.18.3").join(name);
    let info: GetCollectionInfoResponse = decode(&folder.join("info.pb"));
    let count: CountResponse = decode(&folder.join("count.pb"));
    let points = pages(&folder);
    let counted = count.result.expect("a count was recorded").count;
    assert_eq!(counted, points.len() as u64, "{name} was recorded whole");
    let info = info.result.expect("a description was recorded");
    let mut collection = Collection::new(name, info, points);
    let rest = rest_points(name, &folder);
    collection.recorded_rest = rest
        .into_iter()
        .map(|point| (rest_id(&point), point))
        .collect();
    collection
}

fn decode<M: Message + Default>(path: &Path) -> M {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    M::decode(&*bytes).expect("recordings decode")
}

fn pages(folder: &Path) -> Vec<RetrievedPoint> {
    let files = (0..).map(|number| folder.join(format!("scroll-{number:03}.pb")));
    let pages = files.take_while(|path| path.exists());
    pages
        .flat_map(|path| decode::<ScrollResponse>(&path).result)
        .collect()
}

/// `project_docs` was recorded over REST as lines in a file of its own.
fn rest_points(name: &str, folder: &Path) -> Vec<Value> {
    if let Ok(text) = fs::read_to_string(folder.join("scroll.rest.json")) {
        let mut answer: Value = serde_json::from_str(&text).expect("recordings are JSON");
        let Value::Array(points) = answer["result"]["points"].take() else {
            panic!("{name} has points over REST");
        };
        return points;
    }
    let lines = fs::read_to_string(fixtures().join(format!("{name}.ndjson"))).unwrap_or_default();
    let points = lines.lines().map(serde_json::from_str);
    points
        .collect::<Result<_, _>>()
        .expect("recordings are JSON")
}

pub(super) fn rest_id(point: &Value) -> Id {
    rest_value_id(&point["id"]).expect("recorded points have ids")
}

pub(super) fn rest_value_id(id: &Value) -> Option<Id> {
    match id {
        Value::Number(number) => number.as_u64().map(Id::Number),
        Value::String(text) => uuid::Uuid::try_parse(text)
            .ok()
            .map(|id| Id::Uuid(id.as_u128())),
        _ => None,
    }
}
