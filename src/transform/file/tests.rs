use super::*;

#[test]
fn a_key_has_1_to_512_bytes_and_is_not_dots() {
    assert_eq!(FileKey::new(""), Err(FileKeyProblem::Empty));
    for dots in [".", ".."] {
        let key = dots.to_owned();
        assert_eq!(FileKey::new(dots), Err(FileKeyProblem::Dots { key }));
    }
    assert!(FileKey::new("...").is_ok());
    assert!(FileKey::new("é".repeat(256)).is_ok());
    let key = "é".repeat(256) + "x";
    let long = FileKeyProblem::Long {
        bytes: 513,
        key: key.clone(),
    };
    assert_eq!(long.key(), key);
    assert_eq!(FileKey::new(key), Err(long));
}

fn order(value: &str) -> Order {
    Order::of_value(Some(&serde_json::from_str(value).unwrap()))
}

#[test]
fn orders_are_numbers_then_text_then_missing() {
    let rising = [
        order("-1"),
        order("-0.0"),
        order("0.5"),
        order("1"),
        order("\"2\""),
        order("10"),
        order("1e999"),
        order("\"\""),
        order("\"-3\""),
        order("\"1.5\""),
        order("\"B\""),
        order("\"a\""),
        Order::Missing,
    ];
    for (position, one) in rising.iter().enumerate() {
        for (other_position, other) in rising.iter().enumerate() {
            assert_eq!(
                one.cmp(other),
                position.cmp(&other_position),
                "{one:?} {other:?}"
            );
        }
    }
}

#[test]
fn spellings_of_one_number_are_one_order() {
    assert_eq!(order("-0.0"), order("0"));
    assert_eq!(order("1.0"), order("1"));
    assert_eq!(order("\"07\""), order("7"));
}

#[test]
fn what_is_neither_number_nor_text_has_no_order() {
    for value in ["null", "true", "[1]", "{}"] {
        assert_eq!(order(value), Order::Missing, "{value}");
    }
    assert_eq!(Order::of_value(None), Order::Missing);
}
