//! What filters let through, and which are refused.

use super::*;
use serde_json::json;

fn passes(filter: Value, metadata: Value) -> bool {
    let index = |property: &str, property_type| Indexed {
        property: property.to_owned(),
        property_type,
        since: 3,
    };
    let indexes = [
        index("s", PropertyType::String),
        index("n", PropertyType::Number),
        index("b", PropertyType::Boolean),
        index("o.s", PropertyType::String),
    ];
    Filter::read(&filter)
        .unwrap()
        .passes(&indexes, 4, &metadata)
}

#[test]
fn each_operator_lets_through_what_it_should() {
    let vector = json!({"s": "m", "n": 5, "b": true, "o": {"s": "x"}});
    for (filter, wanted) in [
        (json!({"s": "m"}), true),
        (json!({"s": "M"}), false),
        (json!({"n": {"$eq": 5.0}}), true),
        (json!({"n": {"$ne": 5}}), false),
        (json!({"s": {"$ne": "x"}}), true),
        (json!({"s": {"$in": ["a", "m"]}}), true),
        (json!({"s": {"$nin": ["a", "m"]}}), false),
        (json!({"n": {"$lt": 5}}), false),
        (json!({"n": {"$lte": 5}}), true),
        (json!({"n": {"$gt": 4, "$lt": 6}}), true),
        (json!({"n": {"$gte": 6}}), false),
        (json!({"s": {"$gte": "a", "$lt": "n"}}), true),
        (json!({"n": {"$lt": "z"}}), false),
        (json!({"b": true}), true),
        (json!({"b": null}), false),
        (json!({"o.s": "x", "n": 5}), true),
        (json!({"o.s": "x", "n": 6}), false),
        (json!({"unindexed": 1}), false),
    ] {
        assert_eq!(passes(filter.clone(), vector.clone()), wanted, "{filter}");
    }
}

#[test]
fn a_value_of_another_type_or_an_array_is_not_in_the_index() {
    assert!(!passes(json!({"s": {"$ne": "x"}}), json!({"s": 5})));
    assert!(!passes(json!({"s": {"$ne": "x"}}), json!({"s": ["m"]})));
    assert!(!passes(json!({"s": {"$ne": "x"}}), json!({})));
}

#[test]
fn only_the_first_64_bytes_of_a_string_count_cut_at_a_character() {
    let long = format!("{}é-one", "a".repeat(63));
    let other = format!("{}é-two", "a".repeat(63));
    assert!(passes(json!({"s": other}), json!({"s": long})));
    let shorter = "a".repeat(62);
    assert!(!passes(json!({"s": shorter}), json!({"s": long})));
}

#[test]
fn a_vector_written_before_the_index_is_not_found() {
    let indexes = [Indexed {
        property: "n".to_owned(),
        property_type: PropertyType::Number,
        since: 3,
    }];
    let filter = Filter::read(&json!({"n": 1})).unwrap();
    assert!(!filter.passes(&indexes, 3, &json!({"n": 1})));
    assert!(filter.passes(&indexes, 4, &json!({"n": 1})));
}

#[test]
fn filters_outside_the_grammar_are_refused() {
    for filter in [
        json!({}),
        json!([]),
        json!({"$and": []}),
        json!({"": 1}),
        json!({"a\"b": 1}),
        json!({"a": {"$regex": "x"}}),
        json!({"a": {"$in": []}}),
        json!({"a": {"$in": "x"}}),
        json!({"a": {"$lt": true}}),
        json!({"a": {"$lt": 1, "$lte": 2}}),
        json!({"a": {"$eq": 1, "$ne": 2}}),
        json!({"a": [1]}),
        json!({"a": "x".repeat(2_048)}),
    ] {
        assert!(Filter::read(&filter).is_err(), "{filter} was accepted");
    }
}
