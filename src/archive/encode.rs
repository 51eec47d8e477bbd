//! Points → columns. Points are checked against the shape here, and their
//! weight, an upper bound of what they take in the file, is taken.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Int64Array, ListArray, RecordBatch};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use serde_json::Value;

use crate::point::{Payload, Point, PointId, Shape, SparseVector, canonical_json};

use super::error::ArchiveError;
use super::schema::element;

/// How deep a payload may be nested: serde_json reads 127 levels back.
const MAX_PAYLOAD_DEPTH: usize = 127;
/// Definition and repetition levels of a list's element take at most 3 bits, so
/// that a byte for every two elements leaves room for page headers.
const ELEMENTS_PER_LEVEL_BYTE: usize = 2;
/// A UUID with its hyphens; an integer has at most 20 digits.
const LONGEST_UUID_OR_INTEGER: usize = 36;
/// Lengths, levels and framing of a value, whatever its type.
const VALUE_OVERHEAD: usize = 16;

/// A point that fits its shape, with its payload as text.
pub(super) struct Row<'a> {
    point: &'a Point,
    payload: String,
    weight: usize,
}

impl<'a> Row<'a> {
    /// Checks the point and takes its weight.
    pub(super) fn new(shape: &Shape, point: &'a Point) -> Result<Self, ArchiveError> {
        if let Some(reason) = misfit(shape, point) {
            let id = point.id.clone();
            return Err(ArchiveError::UnfitPoint { id, reason });
        }
        let payload = canonical_json(&point.payload);
        let weight = weight(point, &payload);
        Ok(Self {
            point,
            payload,
            weight,
        })
    }

    /// The point.
    pub(super) fn point(&self) -> &Point {
        self.point
    }

    /// An upper bound of the bytes that it takes in a part.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}

fn misfit(shape: &Shape, point: &Point) -> Option<String> {
    if point.dense.len() != shape.dense.len() || point.sparse.len() != shape.sparse.len() {
        return Some(format!(
            "it has {} dense and {} sparse vectors, its collection {} and {}",
            point.dense.len(),
            point.sparse.len(),
            shape.dense.len(),
            shape.sparse.len()
        ));
    }
    for (field, vector) in shape.dense.iter().zip(&point.dense) {
        let Some(vector) = vector else { continue };
        if vector.len() != field.dimensions {
            return Some(format!(
                "its vector {:?} has {} numbers, not {}",
                field.name,
                vector.len(),
                field.dimensions
            ));
        }
    }
    for (name, vector) in shape.sparse.iter().zip(&point.sparse) {
        let Some(vector) = vector else { continue };
        if vector.indices.len() != vector.values.len() {
            return Some(format!(
                "its sparse vector {name:?} has {} indices and {} values",
                vector.indices.len(),
                vector.values.len()
            ));
        }
    }
    if point.data.is_some() && !shape.data {
        return Some("it has a text beside its payload, its collection has none".to_owned());
    }
    unreadable_payload(&point.payload)
}

fn unreadable_payload(payload: &Payload) -> Option<String> {
    let too_deep = payload
        .values()
        .any(|value| deeper_than(value, MAX_PAYLOAD_DEPTH - 1));
    too_deep.then(|| format!("its payload is nested more than {MAX_PAYLOAD_DEPTH} levels deep"))
}

fn deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => true,
        Value::Array(items) => items.iter().any(|item| deeper_than(item, levels - 1)),
        Value::Object(object) => object.values().any(|item| deeper_than(item, levels - 1)),
        _ => false,
    }
}

fn weight(point: &Point, payload: &str) -> usize {
    let id_bytes = match &point.id {
        PointId::Text(text) => text.len(),
        PointId::Integer(_) | PointId::Uuid(_) => LONGEST_UUID_OR_INTEGER,
    };
    let namespace_bytes = point.namespace.as_ref().map_or(0, String::len);
    let list = |elements: usize, bytes_per_element: usize| {
        elements * bytes_per_element + elements / ELEMENTS_PER_LEVEL_BYTE + VALUE_OVERHEAD
    };
    let dense = point
        .dense
        .iter()
        .map(|vector| list(vector.as_ref().map_or(0, Vec::len), 4));
    let sparse = point.sparse.iter().map(|vector| {
        let elements = vector.as_ref().map_or(0, |vector| vector.indices.len());
        list(elements, 4) + list(elements, 8)
    });
    let data = point.data.as_ref().map_or(0, String::len);
    let text = id_bytes + namespace_bytes + payload.len() + data;
    // Incompressible text grows by less than one part in 64 under zstd.
    text + text / 64
        + (4 + usize::from(point.data.is_some())) * VALUE_OVERHEAD
        + dense.sum::<usize>()
        + sparse.sum::<usize>()
}

