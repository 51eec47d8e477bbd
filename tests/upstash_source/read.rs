//! What pages and single vectors hold.

use cf_migrate::locator::Namespaces;
use cf_migrate::point::{Point, PointId, PointName, canonical_json};
use cf_migrate::source::LaneReader as _;
use serde_json::{Value, json};

use crate::support::upstash::{End, Switch, UpstashDouble, generated, values};
use crate::{expected_ids, ids, lane, open, read_all, read_lane, reader};

#[tokio::test]
async fn every_namespace_is_read_whole_and_in_order() {
    let server = UpstashDouble::dense(4)
        .generated("", "d", 260)
        .generated("a/b c%?#", "x", 700)
        .generated("日本", "é😀-", 3)
        .start();
    let points = read_all(&server).await.unwrap();
    let of = |namespace: Option<&str>| {
        let mine = points
            .iter()
            .filter(|point| point.namespace.as_deref() == namespace);
        ids(&mine.cloned().collect::<Vec<_>>())
    };
    assert_eq!(of(None), expected_ids("d", 260));
    assert_eq!(of(Some("a/b c%?#")), expected_ids("x", 700));
    assert_eq!(of(Some("日本")), expected_ids("é😀-", 3));
    assert_eq!(points.len(), 963);
}

#[tokio::test]
async fn one_namespace_alone_is_the_only_lane() {
    let server = UpstashDouble::dense(4)
        .generated("", "d", 3)
        .generated("t", "x", 2)
        .start();
    for (chosen, namespace, count) in [
        (Namespaces::Default, "", 3),
        (Namespaces::Named("t".to_owned()), "t", 2),
    ] {
        let reader = open(&server, chosen).await.unwrap();
        assert_eq!(reader.draw_lanes().await.unwrap(), [lane(namespace)]);
        assert_eq!(
            read_lane(&reader, &lane(namespace), None)
                .await
                .unwrap()
                .len(),
            count
        );
    }
}

#[tokio::test]
async fn a_vector_arrives_with_all_that_it_has() {
    let metadata = json!({"n": 1, "deep": {"list": [null, true, "ü"]}});
    let server = UpstashDouble::dense(3)
        .with("", vec![
            json!({"id": "ü", "vector": [0.1, -1e-7, 16_777_217], "metadata": metadata, "data": "Straße"}),
            json!({"id": "bare", "vector": [1, 2, 3]}),
            json!({"id": "text only", "data": "x", "metadata": null}),
        ])
        .start();
    for nulls in [false, true] {
        server.set(Switch::NullFields(nulls));
        let points = read_all(&server).await.unwrap();
        assert_eq!(points[0].dense, [Some(vec![0.1, -1e-7, 16_777_216.0])]);
        assert_eq!(
            canonical_json(&points[0].payload),
            r#"{"deep":{"list":[null,true,"ü"]},"n":1}"#
        );
        assert_eq!(points[0].data.as_deref(), Some("Straße"));
        assert!(points[1].payload.is_empty() && points[1].data.is_none());
        assert_eq!(
            (&points[2].dense, points[2].data.as_deref()),
            (&vec![None], Some("x"))
        );
    }
}

#[tokio::test]
async fn a_hybrid_index_gives_both_parts() {
    let sparse = json!({"indices": [-5, 2_147_483_647], "values": [0.5, 1.5]});
    let server = UpstashDouble::dense(2)
        .kind("HYBRID")
        .with(
            "",
            vec![json!({"id": "a", "vector": [1, 2], "sparseVector": sparse})],
        )
        .start();
    let points = read_all(&server).await.unwrap();
    let part = points[0].sparse[0].as_ref().unwrap();
    assert_eq!(
        (part.indices.as_slice(), part.values.as_slice()),
        (&[-5, 2_147_483_647][..], &[0.5, 1.5][..])
    );
    assert_eq!(points[0].dense, [Some(vec![1.0, 2.0])]);
}

#[tokio::test]
async fn numbers_for_ids_become_their_text_and_are_found_again() {
    let server = UpstashDouble::dense(4)
        .generated("", "", 3)
        .switch(Switch::NumericIds(true))
        .start();
    let reader = reader(&server).await;
    let points = read_lane(&reader, &lane(""), None).await.unwrap();
    assert_eq!(ids(&points), ["0", "1", "2"]);
    let found = reader.fetch(&[points[1].name()]).await.unwrap().unwrap();
    assert_eq!(found, points[1..2]);
}

#[tokio::test]
async fn the_end_may_be_said_in_three_ways_and_exactly_at_a_full_page() {
    let server = UpstashDouble::dense(4).generated("", "a", 250).start();
    for end in [End::Empty, End::Null, End::Absent] {
        server.set(Switch::EndsWith(end));
        let before = server.calls("range");
        assert_eq!(read_all(&server).await.unwrap().len(), 250, "{end:?}");
        assert_eq!(server.calls("range") - before, 1, "{end:?}");
    }
}

#[tokio::test]
async fn an_empty_page_that_leads_on_is_no_end() {
    let server = UpstashDouble::dense(4)
        .generated("", "a", 600)
        .switch(Switch::EmptyPages(true))
        .start();
    let points = read_all(&server).await.unwrap();
    assert_eq!(ids(&points), expected_ids("a", 600));
}

