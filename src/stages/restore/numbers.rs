//! Numbers of payloads: an archive keeps their digits, Qdrant holds `i64` and `f64`.
//! Whether two are the same, and whether digits are lost. Pure.

use serde_json::{Number, Value};

use crate::point::Payload;

/// Whether every number is one that Qdrant can hold at all.
pub(super) fn all_finite(payload: &Payload) -> bool {
    payload.values().all(|value| {
        every_number(value, &|number| {
            let double: Result<f64, _> = number.to_string().parse();
            double.is_ok_and(f64::is_finite)
        })
    })
}

/// Whether every number keeps its value in Qdrant, to the last digit.
pub(super) fn all_kept(payload: &Payload) -> bool {
    payload.values().all(|value| every_number(value, &is_kept))
}

fn every_number(value: &Value, holds: &impl Fn(&Number) -> bool) -> bool {
    match value {
        Value::Number(number) => holds(number),
        Value::Array(items) => items.iter().all(|item| every_number(item, holds)),
        Value::Object(object) => object.values().all(|item| every_number(item, holds)),
        _ => true,
    }
}

fn is_kept(number: &Number) -> bool {
    let text = number.to_string();
    if text.parse::<i64>().is_ok() {
        return true;
    }
    let double: Option<f64> = text.parse().ok();
    double.is_some_and(|double| Decimal::of(&text) == Decimal::of(&double.to_string()))
}

/// A decimal number as its digits and where they stand.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// Without zeros at either end.
    digits: String,
    /// The power of ten of the last digit.
    exponent: i64,
}

impl Decimal {
    /// Of a JSON number's text; none for an exponent beyond `i64`.
    fn of(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let negative = mantissa.starts_with('-');
        let mantissa = mantissa.trim_start_matches('-');
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_end_matches('0');
        let cut = i64::try_from(all.len() - digits.len()).ok()?;
        let exponent: i64 = exponent.parse().ok()?;
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)? + cut;
        let digits = digits.trim_start_matches('0').to_owned();
        Some(Self {
            negative: negative && !digits.is_empty(),
            exponent: if digits.is_empty() { 0 } else { exponent },
            digits,
        })
    }
}

/// Whether two JSON values are the same as far as Qdrant can hold them: integers
/// exactly where both are `i64`, all other numbers as `f64`.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => same_payload(one, other),
        (one, other) => one == other,
    }
}

/// [`same`] for payloads.
pub(super) fn same_payload(one: &Payload, other: &Payload) -> bool {
    let same_in_other = |(key, value): (&String, &Value)| {
        let there = other.get(key);
        there.is_some_and(|there| same(value, there))
    };
    one.len() == other.len() && one.iter().all(same_in_other)
}

fn same_number(one: &Number, other: &Number) -> bool {
    let (one, other) = (one.to_string(), other.to_string());
    match (one.parse::<i64>(), other.parse::<i64>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one.parse::<f64>().is_ok_and(|one| other.parse() == Ok(one)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn digits_are_lost_beyond_i64_and_beyond_doubles() {
        let kept = [
            "0",
            "-0",
            "1.0",
            "1e3",
            "0.10",
            "9223372036854775807",
            "-9223372036854775808",
            "1.8446744073709552e19",
            "5e-324",
            "100000000000000000000",
            "-0.0",
        ];
        for text in kept {
            assert!(is_kept(&number(text)), "{text}");
        }
        let lost = [
            "9223372036854775809",
            "18446744073709551615",
            "0.1000000000000000055511151231257827",
            "3.141592653589793238",
            "1e-400",
        ];
        for text in lost {
            assert!(!is_kept(&number(text)), "{text}");
        }
    }

    #[test]
    fn numbers_are_the_same_by_value_and_integers_exactly() {
        let same = [
            ("1", "1.0"),
            ("1e3", "1000"),
            ("-0", "0.0"),
            ("18446744073709551615", "1.8446744073709552e19"),
        ];
        for (one, other) in same {
            assert!(same_number(&number(one), &number(other)), "{one} {other}");
        }
        let other = [
            ("9007199254740993", "9007199254740992"),
            ("1", "1.5"),
            ("1", "-1"),
        ];
        for (one, other) in other {
            assert!(!same_number(&number(one), &number(other)), "{one} {other}");
        }
    }

    #[test]
    fn payloads_are_the_same_whatever_the_order_of_keys_and_not_with_another_key() {
        let payload = |text: &str| serde_json::from_str::<Payload>(text).unwrap();
        let one = payload(r#"{"a": [1, {"b": null}], "c": "x"}"#);
        assert!(same_payload(
            &one,
            &payload(r#"{"c": "x", "a": [1.0, {"b": null}]}"#)
        ));
        for other in [
            r#"{"c": "x"}"#,
            r#"{"a": [1, {"b": null}], "d": "x"}"#,
            r#"{"a": [1, {}], "c": "x"}"#,
            r#"{"a": [1], "c": "x"}"#,
            r#"{"a": [1, {"b": null}], "c": "x", "d": 1}"#,
            r#"{"a": [true, {"b": null}], "c": "x"}"#,
        ] {
            assert!(!same_payload(&one, &payload(other)), "{other}");
        }
    }
}
