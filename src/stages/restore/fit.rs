//! What an archived point becomes in Qdrant: the pure function point → point whose
//! id, payload and vectors Qdrant can hold, or why there is none.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value;
use uuid::Uuid;

use super::numbers;
use crate::point::{Point, PointId, SparseVector};

/// Where goes what Qdrant has no place for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fitting {
    /// The payload's field for the namespace.
    pub namespace_field: Option<String>,
    /// The payload's field for Upstash's text.
    pub data_field: Option<String>,
}

/// Why a point has no place in Qdrant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Unfit {
    /// Its id.
    Id,
    /// It is in a namespace, and no field was named for that.
    Namespace,
    /// It has a text beside the payload, and no field was named for that.
    Data,
    /// A field that was named is in the payload already.
    Taken,
    /// A position of a sparse vector.
    Sparse,
    /// A number of the payload.
    Number,
    /// Another point has its id.
    Collision,
}

impl Unfit {
    /// What to do about it.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::Id => {
                "Qdrant takes unsigned 64-bit integers and UUIDs (in lower case) as ids and no others: restore into a service that takes these"
            }
            Self::Namespace => {
                "name a field of the payload that the namespace is kept in: --namespace-field NAME"
            }
            Self::Data => "name a field of the payload that the text is kept in: --data-field NAME",
            Self::Taken => "name a field that no payload has: --namespace-field, --data-field",
            Self::Sparse => {
                "positions of a sparse vector are integers from 0 to 4294967295, each once"
            }
            Self::Number => "no number of a payload may be beyond ±1.8e308",
            Self::Collision => {
                "Qdrant knows no namespaces, so an id is unique in a whole collection: restore the namespaces into collections of their own"
            }
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "have an id that is neither an unsigned 64-bit integer nor a UUID",
            Self::Namespace => "are in a namespace, which Qdrant does not have",
            Self::Data => "have a text beside the payload, which Qdrant does not have",
            Self::Taken => "have a payload with the field that was named for something else",
            Self::Sparse => "have a sparse vector with a position that Qdrant cannot hold",
            Self::Number => "have a number in the payload that Qdrant cannot hold",
            Self::Collision => "have an id that an earlier point has",
        })
    }
}

/// The point as Qdrant can hold it.
pub(super) fn fit(fitting: &Fitting, point: Point) -> Result<Point, Unfit> {
    let mut point = Point {
        id: id(point.id)?,
        ..point
    };
    let namespace = point.namespace.take();
    let data = point.data.take();
    place(
        &mut point,
        &fitting.namespace_field,
        namespace,
        Unfit::Namespace,
    )?;
    place(&mut point, &fitting.data_field, data, Unfit::Data)?;
    if !point.sparse.iter().flatten().all(is_sound) {
        return Err(Unfit::Sparse);
    }
    match numbers::all_finite(&point.payload) {
        true => Ok(point),
        false => Err(Unfit::Number),
    }
}

/// Text counts where Qdrant gives back the very same text.
fn id(id: PointId) -> Result<PointId, Unfit> {
    let PointId::Text(text) = id else {
        return Ok(id);
    };
    let integer = text.parse().map(PointId::Integer).ok();
    let uuid = || Uuid::try_parse(&text).map(PointId::Uuid).ok();
    let known = integer.or_else(uuid);
    known.filter(|id| id.to_string() == text).ok_or(Unfit::Id)
}

fn place(
    point: &mut Point,
    field: &Option<String>,
    value: Option<String>,
    homeless: Unfit,
) -> Result<(), Unfit> {
    let Some(value) = value else { return Ok(()) };
    let Some(field) = field else {
        return Err(homeless);
    };
    let value = Value::String(value);
    match point.payload.insert(field.clone(), value.clone()) {
        Some(other) if other != value => Err(Unfit::Taken),
        _ => Ok(()),
    }
}

fn is_sound(vector: &SparseVector) -> bool {
    let mut seen = HashSet::with_capacity(vector.indices.len());
    let indices = &mut vector.indices.iter();
    indices.all(|index| u32::try_from(*index).is_ok() && seen.insert(*index))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn point(id: PointId, payload: Value) -> Point {
        let Value::Object(payload) = payload else {
            panic!("a payload is an object");
        };
        Point {
            id,
            namespace: None,
            dense: Vec::new(),
            sparse: Vec::new(),
            payload,
            data: None,
        }
    }

    #[test]
    fn text_is_an_id_where_qdrant_gives_the_same_text_back() {
        let fitted = |text: &str| {
            let point = point(PointId::Text(text.to_owned()), json!({}));
            fit(&Fitting::default(), point).map(|point| point.id)
        };
        assert_eq!(
            fitted("18446744073709551615"),
            Ok(PointId::Integer(u64::MAX))
        );
        let uuid = "a3bb189e-8bf9-3888-9912-ace4e6543002";
        assert_eq!(fitted(uuid), Ok(PointId::Uuid(uuid.parse().unwrap())));
        let upper = uuid.to_uppercase();
        let simple = uuid.replace('-', "");
        for text in [
            "",
            "007",
            "+7",
            "-1",
            "18446744073709551616",
            "a_1",
            &upper,
            &simple,
        ] {
            assert_eq!(fitted(text), Err(Unfit::Id), "{text:?}");
        }
    }

    #[test]
    fn what_qdrant_has_no_place_for_goes_into_the_payload_where_a_field_is_named() {
        let homeless = Point {
            namespace: Some("eu".to_owned()),
            data: Some("hello".to_owned()),
            ..point(PointId::Integer(1), json!({ "a": 1, "n": "eu" }))
        };
        let with = |namespace: Option<&str>, data: Option<&str>| {
            let fitting = Fitting {
                namespace_field: namespace.map(str::to_owned),
                data_field: data.map(str::to_owned),
            };
            fit(&fitting, homeless.clone())
        };
        assert_eq!(with(None, Some("d")), Err(Unfit::Namespace));
        assert_eq!(with(Some("tenant"), None), Err(Unfit::Data));
        assert_eq!(with(Some("a"), Some("d")), Err(Unfit::Taken));
        assert_eq!(with(Some("tenant"), Some("tenant")), Err(Unfit::Taken));
        let fitted = with(Some("n"), Some("text")).unwrap();
        assert_eq!((&fitted.namespace, &fitted.data), (&None, &None));
        let payload = Value::Object(fitted.payload);
        assert_eq!(payload, json!({ "a": 1, "n": "eu", "text": "hello" }));
    }

    #[test]
    fn sparse_positions_are_u32_and_each_is_there_once() {
        let with = |indices: &[i64]| {
            let mut point = point(PointId::Integer(1), json!({}));
            point.sparse = vec![Some(SparseVector {
                indices: indices.to_vec(),
                values: vec![1.0; indices.len()],
            })];
            fit(&Fitting::default(), point).map(drop)
        };
        assert_eq!(with(&[4_294_967_295, 0]), Ok(()));
        for indices in [&[-1][..], &[4_294_967_296], &[3, 3]] {
            assert_eq!(with(indices), Err(Unfit::Sparse), "{indices:?}");
        }
    }

    #[test]
    fn a_number_beyond_every_double_has_no_place() {
        let payload: Value = serde_json::from_str(r#"{"a": [{"b": -1e400}]}"#).unwrap();
        let unfit = fit(&Fitting::default(), point(PointId::Integer(1), payload));
        assert_eq!(unfit.map(drop), Err(Unfit::Number));
    }
}