#[tokio::test]
async fn cursors_that_go_round_in_a_circle_are_an_error() {
    let server = UpstashDouble::dense(4)
        .generated("t", "a", 9)
        .switch(Switch::CursorsCircle(true))
        .start();
    let reader = reader(&server).await;
    let error = read_lane(&reader, &lane("t"), None).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("of namespace \"t\" a second time"),
        "{error}"
    );
}

#[tokio::test]
async fn repeats_over_pages_are_given_as_they_come() {
    let server = UpstashDouble::dense(4)
        .generated("", "a", 600)
        .switch(Switch::Repeats(2))
        .start();
    let points = read_all(&server).await.unwrap();
    let mut distinct = ids(&points);
    assert!(distinct.len() > 600);
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 600);
}

#[tokio::test]
async fn pages_grow_to_the_most_and_never_beyond() {
    let server = UpstashDouble::dense(4).generated("", "a", 4_000).start();
    read_all(&server).await.unwrap();
    let limits: Vec<u64> = server
        .ranges()
        .iter()
        .filter_map(|body| body["limit"].as_u64())
        .collect();
    assert_eq!(limits, [250, 500, 1_000, 1_000, 1_000, 1_000]);
}

#[tokio::test]
async fn heavy_vectors_make_pages_smaller() {
    let heavy = |number: usize| {
        let mut vector = generated("a", number, 4);
        vector["data"] = json!("x".repeat(80_000));
        vector
    };
    let server = UpstashDouble::dense(4)
        .with("", (0..400).map(heavy).collect())
        .start();
    assert_eq!(read_all(&server).await.unwrap().len(), 400);
    let limits: Vec<u64> = server
        .ranges()
        .iter()
        .filter_map(|body| body["limit"].as_u64())
        .collect();
    assert_eq!(limits[0], 250);
    assert!(limits[1] <= 104, "{limits:?}");
}

#[tokio::test]
async fn a_page_asks_for_everything_and_a_page_of_names_for_nothing_more() {
    let server = UpstashDouble::dense(4).generated("t", "a", 1_500).start();
    let reader = reader(&server).await;
    let first = reader.names_page(&lane("t"), None).await.unwrap().unwrap();
    let second = reader
        .names_page(&lane("t"), first.next.as_ref())
        .await
        .unwrap()
        .unwrap();
    let names: Vec<PointName> = first.names.into_iter().chain(second.names).collect();
    assert_eq!((names.len(), second.next), (1_500, None));
    assert_eq!(names[1_499].namespace.as_deref(), Some("t"));
    assert_eq!(names[1_499].id, PointId::Text("a1499".to_owned()));
    reader.page(&lane("t"), None).await.unwrap();
    let flags = |body: &Value| {
        ["includeVectors", "includeMetadata", "includeData"].map(|flag| body[flag].clone())
    };
    let ranges = server.ranges();
    assert_eq!(
        flags(&ranges[0]),
        [json!(false), json!(false), json!(false)]
    );
    assert_eq!(flags(&ranges[2]), [json!(true), json!(true), json!(true)]);
}

#[tokio::test]
async fn vectors_are_found_again_by_namespace_and_id() {
    let server = UpstashDouble::dense(4)
        .generated("", "d", 300)
        .generated("ü/1", "x", 3)
        .start();
    let reader = reader(&server).await;
    let name = |namespace: Option<&str>, id: &str| PointName {
        namespace: namespace.map(str::to_owned),
        id: PointId::Text(id.to_owned()),
    };
    let mut names: Vec<PointName> = (0..300)
        .map(|number| name(None, &format!("d{number}")))
        .collect();
    names.extend([
        name(Some("ü/1"), "x2"),
        name(Some("ü/1"), "d1"),
        name(None, "gone"),
    ]);
    let found = reader.fetch(&names).await.unwrap().unwrap();
    assert_eq!(found.len(), 301);
    let theirs = found
        .iter()
        .find(|point| point.namespace.is_some())
        .unwrap();
    assert_eq!(theirs.dense, [Some(values(2, 4))]);
    assert_eq!(theirs.data.as_deref(), Some("Text № 2"));
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    for (vector, reason) in [
        (
            json!({"id": "bad", "vector": [1, 2, 3]}),
            "it has 3 dimensions, and the index has 4",
        ),
        (
            json!({"id": "bad", "vector": [1, 2, 3, 1e99]}),
            "number 4 of the vector is 1e+99",
        ),
        (
            json!({"id": "bad", "vector": [1, 2, 3, 4], "metadata": [1]}),
            "its metadata is an array, not an object",
        ),
    ] {
        let server = UpstashDouble::dense(4).with("t", vec![vector]).start();
        let error = read_all(&server).await.unwrap_err();
        let text = crate::told(&error);
        assert!(text.contains("in namespace \"t\""), "{text}");
        assert!(
            text.contains(&format!("vector \"bad\": {reason}")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn vectors_that_are_too_many_for_one_answer_are_fetched_in_several() {
    let server = UpstashDouble::dense(4).generated("t", "a", 50).start();
    let reader = reader(&server).await;
    let points = read_lane(&reader, &lane("t"), None).await.unwrap();
    let names: Vec<_> = points.iter().map(Point::name).collect();
    server.set(Switch::MostPerPage(7, 413));
    let found = reader.fetch(&names).await.unwrap().unwrap();
    assert_eq!(found, points);
}
