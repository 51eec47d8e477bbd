//! What is read is what the server holds, from any place on.

use std::fs;

use cf_migrate::point::{Payload, Point, PointId, PointName, SparseVector};
use cf_migrate::source::Source;
use serde_json::Value;

use crate::support::qdrant::{QdrantDouble, Switch};
use crate::{double_id, ids, open, open_vector, read_all, read_from};

/// Every recorded collection that can be read, and its vector.
const READABLE: [(&str, Option<&str>); 7] = [
    ("project_docs", None),
    ("kinds", None),
    ("named", Some("title")),
    ("wide3072", None),
    ("tiny8", None),
    ("half", None),
    ("empty", None),
];

/// The points that the real server gave over REST.
fn rest_points(name: &str) -> Vec<Value> {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    if name == "project_docs" {
        let lines = fs::read_to_string(format!("{fixtures}/project_docs.ndjson")).unwrap();
        return lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
    }
    let path = format!("{fixtures}/qdrant-1.18.3/{name}/scroll.rest.json");
    let answer: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    answer["result"]["points"].as_array().unwrap().clone()
}

fn assert_same(point: &Point, rest: &Value, dense: &[&str], sparse: &[&str]) {
    let id = rest["id"]
        .as_str()
        .map_or(rest["id"].to_string(), str::to_owned);
    assert_eq!(point.id.to_string(), id);
    let payload = rest["payload"].as_object().unwrap();
    assert!(
        same_object(&point.payload, payload),
        "payload of {id}: {:?}",
        point.payload
    );
    let vectors = &rest["vector"];
    let named = |name: &str| match name {
        "" => Some(vectors).filter(|vectors| vectors.is_array()),
        name => vectors.get(name),
    };
    for (name, values) in dense.iter().zip(&point.dense) {
        let expected = named(name).map(floats);
        assert_eq!(
            values.as_deref().map(bits),
            expected,
            "vector {name:?} of {id}"
        );
    }
    for (name, vector) in sparse.iter().zip(&point.sparse) {
        let given = vector
            .as_ref()
            .map(|SparseVector { indices, values }| (indices.clone(), bits(values)));
        let expected = named(name).map(|vector| {
            let indices = vector["indices"].as_array().unwrap().iter();
            (
                indices.map(|i| i.as_i64().unwrap()).collect(),
                floats(&vector["values"]),
            )
        });
        assert_eq!(given, expected, "vector {name:?} of {id}");
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn floats(values: &Value) -> Vec<u32> {
    let values = values.as_array().unwrap().iter();
    values
        .map(|value| value.to_string().parse::<f32>().unwrap().to_bits())
        .collect()
}

fn same_object(ours: &Payload, theirs: &Payload) -> bool {
    ours.len() == theirs.len()
        && ours
            .iter()
            .all(|(key, value)| theirs.get(key).is_some_and(|other| same(value, other)))
}

/// Integers by their digits, floats by their bits, and never one for the other.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => {
            let is_float = |text: &str| text.contains(['.', 'e', 'E']);
            let float = |text: &str| text.parse::<f64>().unwrap().to_bits();
            match (is_float(a.as_str()), is_float(b.as_str())) {
                (false, false) => a == b,
                (true, true) => float(a.as_str()) == float(b.as_str()),
                _ => false,
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => same_object(a, b),
        (a, b) => a == b,
    }
}

async fn assert_equals_rest(name: &str, vector: Option<&str>, server: QdrantDouble) {
    let server = server.start();
    let mut source = open_vector(&server, name, vector).await.unwrap();
    let points = read_from(&mut source, None).await.unwrap();
    let rest = rest_points(name);
    assert_eq!(points.len(), rest.len(), "{name}");
    let shape = source.facts().shape.clone();
    let dense: Vec<_> = shape.dense.iter().map(|field| &*field.name).collect();
    let sparse: Vec<_> = shape.sparse.iter().map(|name| &**name).collect();
    for (point, rest) in points.iter().zip(&rest) {
        assert_same(point, rest, &dense, &sparse);
    }
}

#[tokio::test]
async fn every_recorded_collection_reads_as_the_real_server_gave_it_over_rest() {
    for (name, vector) in READABLE {
        assert_equals_rest(name, vector, QdrantDouble::recorded(name)).await;
    }
}

#[tokio::test]
async fn servers_up_to_1_16_with_the_old_vector_form_read_the_same() {
    for (name, vector) in READABLE {
        let old = QdrantDouble::recorded(name).with(Switch::OldVectors);
        assert_equals_rest(name, vector, old).await;
    }
}

#[tokio::test]
async fn asking_again_by_id_over_rest_gives_the_same_points() {
    for (name, vector) in READABLE {
        let server = QdrantDouble::recorded(name).start();
        let mut source = open_vector(&server, name, vector).await.unwrap();
        let points = read_from(&mut source, None).await.unwrap();
        let asked: Vec<_> = points.iter().map(|point| point.name()).collect();
        let again = source.fetch(&asked).await.unwrap().unwrap();
        assert_eq!(again.len(), points.len());
        for (point, again) in points.iter().zip(&again) {
            assert_eq!((&point.id, &point.sparse), (&again.id, &again.sparse));
            assert_eq!(point.dense, again.dense, "vectors of {}", point.id);
            assert!(
                same_object(&point.payload, &again.payload),
                "payload of {}",
                point.id
            );
        }
        assert_eq!(
            server.calls("rest"),
            points.len().div_ceil(64) as u64,
            "{name}"
        );
    }
}

#[tokio::test]
async fn all_kinds_of_ids_come_in_qdrants_order() {
    let server = QdrantDouble::recorded("kinds").start();
    let points = read_all(&server, "kinds").await.unwrap();
    assert!(points.windows(2).all(|pair| pair[0].id < pair[1].id));
    let mut integers = points
        .iter()
        .filter(|point| matches!(point.id, PointId::Integer(_)));
    assert_eq!(integers.next_back().unwrap().id, PointId::Integer(u64::MAX));
    assert!(matches!(points.last().unwrap().id, PointId::Uuid(_)));
}

#[tokio::test]
async fn reading_from_any_points_cursor_gives_exactly_the_rest() {
    for (name, vector) in READABLE {
        let server = QdrantDouble::recorded(name).start();
        let mut source = open_vector(&server, name, vector).await.unwrap();
        let all = ids(&read_from(&mut source, None).await.unwrap());
        let page = source.page(None).await.unwrap();
        for (position, read) in page.points.into_iter().enumerate().step_by(7) {
            let rest = read_from(&mut source, read.resume).await.unwrap();
            assert_eq!(ids(&rest), all[position + 1..], "{name} after {position}");
        }
    }
}

#[tokio::test]
async fn a_pass_past_the_last_possible_id_ends_without_another_call() {
    let mut last = QdrantDouble::recorded("tiny8").start();
    let points = read_all(&last, "tiny8").await.unwrap();
    let id = uuid::Uuid::max();
    let mut point = qdrant_client::qdrant::RetrievedPoint {
        id: Some(id.to_string().into()),
        ..Default::default()
    };
    point.payload.insert("last".to_owned(), true.into());
    last.put("tiny8", point);
    let before = last.calls("scroll");
    let mut source = open(&last, "tiny8").await.unwrap();
    let page = source.page(None).await.unwrap();
    assert_eq!(page.points.len(), points.len() + 1);
    let read = page.points.last().unwrap();
    assert_eq!((&read.point.id, &read.resume), (&PointId::Uuid(id), &None));
    assert_eq!(read.point.dense, [None]);
    assert_eq!((page.next, last.calls("scroll") - before), (None, 1));
    last = QdrantDouble::recorded("empty").start();
    assert!(read_all(&last, "empty").await.unwrap().is_empty());
}

#[tokio::test]
async fn ids_that_are_not_there_are_left_out_of_a_fetch() {
    let server = QdrantDouble::recorded("kinds").start();
    let mut source = open(&server, "kinds").await.unwrap();
    let asked: [PointName; 3] = [
        PointId::Integer(1).into(),
        PointId::Integer(424_242).into(),
        PointId::Text("no Qdrant id".to_owned()).into(),
    ];
    let found = source.fetch(&asked).await.unwrap().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id, PointId::Integer(1));
}

