//! A point as an upsert carries it: the inverse of `convert`, apart from it so that
//! what one misreads the other does not hide.

use std::collections::HashMap;

use qdrant_client::qdrant::vector::Vector as WireVector;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{
    DenseVector, NamedVectors, PointStruct, SparseVector as WireSparse, Vector, Vectors,
};

use super::super::convert;
use crate::point::{Point, Shape, SparseVector};

/// None for an id, a position or a number that Qdrant cannot hold.
pub(super) fn wire(shape: &Shape, point: &Point) -> Option<PointStruct> {
    Some(PointStruct {
        id: Some(convert::wire_id(&point.id)?),
        payload: convert::wire_payload(&point.payload)?,
        vectors: Some(vectors(shape, point)?),
    })
}

/// A single unnamed vector stands alone; all others by name, the unnamed one under
/// the empty name. A point without vectors has an empty map, not nothing: the server
/// refuses points that say nothing of vectors.
fn vectors(shape: &Shape, point: &Point) -> Option<Vectors> {
    let options = match (shape.dense.as_slice(), point.dense.as_slice()) {
        ([field], [Some(values)]) if field.name.is_empty() && shape.sparse.is_empty() => {
            VectorsOptions::Vector(dense(values))
        }
        _ => VectorsOptions::Vectors(NamedVectors {
            vectors: named(shape, point)?,
        }),
    };
    Some(Vectors {
        vectors_options: Some(options),
    })
}

fn named(shape: &Shape, point: &Point) -> Option<HashMap<String, Vector>> {
    let mut named = HashMap::new();
    for (field, values) in shape.dense.iter().zip(&point.dense) {
        if let Some(values) = values {
            named.insert(field.name.clone(), dense(values));
        }
    }
    for (name, vector) in shape.sparse.iter().zip(&point.sparse) {
        if let Some(vector) = vector {
            named.insert(name.clone(), sparse(vector)?);
        }
    }
    Some(named)
}

fn dense(values: &[f32]) -> Vector {
    let data = values.to_vec();
    Vector {
        vector: Some(WireVector::Dense(DenseVector { data })),
        ..Vector::default()
    }
}

fn sparse(vector: &SparseVector) -> Option<Vector> {
    let indices = vector.indices.iter();
    let indices = indices.map(|index| u32::try_from(*index).ok());
    Some(Vector {
        vector: Some(WireVector::Sparse(WireSparse {
            values: vector.values.clone(),
            indices: indices.collect::<Option<_>>()?,
        })),
        ..Vector::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::point::{DenseField, PointId};

    fn shape(dense: &[&str], sparse: &[&str]) -> Shape {
        let dense = dense.iter().map(|name| DenseField {
            name: (*name).to_owned(),
            dimensions: 2,
            distance: None,
        });
        Shape {
            dense: dense.collect(),
            sparse: sparse.iter().map(|name| (*name).to_owned()).collect(),
            data: false,
        }
    }

    fn point(dense: Vec<Option<Vec<f32>>>, sparse: Vec<Option<SparseVector>>) -> Point {
        Point {
            id: PointId::Integer(7),
            namespace: None,
            dense,
            sparse,
            payload: serde_json::Map::new(),
            data: None,
        }
    }

    fn options(shape: &Shape, point: &Point) -> VectorsOptions {
        let wire = wire(shape, point).unwrap();
        wire.vectors.unwrap().vectors_options.unwrap()
    }

    #[test]
    fn an_unnamed_vector_stands_alone_unless_there_are_others() {
        let alone = point(vec![Some(vec![1.0, 2.0])], vec![]);
        let options_alone = options(&shape(&[""], &[]), &alone);
        assert!(matches!(options_alone, VectorsOptions::Vector(_)));
        let with_sparse = point(vec![Some(vec![1.0, 2.0])], vec![None]);
        let VectorsOptions::Vectors(named) = options(&shape(&[""], &["words"]), &with_sparse)
        else {
            panic!("a collection with a sparse vector takes vectors by name");
        };
        assert_eq!(named.vectors.into_keys().collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn a_point_without_vectors_says_so() {
        let VectorsOptions::Vectors(named) =
            options(&shape(&[""], &[]), &point(vec![None], vec![]))
        else {
            panic!("no vector is an empty map");
        };
        assert!(named.vectors.is_empty());
    }

    #[test]
    fn what_qdrant_cannot_hold_is_no_point() {
        let sparse = |index| SparseVector {
            indices: vec![index],
            values: vec![1.0],
        };
        let of = |index| point(vec![], vec![Some(sparse(index))]);
        let shape = shape(&[], &["words"]);
        assert!(wire(&shape, &of(i64::from(u32::MAX))).is_some());
        assert!(wire(&shape, &of(i64::from(u32::MAX) + 1)).is_none());
        assert!(wire(&shape, &of(-1)).is_none());
        let mut text = point(vec![], vec![None]);
        text.id = PointId::Text("a_1".to_owned());
        assert!(wire(&shape, &text).is_none());
        let mut huge = point(vec![], vec![None]);
        huge.payload = serde_json::from_str(r#"{"a": [{"b": 1e999}]}"#).unwrap();
        assert!(wire(&shape, &huge).is_none());
        huge.payload = json!({ "a": 1 }).as_object().unwrap().clone();
        assert!(wire(&shape, &huge).is_some());
    }
}
