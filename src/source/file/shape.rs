//! What the points of a file are made of: learned from its first lines, and
//! held against all others.

use std::collections::BTreeMap;

use crate::point::{DenseField, Point, Shape, SparseVector};

use super::form::{Form, Line, Vector};

/// How many lines the shape is learned from.
pub(super) const LEARNED_LINES: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VectorKind {
    Dense { dimensions: usize },
    Sparse,
}

impl VectorKind {
    fn of(vector: &Vector) -> Self {
        match vector {
            Vector::Dense(values) => Self::Dense {
                dimensions: values.len(),
            },
            Vector::Sparse(_) => Self::Sparse,
        }
    }
}

/// The vectors that lines have, by name.
#[derive(Debug, Clone)]
pub(super) struct Vectors {
    form: Form,
    kinds: BTreeMap<String, VectorKind>,
}

impl Vectors {
    /// None yet, of lines of `form`.
    pub(super) fn new(form: Form) -> Self {
        Self {
            form,
            kinds: BTreeMap::new(),
        }
    }

    /// The form of the lines.
    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Adds what a line has; the reason when it contradicts the lines before.
    pub(super) fn learn(&mut self, line: &Line) -> Result<(), String> {
        for (name, vector) in line.vectors.iter().flatten() {
            match self.kinds.get(name) {
                Some(known) => self.compare(name, *known, vector)?,
                None => {
                    self.kinds.insert(name.clone(), VectorKind::of(vector));
                }
            }
        }
        Ok(())
    }

    /// Whether a line may leave its vectors out, now that all names are known.
    pub(super) fn check_presence(&self, line: &Line) -> Result<(), String> {
        let unnamed = self.kinds.contains_key("");
        if line.vectors.is_none() && (unnamed || self.kinds.is_empty()) {
            return Err(format!("{:?} is missing", self.form.vector_key()));
        }
        Ok(())
    }

    fn compare(&self, name: &str, known: VectorKind, vector: &Vector) -> Result<(), String> {
        let found = VectorKind::of(vector);
        if found == known {
            return Ok(());
        }
        let called = match name {
            "" => format!("{:?}", self.form.vector_key()),
            name => format!("vector {name:?}"),
        };
        Err(match (found, known) {
            (
                VectorKind::Dense { dimensions },
                VectorKind::Dense {
                    dimensions: expected,
                },
            ) => {
                format!("{called} has {dimensions} numbers, the lines before have {expected}")
            }
            (VectorKind::Sparse, _) => {
                format!("{called} is sparse, in the lines before it is dense")
            }
            (_, VectorKind::Sparse) => {
                format!("{called} is dense, in the lines before it is sparse")
            }
        })
    }

    /// The shape.
    pub(super) fn shape(&self) -> Shape {
        let mut shape = Shape::default();
        for (name, kind) in &self.kinds {
            match *kind {
                VectorKind::Sparse => shape.sparse.push(name.clone()),
                VectorKind::Dense { dimensions } => shape.dense.push(DenseField {
                    name: name.clone(),
                    dimensions,
                    distance: None,
                }),
            }
        }
        shape
    }

    /// The line as a point of `shape`, which is [`Vectors::shape`].
    pub(super) fn fit(&self, line: Line, shape: &Shape) -> Result<Point, String> {
        self.check_presence(&line)?;
        let mut dense: Vec<Option<Vec<f32>>> = vec![None; shape.dense.len()];
        let mut sparse: Vec<Option<SparseVector>> = vec![None; shape.sparse.len()];
        for (name, vector) in line.vectors.into_iter().flatten() {
            let known = self.kinds.get(&name).ok_or_else(|| {
                format!("vector {name:?} does not occur in the first {LEARNED_LINES} lines")
            })?;
            self.compare(&name, *known, &vector)?;
            match vector {
                Vector::Dense(values) => {
                    let at = shape.dense_position(&name);
                    dense[at.expect("every dense name is in the shape")] = Some(values);
                }
                Vector::Sparse(vector) => {
                    let at = shape.sparse.iter().position(|known| *known == name);
                    sparse[at.expect("every sparse name is in the shape")] = Some(vector);
                }
            }
        }
        Ok(Point {
            id: line.id,
            namespace: line.namespace,
            dense,
            sparse,
            payload: line.payload,
            data: None,
        })
    }
}
