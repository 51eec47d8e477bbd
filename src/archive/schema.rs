//! The columns of a part, as Arrow and as Parquet see them. `docs/archive.md`
//! describes them for other readers.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::point::{DenseField, Shape};

use super::error::ArchiveError;

/// What every part names as its writer: fixed, so that the same points give
/// the same bytes whatever the version.
pub(crate) const CREATED_BY: &str = "cf-migrate archive/1";
/// How lists name their elements, as the Parquet specification wants it.
const ELEMENT: &str = "element";
/// The columns before the vectors: id, id_kind, namespace.
pub(super) const LEADING_COLUMNS: usize = 3;

/// The element field of a list column; elements are never null.
pub(super) fn element(data_type: DataType) -> FieldRef {
    Arc::new(Field::new(ELEMENT, data_type, false))
}

/// The columns for points of `shape`.
pub(super) fn arrow_schema(shape: &Shape) -> Result<SchemaRef, ArchiveError> {
    check(shape)?;
    let mut fields = vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("id_kind", DataType::Utf8, false),
        Field::new("namespace", DataType::Utf8, true),
    ];
    for field in &shape.dense {
        let length = list_length(field)?;
        let list = DataType::FixedSizeList(element(DataType::Float32), length);
        fields.push(Field::new(dense_column(field), list, true));
    }
    for name in &shape.sparse {
        for (part, data_type) in [("indices", DataType::Int64), ("values", DataType::Float32)] {
            let column = format!("sparse.{name}.{part}");
            fields.push(Field::new(column, DataType::List(element(data_type)), true));
        }
    }
    fields.push(Field::new("payload", DataType::Utf8, false));
    if shape.data {
        fields.push(Field::new("data", DataType::Utf8, true));
    }
    Ok(Arc::new(Schema::new(fields)))
}

fn check(shape: &Shape) -> Result<(), ArchiveError> {
    let dense = shape.dense.iter().map(|field| field.name.as_str());
    for names in [
        dense.collect::<Vec<_>>(),
        shape.sparse.iter().map(String::as_str).collect(),
    ] {
        let distinct: HashSet<&str> = names.iter().copied().collect();
        if distinct.len() != names.len() {
            let reason = "two of their vectors have one name".to_owned();
            return Err(ArchiveError::UnfitShape { reason });
        }
    }
    Ok(())
}

fn list_length(field: &DenseField) -> Result<i32, ArchiveError> {
    match i32::try_from(field.dimensions) {
        Ok(length) if length > 0 => Ok(length),
        _ => Err(ArchiveError::UnfitShape {
            reason: format!(
                "the vector {:?} has {} dimensions",
                field.name, field.dimensions
            ),
        }),
    }
}

fn dense_column(field: &DenseField) -> String {
    match field.name.as_str() {
        "" => "vector".to_owned(),
        name => format!("vector.{name}"),
    }
}

/// How the columns are stored.
///
/// Vectors are stored as they are: the mantissas of embeddings are close to
/// noise, so compression would save less than a tenth (8 % with zstd on
/// `fixtures/project_docs.ndjson`) and cost time at every pass. Only the two
/// columns with few distinct values have a dictionary. There are no
/// statistics: readers of an archive go by position, never by value.
pub(super) fn writer_properties(schema: &Schema) -> WriterProperties {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is a zstd level"));
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(None)
        .set_compression(zstd);
    for column in ["id_kind", "namespace"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), true);
    }
    for field in schema.fields() {
        if matches!(field.data_type(), DataType::FixedSizeList(..)) {
            let path = [field.name().as_str(), "list", ELEMENT];
            let path = ColumnPath::new(path.map(str::to_owned).to_vec());
            properties = properties.set_column_compression(path, Compression::UNCOMPRESSED);
        }
    }
    properties.build()
}
