//! Namespaces become Vectorize's, and no record ends in another one's.

use serde_json::json;

use crate::support::upstash::{Failure, READ_ONLY, Switch, UpstashDouble};
use crate::{DIMENSIONS, Place, WHOLE, all_expected, assert_same};

const TENANTS: [(&str, &str, usize); 5] = [
    ("", "d", 7),
    ("acme", "x", 620),
    ("acme/2 b%?#", "x", 30),
    ("日本", "é😀-", 12),
    ("ümlaut", "x", 1),
];

fn tenants() -> UpstashDouble {
    TENANTS.iter().fold(
        UpstashDouble::dense(DIMENSIONS),
        |double, (namespace, prefix, count)| double.generated(namespace, prefix, *count),
    )
}

#[test]
fn every_vector_of_every_namespace_is_there_and_proven() {
    let place = Place::of(tenants().with_empty("void"));
    place
        .run(WHOLE)
        .ends(0)
        .says("These namespaces hold no vectors: void.")
        .says("proven: 670 records, verified equal");
    assert_same(&place.held(), &all_expected(&TENANTS));
}

#[test]
fn faults_on_the_way_change_nothing() {
    let double = tenants()
        .switch(Switch::Every("range", 3, Failure::Cut))
        .switch(Switch::Every("info", 2, Failure::RetryAfter(429, "0")))
        .switch(Switch::Every("fetch", 2, Failure::Html(502)))
        .switch(Switch::Pending(40, 3))
        .switch(Switch::NullFields(true));
    let place = Place::of(double);
    place
        .run(WHOLE)
        .ends(0)
        .says("Upstash is still indexing")
        .says("proven: 670 records, verified equal");
    assert_same(&place.held(), &all_expected(&TENANTS));
}

#[test]
fn a_read_only_token_is_enough() {
    let mut place = Place::of(tenants().switch(Switch::ReadOnlyRefused(&["list-namespaces"])));
    place.shell.set("UPSTASH_VECTOR_REST_TOKEN", READ_ONLY);
    place.run(WHOLE).ends(0);
    assert_eq!(place.held().len(), 670);
}

#[test]
fn one_namespace_leaves_the_others_where_they_are() {
    for (line, namespace, prefix, count) in [
        ("upstash:acme", "acme", "x", 620),
        ("upstash:@default", "", "d", 7),
        ("upstash:日本", "日本", "é😀-", 12),
    ] {
        let place = Place::of(tenants());
        let line = format!("run '{line}' vectorize:docs --create --id '{{namespace}}:{{id}}'");
        place.run(&line).ends(0);
        assert_same(&place.held(), &all_expected(&[(namespace, prefix, count)]));
    }
}

#[test]
fn an_id_in_two_namespaces_is_refused_before_anything_is_written_and_a_template_helps() {
    let place = Place::of(tenants());
    place
        .run("run upstash: vectorize:docs --create")
        .ends(7)
        .says("points of several namespaces have the same one: --id '{namespace}:{id}'");
    assert_eq!(place.cloud.writes(), []);
    place.run(WHOLE).ends(0).says("proven: 670 records");
    assert_same(&place.held(), &all_expected(&TENANTS));
}

#[test]
fn ids_that_differ_are_kept_as_they_are_and_numbers_become_text() {
    let vector = |id: serde_json::Value| json!({"id": id, "vector": vec![0.5; DIMENSIONS]});
    let double = UpstashDouble::dense(DIMENSIONS)
        .with("", vec![vector(json!(7)), vector(json!("Straße/№ 1"))])
        .with("t", vec![vector(json!(8))])
        .switch(Switch::NumericIds(true));
    let place = Place::of(double);
    place.run("run upstash: vectorize:docs --create").ends(0);
    let held = place.held();
    let ids: Vec<&String> = held.keys().collect();
    assert_eq!(ids, ["7", "8", "Straße/№ 1"]);
    assert_eq!(held["8"].namespace.as_deref(), Some("t"));
    assert_eq!(held["7"].namespace, None);
}
