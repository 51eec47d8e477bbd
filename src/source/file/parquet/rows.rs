//! Rows of a batch → points.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use arrow_schema::Field;

use super::columns::Columns;
use super::dataset::DataFile;
use super::vector::Loss;
use super::{id, value, vector};
use crate::point::{Extent, MAX_PAYLOAD_LEVELS, Payload, Point};
use crate::source::file::lines::MAX_LINE_BYTES;

/// What reading has changed, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Changes {
    /// Of the vectors.
    pub(super) loss: Loss,
    /// Payload numbers that became null.
    pub(super) not_finite: u64,
}

/// Reads rows of a file whose columns were checked.
pub(super) struct Rows<'a> {
    pub(super) columns: &'a Columns,
    pub(super) dimensions: usize,
    pub(super) file: &'a DataFile,
}

impl Rows<'_> {
    /// The point in that row of the batch, or the reason why it is none.
    pub(super) fn point(
        &self,
        batch: &RecordBatch,
        row: usize,
        changes: &mut Changes,
    ) -> Result<Point, String> {
        let column = |name: &str| {
            let column = batch.column_by_name(name);
            column.ok_or_else(|| format!("the column {name:?} is missing"))
        };
        let lists = column(&self.columns.vector)?;
        let lists = lists
            .as_list_opt::<i32>()
            .ok_or("the vectors are not lists")?;
        let values = vector::of(lists, row, &self.columns.vector, &mut changes.loss)?;
        if let Some(values) = &values {
            self.check_length(values.len())?;
        }
        Ok(Point {
            id: id::of(column(&self.columns.id)?, row)?,
            namespace: None,
            dense: vec![values],
            sparse: Vec::new(),
            payload: self.payload(batch, row, &mut changes.not_finite)?,
            data: None,
        })
    }

    fn check_length(&self, length: usize) -> Result<(), String> {
        if length == self.dimensions {
            return Ok(());
        }
        Err(format!(
            "{:?} has {length} numbers, the rows before have {}",
            self.columns.vector, self.dimensions
        ))
    }

    fn payload(
        &self,
        batch: &RecordBatch,
        row: usize,
        not_finite: &mut u64,
    ) -> Result<Payload, String> {
        let mut payload: Payload = self.file.partitions.iter().cloned().collect();
        let schema = batch.schema_ref();
        let columns = schema.fields().iter().zip(batch.columns());
        for (field, column) in columns.filter(|(field, _)| self.columns.is_payload(field)) {
            let field: &Field = field;
            let value = value::of(field, column, row, not_finite)
                .map_err(|reason| format!("{:?} {reason}", field.name()))?;
            payload.insert(field.name().clone(), value);
        }
        let Extent { levels, bytes } = Extent::of(&payload);
        if levels > MAX_PAYLOAD_LEVELS {
            return Err(format!(
                "the payload nests {levels} levels deep; up to {MAX_PAYLOAD_LEVELS} are read"
            ));
        }
        if bytes > MAX_LINE_BYTES {
            let mebibytes = MAX_LINE_BYTES >> 20;
            return Err(format!("the payload is larger than {mebibytes} MiB"));
        }
        Ok(payload)
    }
}
