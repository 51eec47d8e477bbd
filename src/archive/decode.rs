//! Columns → points: the inverse of [`super::encode`]. Whatever does not fit is
//! damage, told as a reason; nothing is guessed.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array as _, FixedSizeListArray, ListArray, RecordBatch, StringArray};

use crate::point::{Payload, Point, PointId, PointName, Shape, SparseVector};

use super::schema::LEADING_COLUMNS;

/// The points of a batch whose columns are those of `shape`.
pub(super) fn points(batch: &RecordBatch, shape: &Shape) -> Result<Vec<Point>, String> {
    let columns = Columns::of(batch, shape);
    (0..batch.num_rows())
        .map(|row| columns.point(row))
        .collect()
}

/// The names of the points of a batch that has the leading columns alone.
pub(super) fn names(batch: &RecordBatch) -> Result<Vec<PointName>, String> {
    let names = Names::of(batch);
    (0..batch.num_rows()).map(|row| names.name(row)).collect()
}

/// The columns before the vectors.
struct Names<'a> {
    ids: &'a StringArray,
    kinds: &'a StringArray,
    namespaces: &'a StringArray,
}

impl<'a> Names<'a> {
    fn of(batch: &'a RecordBatch) -> Self {
        Self {
            ids: batch.column(0).as_string::<i32>(),
            kinds: batch.column(1).as_string::<i32>(),
            namespaces: batch.column(2).as_string::<i32>(),
        }
    }

    fn name(&self, row: usize) -> Result<PointName, String> {
        let (kind, text) = (self.kinds.value(row), self.ids.value(row));
        let id = PointId::from_parts(kind, text)
            .ok_or_else(|| format!("{text:?} is not an id of kind {kind:?}"))?;
        let has_namespace = self.namespaces.is_valid(row);
        Ok(PointName {
            id,
            namespace: has_namespace.then(|| self.namespaces.value(row).to_owned()),
        })
    }
}

struct Columns<'a> {
    names: Names<'a>,
    dense: Vec<&'a FixedSizeListArray>,
    sparse: Vec<(&'a ListArray, &'a ListArray)>,
    payloads: &'a StringArray,
    /// None where the collection has no texts.
    data: Option<&'a StringArray>,
}

impl<'a> Columns<'a> {
    /// The part reader has checked the batch's schema, so the types are known.
    fn of(batch: &'a RecordBatch, shape: &Shape) -> Self {
        let sparse_from = LEADING_COLUMNS + shape.dense.len();
        let payload_at = sparse_from + 2 * shape.sparse.len();
        let sparse = (sparse_from..payload_at).step_by(2).map(|at| {
            let indices = batch.column(at).as_list::<i32>();
            (indices, batch.column(at + 1).as_list::<i32>())
        });
        Self {
            names: Names::of(batch),
            dense: (LEADING_COLUMNS..sparse_from)
                .map(|at| batch.column(at).as_fixed_size_list())
                .collect(),
            sparse: sparse.collect(),
            payloads: batch.column(payload_at).as_string::<i32>(),
            data: shape
                .data
                .then(|| batch.column(payload_at + 1).as_string::<i32>()),
        }
    }

    fn point(&self, row: usize) -> Result<Point, String> {
        let PointName { id, namespace } = self.names.name(row)?;
        Ok(Point {
            id,
            namespace,
            dense: self.dense.iter().map(|column| dense(column, row)).collect(),
            sparse: self
                .sparse
                .iter()
                .map(|(indices, values)| sparse(indices, values, row))
                .collect::<Result<_, _>>()?,
            payload: self.payload(row)?,
            data: self
                .data
                .filter(|column| column.is_valid(row))
                .map(|column| column.value(row).to_owned()),
        })
    }

    fn payload(&self, row: usize) -> Result<Payload, String> {
        serde_json::from_str(self.payloads.value(row)).map_err(|error| {
            format!(
                "the payload of point {} is not JSON: {error}",
                self.names.ids.value(row)
            )
        })
    }
}

fn dense(column: &FixedSizeListArray, row: usize) -> Option<Vec<f32>> {
    let length = usize::try_from(column.value_length()).unwrap_or_default();
    let numbers = column.values().as_primitive::<Float32Type>().values();
    column
        .is_valid(row)
        .then(|| numbers[column.value_offset_at(row)..][..length].to_vec())
}

fn sparse(
    indices: &ListArray,
    values: &ListArray,
    row: usize,
) -> Result<Option<SparseVector>, String> {
    match (indices.is_valid(row), values.is_valid(row)) {
        (false, false) => return Ok(None),
        (true, true) if indices.value_length(row) == values.value_length(row) => {}
        _ => return Err("a sparse vector's indices and values differ in number".to_owned()),
    }
    Ok(Some(SparseVector {
        indices: indices
            .value(row)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec(),
        values: values
            .value(row)
            .as_primitive::<Float32Type>()
            .values()
            .to_vec(),
    }))
}
