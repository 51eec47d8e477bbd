//! The seeds that are not written by hand: made anew by
//! `cargo test --lib fuzzing::made -- --ignored` where a format has changed.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;
use qdrant_client::qdrant::{GetCollectionInfoResponse, ScrollResponse};
use serde_json::json;

use super::scratch;
use crate::archive::Archive;
use crate::point::{DenseField, Point, PointId, Shape, SparseVector};
use crate::source::{Cursor, ReadPoint, SourceFacts};

mod ledgers;

fn folder(target: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn shape() -> Shape {
    let dense = |name: &str, dimensions| DenseField {
        name: name.to_owned(),
        dimensions,
        distance: None,
    };
    Shape {
        dense: vec![dense("", 3), dense("text", 2)],
        sparse: vec!["words".to_owned()],
        data: true,
    }
}

fn points() -> Vec<Point> {
    let sparse = SparseVector {
        indices: vec![1, 70_000],
        values: vec![0.5, -0.0],
    };
    let whole = Point {
        id: PointId::Integer(7),
        namespace: Some("n".to_owned()),
        dense: vec![Some(vec![0.1, 2.0, -3.0]), Some(vec![1e-45, 4.0])],
        sparse: vec![Some(sparse)],
        payload: json!({"a": [1, {"b": null}]}).as_object().unwrap().clone(),
        data: Some("text".to_owned()),
    };
    let bare = Point {
        id: PointId::Text("x".to_owned()),
        namespace: None,
        dense: vec![None, None],
        sparse: vec![None],
        payload: Default::default(),
        data: None,
    };
    let other = Point {
        id: PointId::Uuid(uuid::Uuid::from_u128(12)),
        ..whole.clone()
    };
    vec![whole, bare, other]
}

#[test]
#[ignore = "writes the seeds of archives"]
fn archives() {
    let root = tempfile::tempdir().unwrap();
    let facts = SourceFacts {
        name: "qdrant:docs".to_owned(),
        identity: "http://127.0.0.1:6334".to_owned(),
        shape: shape(),
        warnings: Vec::new(),
    };
    let mut writer = Archive::at(root.path())
        .write(&facts, scratch::run(async { scratch::clock() }))
        .unwrap();
    for (ordinal, point) in points().into_iter().enumerate() {
        let resume = Some(Cursor::AfterPoint(ordinal as u64 + 1));
        writer.push(&ReadPoint { point, resume }).unwrap();
    }
    writer.finish(Some(3)).unwrap();
    let generation = root.path().join("0001");
    fs::copy(
        generation.join("part-000001.parquet"),
        folder("part").join("three"),
    )
    .unwrap();
    let manifest = fs::read_to_string(generation.join("manifest.json")).unwrap();
    fs::write(folder("manifest").join("three"), &manifest).unwrap();
    let mut open: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    open["parts"][0]["bytes"] = json!(0);
    fs::write(
        folder("").join("part.json"),
        serde_json::to_string_pretty(&open).unwrap(),
    )
    .unwrap();
    open["superseded"] = json!("0 2-2");
    open["lanes"] = json!([{"namespace": "n"}, {"namespace": null}]);
    open["parts"][0]["runs"] = json!("0*2 1*1");
    fs::write(folder("manifest").join("lanes"), open.to_string()).unwrap();
}

#[test]
#[ignore = "writes the seeds of Qdrant's messages"]
fn messages() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/qdrant-1.18.3");
    for name in ["named", "kinds", "multi"] {
        let of = |file: &str| fs::read(recorded.join(name).join(file)).unwrap();
        let page = ScrollResponse::decode(&*of("scroll-000.pb")).unwrap();
        let point = page.result.into_iter().next().unwrap().encode_to_vec();
        fs::write(folder("qdrant_grpc").join(format!("{name}_point")), point).unwrap();
        let info = GetCollectionInfoResponse::decode(&*of("info.pb")).unwrap();
        let info = info.result.unwrap().encode_to_vec();
        fs::write(folder("qdrant_grpc").join(format!("{name}_info")), info).unwrap();
    }
}
