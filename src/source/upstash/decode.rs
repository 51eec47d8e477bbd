//! Vectors as `range` and `fetch` give them. Numbers go from text straight to
//! `f32`, metadata keeps the digits of its own; whatever does not fit is an error
//! that names the vector.

use super::Namespace;
use crate::point::{DenseField, Distance, Payload, Point, PointId, Shape, SparseVector};
use crate::source::json::{RawObject, Type, floats, integers, shown, without_position};

/// What the sparse part of a hybrid index is called; in Upstash it has no name.
const SPARSE: &str = "sparse";

/// What the vectors of an index are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) dimensions: usize,
    pub(super) distance: Option<Distance>,
    /// Whether there is a sparse part beside the dense one.
    pub(super) hybrid: bool,
}

/// Why an answer cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("the answer is not as documented: {0}")]
    Form(String),
    #[error("vector {id:?}: {reason}")]
    Vector { id: String, reason: String },
}

/// A page as it came.
#[derive(Debug)]
pub(super) struct RangePage<T> {
    pub(super) items: Vec<T>,
    /// None at the end.
    pub(super) next: Option<String>,
}

impl Fields {
    /// The same in everybody's terms.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            dense: vec![DenseField {
                name: String::new(),
                dimensions: self.dimensions,
                distance: self.distance,
            }],
            sparse: self.hybrid.then(|| SPARSE.to_owned()).into_iter().collect(),
            data: true,
        }
    }

    fn point(&self, namespace: &Namespace, mut wire: RawObject<'_>) -> Result<Point, DecodeError> {
        let id = id(&mut wire)?;
        self.assemble(namespace, &id, wire)
            .map_err(|reason| DecodeError::Vector { id, reason })
    }

    fn assemble(
        &self,
        namespace: &Namespace,
        id: &str,
        mut wire: RawObject<'_>,
    ) -> Result<Point, String> {
        let sparse = wire.take("sparseVector").map(sparse).transpose()?;
        let sparse = match (self.hybrid, sparse) {
            (true, sparse) => vec![sparse],
            (false, None) => Vec::new(),
            (false, Some(_)) => {
                return Err("it has a sparse vector, which a dense index does not have".to_owned());
            }
        };
        Ok(Point {
            id: PointId::Text(id.to_owned()),
            namespace: namespace.clone(),
            dense: vec![
                wire.take("vector")
                    .map(|text| self.dense(text))
                    .transpose()?,
            ],
            sparse,
            payload: metadata(wire.take("metadata"))?,
            data: data(wire.take("data"))?,
        })
    }

    fn dense(&self, text: &str) -> Result<Vec<f32>, String> {
        let values = floats(text, "the vector")?;
        match values.len() == self.dimensions {
            true => Ok(values),
            false => Err(format!(
                "it has {} dimensions, and the index has {}",
                values.len(),
                self.dimensions
            )),
        }
    }
}

/// The points of a page.
pub(super) fn points(
    fields: &Fields,
    namespace: &Namespace,
    result: &str,
) -> Result<RangePage<Point>, DecodeError> {
    page(result, |wire| fields.point(namespace, wire))
}

/// The ids of a page.
pub(super) fn ids(result: &str) -> Result<RangePage<String>, DecodeError> {
    page(result, |mut wire| id(&mut wire))
}

/// The points of an answer to `fetch`; what does not exist is null.
pub(super) fn fetched(
    fields: &Fields,
    namespace: &Namespace,
    result: &str,
) -> Result<Vec<Point>, DecodeError> {
    let wire: Vec<Option<RawObject<'_>>> = read(result)?;
    let found = wire.into_iter().flatten();
    found.map(|wire| fields.point(namespace, wire)).collect()
}

fn page<T>(
    result: &str,
    item: impl Fn(RawObject<'_>) -> Result<T, DecodeError>,
) -> Result<RangePage<T>, DecodeError> {
    let mut page = RawObject::parse(result).map_err(form)?;
    let vectors = page
        .take("vectors")
        .ok_or_else(|| DecodeError::Form("it has no `vectors`".to_owned()))?;
    let wire: Vec<RawObject<'_>> = read(vectors)?;
    Ok(RangePage {
        items: wire.into_iter().map(item).collect::<Result<_, _>>()?,
        next: next_cursor(page.take("nextCursor"))?,
    })
}

/// The end is the empty text; null and absent are taken for it too.
fn next_cursor(text: Option<&str>) -> Result<Option<String>, DecodeError> {
    let cursor = match text {
        None => return Ok(None),
        Some(text) if Type::of(text) == Type::Text => read::<String>(text)?,
        Some(text) if Type::of(text) == Type::Number => text.to_owned(),
        Some(text) => {
            return Err(DecodeError::Form(format!(
                "`nextCursor` is {}",
                shown(text)
            )));
        }
    };
    Ok((!cursor.is_empty()).then_some(cursor))
}

/// The id; a number becomes its decimal text.
fn id(wire: &mut RawObject<'_>) -> Result<String, DecodeError> {
    let text = wire.take("id");
    let id = match text.map(Type::of) {
        Some(Type::Text) => text.map(read::<String>).transpose()?,
        Some(Type::Number) => text.map(str::to_owned),
        _ => None,
    };
    id.filter(|id| !id.is_empty()).ok_or_else(|| {
        let shown = text.map_or_else(|| "none".to_owned(), shown);
        DecodeError::Form(format!("the id of a vector is {shown}"))
    })
}

fn sparse(text: &str) -> Result<SparseVector, String> {
    let bad = |error: serde_json::Error| format!("its sparse vector: {}", without_position(&error));
    let mut parts = RawObject::parse(text).map_err(bad)?;
    let indices = integers(parts.take("indices").unwrap_or("[]"), "its sparse indices")?;
    let values = floats(parts.take("values").unwrap_or("[]"), "its sparse values")?;
    match indices.len() == values.len() {
        true => Ok(SparseVector { indices, values }),
        false => Err(format!(
            "its sparse vector has {} indices but {} values",
            indices.len(),
            values.len()
        )),
    }
}

fn metadata(text: Option<&str>) -> Result<Payload, String> {
    match text {
        None => Ok(Payload::new()),
        Some(text) if Type::of(text) == Type::Object => serde_json::from_str(text)
            .map_err(|error| format!("its metadata: {}", without_position(&error))),
        Some(text) => Err(format!("its metadata is {}, not an object", Type::of(text))),
    }
}

fn data(text: Option<&str>) -> Result<Option<String>, String> {
    match text {
        None => Ok(None),
        Some(text) if Type::of(text) == Type::Text => serde_json::from_str(text)
            .map(Some)
            .map_err(|error| format!("its data: {}", without_position(&error))),
        Some(text) => Err(format!("its data is {}, not a string", Type::of(text))),
    }
}

fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(form)
}

fn form(error: serde_json::Error) -> DecodeError {
    DecodeError::Form(without_position(&error))
}

#[cfg(test)]
mod tests;
