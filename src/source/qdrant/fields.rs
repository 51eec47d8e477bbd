//! Which vectors are read, and putting a decoded point's vectors where they
//! belong, checked. Both decoders (gRPC and REST) end here; neither wire format
//! is known here.

use crate::point::{Payload, Point, PointId, Shape, SparseVector};

/// The vector fields of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    /// Those that are read.
    pub(super) shape: Shape,
    /// Names of multivector fields, which are not.
    pub(super) left_out: Vec<String>,
}

/// A vector as an answer holds it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RawVector {
    Dense(Vec<f32>),
    Sparse(SparseVector),
    Multi,
}

impl RawVector {
    fn kind(&self) -> &'static str {
        match self {
            Self::Dense(_) => "a dense vector",
            Self::Sparse(_) => "a sparse vector",
            Self::Multi => "a multivector",
        }
    }
}

/// What is wrong with one vector of an answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum VectorError {
    #[error("{} has length {found} instead of {expected}", called(name))]
    Length {
        name: String,
        found: usize,
        expected: usize,
    },
    #[error("{} is {found}, not {expected} as the collection says", called(name))]
    Kind {
        name: String,
        found: &'static str,
        expected: &'static str,
    },
    #[error("{} has {indices} positions but {values} values", called(name))]
    Sparse {
        name: String,
        indices: usize,
        values: usize,
    },
    #[error("{} was not in the collection when it was opened", called(name))]
    Unknown { name: String },
}

/// How messages call a vector: most have no name.
pub(super) fn called(name: &str) -> String {
    match name {
        "" => "the unnamed vector".to_owned(),
        name => format!("vector {name:?}"),
    }
}

impl Fields {
    /// The names to ask for; none when every vector is wanted.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        if self.left_out.is_empty() {
            return None;
        }
        let dense = self.shape.dense.iter().map(|field| &field.name);
        Some(dense.chain(&self.shape.sparse).cloned().collect())
    }

    /// How many numbers the dense vectors of one point have together.
    pub(super) fn numbers(&self) -> usize {
        self.shape.dense.iter().map(|field| field.dimensions).sum()
    }

    /// A point of these parts. A vector that the point lacks stays none; one
    /// that the collection was not said to have is an error, so that nothing is
    /// left behind in silence.
    pub(super) fn assemble(
        &self,
        id: PointId,
        payload: Payload,
        vectors: impl IntoIterator<Item = (String, RawVector)>,
    ) -> Result<Point, VectorError> {
        let mut point = Point {
            id,
            namespace: None,
            dense: vec![None; self.shape.dense.len()],
            sparse: vec![None; self.shape.sparse.len()],
            payload,
            data: None,
        };
        for (name, vector) in vectors {
            self.place(&mut point, name, vector)?;
        }
        Ok(point)
    }

    fn place(&self, point: &mut Point, name: String, vector: RawVector) -> Result<(), VectorError> {
        if let Some(position) = self.shape.dense_position(&name) {
            let expected = self.shape.dense[position].dimensions;
            point.dense[position] = Some(dense(name, vector, expected)?);
        } else if let Ok(position) = self.shape.sparse.binary_search(&name) {
            point.sparse[position] = Some(sparse(name, vector)?);
        } else if !self.left_out.contains(&name) {
            return Err(VectorError::Unknown { name });
        }
        Ok(())
    }
}

fn dense(name: String, vector: RawVector, expected: usize) -> Result<Vec<f32>, VectorError> {
    match vector {
        RawVector::Dense(values) if values.len() == expected => Ok(values),
        RawVector::Dense(values) => Err(VectorError::Length {
            name,
            found: values.len(),
            expected,
        }),
        other => Err(VectorError::Kind {
            name,
            found: other.kind(),
            expected: "a dense vector",
        }),
    }
}

fn sparse(name: String, vector: RawVector) -> Result<SparseVector, VectorError> {
    match vector {
        RawVector::Sparse(vector) if vector.indices.len() == vector.values.len() => Ok(vector),
        RawVector::Sparse(vector) => Err(VectorError::Sparse {
            name,
            indices: vector.indices.len(),
            values: vector.values.len(),
        }),
        other => Err(VectorError::Kind {
            name,
            found: other.kind(),
            expected: "a sparse vector",
        }),
    }
}