/// Rows on their way into a record batch, column by column.
pub(super) struct Rows {
    schema: SchemaRef,
    ids: StringBuilder,
    kinds: StringBuilder,
    namespaces: StringBuilder,
    dense: Vec<DenseColumn>,
    sparse: Vec<SparseColumn>,
    payloads: StringBuilder,
    /// None where the collection has no texts.
    data: Option<StringBuilder>,
    weight: usize,
}

impl Rows {
    /// No rows yet, of points of `shape`.
    pub(super) fn new(schema: SchemaRef, shape: &Shape) -> Self {
        let dense = shape
            .dense
            .iter()
            .map(|field| DenseColumn::new(field.dimensions));
        Self {
            schema,
            ids: StringBuilder::new(),
            kinds: StringBuilder::new(),
            namespaces: StringBuilder::new(),
            dense: dense.collect(),
            sparse: shape.sparse.iter().map(|_| SparseColumn::new()).collect(),
            payloads: StringBuilder::new(),
            data: shape.data.then(StringBuilder::new),
            weight: 0,
        }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: &Row<'_>) {
        let point = row.point;
        self.ids.append_value(point.id.to_string());
        self.kinds.append_value(point.id.kind());
        self.namespaces.append_option(point.namespace.as_deref());
        for (column, vector) in self.dense.iter_mut().zip(&point.dense) {
            column.push(vector.as_deref());
        }
        for (column, vector) in self.sparse.iter_mut().zip(&point.sparse) {
            column.push(vector.as_ref());
        }
        self.payloads.append_value(&row.payload);
        if let Some(column) = &mut self.data {
            column.append_option(point.data.as_deref());
        }
        self.weight += row.weight;
    }

    /// The weight of the rows.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// The rows as a batch; there are none afterwards.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.ids.finish()),
            Arc::new(self.kinds.finish()),
            Arc::new(self.namespaces.finish()),
        ];
        for column in &mut self.dense {
            columns.push(column.take()?);
        }
        for column in &mut self.sparse {
            columns.extend(column.take()?);
        }
        columns.push(Arc::new(self.payloads.finish()));
        if let Some(column) = &mut self.data {
            columns.push(Arc::new(column.finish()));
        }
        self.weight = 0;
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }
}

struct DenseColumn {
    dimensions: usize,
    values: Vec<f32>,
    present: NullBufferBuilder,
}

impl DenseColumn {
    fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            values: Vec::new(),
            present: NullBufferBuilder::new(0),
        }
    }

    fn push(&mut self, vector: Option<&[f32]>) {
        match vector {
            Some(vector) => self.values.extend_from_slice(vector),
            None => self.values.resize(self.values.len() + self.dimensions, 0.0),
        }
        self.present.append(vector.is_some());
    }

    fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let length = i32::try_from(self.dimensions)
            .map_err(|error| ArrowError::InvalidArgumentError(error.to_string()))?;
        let values = Float32Array::from(std::mem::take(&mut self.values));
        let list = FixedSizeListArray::try_new(
            element(DataType::Float32),
            length,
            Arc::new(values),
            self.present.finish(),
        )?;
        Ok(Arc::new(list))
    }
}

struct SparseColumn {
    lengths: Vec<usize>,
    indices: Vec<i64>,
    values: Vec<f32>,
    present: NullBufferBuilder,
}

impl SparseColumn {
    fn new() -> Self {
        Self {
            lengths: Vec::new(),
            indices: Vec::new(),
            values: Vec::new(),
            present: NullBufferBuilder::new(0),
        }
    }

    fn push(&mut self, vector: Option<&SparseVector>) {
        if let Some(vector) = vector {
            self.indices.extend_from_slice(&vector.indices);
            self.values.extend_from_slice(&vector.values);
        }
        self.lengths
            .push(vector.map_or(0, |vector| vector.indices.len()));
        self.present.append(vector.is_some());
    }

    fn take(&mut self) -> Result<[ArrayRef; 2], ArrowError> {
        let offsets = OffsetBuffer::<i32>::from_lengths(std::mem::take(&mut self.lengths));
        let present = self.present.finish();
        let indices = Int64Array::from(std::mem::take(&mut self.indices));
        let values = Float32Array::from(std::mem::take(&mut self.values));
        let indices = ListArray::try_new(
            element(DataType::Int64),
            offsets.clone(),
            Arc::new(indices),
            present.clone(),
        )?;
        let values = ListArray::try_new(
            element(DataType::Float32),
            offsets,
            Arc::new(values),
            present,
        )?;
        Ok([Arc::new(indices), Arc::new(values)])
    }
}
