//! Which columns of a Parquet file are the id and the vector; all others are
//! payload.

use std::collections::HashSet;
use std::path::Path;

use arrow_schema::{DataType, Field, Schema};

use super::error::ParquetFileError;
use super::{id, value};

/// The names that a vector column is known by.
const VECTOR_NAMES: [&str; 4] = ["vector", "values", "embedding", "embeddings"];
/// The name that an id column is known by.
const ID_NAME: &str = "id";
/// How pandas calls an index that has no name: row numbers that nobody asked for.
const PANDAS_INDEX: &str = "__index_level_";

/// The columns that the operator has named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnChoice {
    /// The column of the ids; none for `id`.
    pub id: Option<String>,
    /// The column of the vectors; none where it is to be told by name or type.
    pub vector: Option<String>,
}

impl ColumnChoice {
    /// Whether nothing was chosen.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The columns that make a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) id: String,
    pub(super) vector: String,
}

impl Columns {
    /// The columns that were chosen, or that are meant by their names and types.
    pub(super) fn choose(
        path: &Path,
        schema: &Schema,
        choice: &ColumnChoice,
    ) -> Result<Self, ParquetFileError> {
        let columns = Self {
            id: choice.id.clone().unwrap_or_else(|| ID_NAME.to_owned()),
            vector: match &choice.vector {
                Some(name) => name.clone(),
                None => vector_column(path, schema)?,
            },
        };
        columns.check(path, schema)?;
        Ok(columns)
    }

    /// Whether a file has these columns, and others that can be payload.
    pub(super) fn check(&self, path: &Path, schema: &Schema) -> Result<(), ParquetFileError> {
        let refused = |reason: String, advice: &str| ParquetFileError::Columns {
            path: path.to_owned(),
            reason,
            advice: advice.to_owned(),
        };
        let mut names = HashSet::new();
        if let Some(twice) = schema
            .fields()
            .iter()
            .find(|field| !names.insert(field.name()))
        {
            let reason = format!("two columns have the name {:?}", twice.name());
            return Err(refused(reason, "write the file with distinct names"));
        }
        const NAME_ID: &str = "name the column of the ids with --id-column";
        const NAME_VECTOR: &str = "name a column of lists of floats with --vector-column";
        if self.id == self.vector {
            let reason = format!("the column {:?} cannot be both id and vector", self.id);
            return Err(refused(reason, NAME_ID));
        }
        let id = self
            .find(&self.id, schema)
            .map_err(|reason| refused(reason, NAME_ID))?;
        id::check(id).map_err(|reason| refused(reason, NAME_ID))?;
        let vector = self
            .find(&self.vector, schema)
            .map_err(|reason| refused(reason, NAME_VECTOR))?;
        if !is_vector(vector) {
            let (name, kind) = (vector.name(), vector.data_type());
            let reason = format!("the column {name:?} is of {kind}, not of lists of floats");
            return Err(refused(reason, NAME_VECTOR));
        }
        let payload = schema
            .fields()
            .iter()
            .filter(|field| self.is_payload(field));
        for field in payload {
            value::check(field).map_err(|reason| {
                let reason = format!("the column {:?} {reason}", field.name());
                refused(reason, "write the file without it, or with another type")
            })?;
        }
        Ok(())
    }

    /// Whether a column is read: all but the indexes of pandas.
    pub(super) fn is_wanted(&self, name: &str) -> bool {
        name == self.id || !name.starts_with(PANDAS_INDEX)
    }

    /// Whether a column is part of the payload.
    pub(super) fn is_payload(&self, field: &Field) -> bool {
        let name = field.name();
        *name != self.id && *name != self.vector && self.is_wanted(name)
    }

    fn find<'a>(&self, name: &str, schema: &'a Schema) -> Result<&'a Field, String> {
        schema
            .field_with_name(name)
            .map_err(|_| format!("there is no column {name:?} among {}", names(schema)))
    }
}

fn vector_column(path: &Path, schema: &Schema) -> Result<String, ParquetFileError> {
    let fields = schema.fields().iter();
    let candidates: Vec<&str> = fields
        .filter(|field| is_vector(field))
        .map(|field| field.name().as_str())
        .collect();
    let known: Vec<&str> = candidates
        .iter()
        .copied()
        .filter(|name| VECTOR_NAMES.contains(name))
        .collect();
    let reason = match (known.as_slice(), candidates.as_slice()) {
        ([one], _) | ([], [one]) => return Ok((*one).to_owned()),
        ([], []) => format!(
            "no column holds lists of floats; there are {}",
            names(schema)
        ),
        _ => format!(
            "several columns hold lists of floats: {}",
            quoted(&candidates)
        ),
    };
    Err(ParquetFileError::Columns {
        path: path.to_owned(),
        reason,
        advice: "name the column of the vectors with --vector-column".to_owned(),
    })
}

fn is_vector(field: &Field) -> bool {
    match field.data_type() {
        DataType::List(element) => element.data_type().is_floating(),
        _ => false,
    }
}

fn names(schema: &Schema) -> String {
    let fields = schema.fields().iter();
    quoted(
        &fields
            .map(|field| field.name().as_str())
            .collect::<Vec<_>>(),
    )
}

fn quoted(names: &[&str]) -> String {
    match names {
        [] => "no columns".to_owned(),
        names => {
            let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
            quoted.join(", ")
        }
    }
}