#[tokio::test]
async fn a_float_altered_on_the_way_differs_from_what_a_fetch_gives() {
    let double = QdrantDouble::generated("docs", 40, 64, 7);
    let server = double.start();
    let victim = server.ids("docs")[11];
    server.set(Switch::Alter(victim));
    let mut source = open(&server, "docs").await.unwrap();
    let points = read_from(&mut source, None).await.unwrap();
    let asked: Vec<_> = points.iter().map(|point| point.name()).collect();
    let again = source.fetch(&asked).await.unwrap().unwrap();
    let different = points.iter().zip(&again).filter(|(a, b)| a != b);
    let different: Vec<_> = different.map(|(a, _)| double_id(&a.id)).collect();
    assert_eq!(different, [victim]);
}

#[tokio::test]
async fn fifty_thousand_points_are_read_whole_in_growing_pages() {
    for dimensions in [64, 384] {
        let server = QdrantDouble::generated("docs", 50_000, dimensions, 3).start();
        let mut source = open(&server, "docs").await.unwrap();
        let points = read_from(&mut source, None).await.unwrap();
        assert!(ids(&points) == server.ids("docs"), "the ids differ");
        assert_eq!(source.count().await.unwrap(), Some(50_000));
        let limits = server.scroll_limits();
        assert_eq!(limits[..3], [256, 512, 1_024]);
        assert!(limits.len() < 60, "{limits:?}");
    }
}

#[tokio::test]
async fn a_hidden_point_shows_as_a_difference_to_the_exact_count() {
    let server = QdrantDouble::generated("docs", 300, 8, 1).start();
    let hidden = server.ids("docs")[100];
    server.set(Switch::Hide(hidden));
    let mut source = open(&server, "docs").await.unwrap();
    let points = read_from(&mut source, None).await.unwrap();
    assert_eq!(points.len(), 299);
    assert_eq!(source.count().await.unwrap(), Some(300));
}
