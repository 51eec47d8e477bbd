//! How a Parquet file is read.

use clap::Args;

use crate::source::file::ColumnChoice;

/// Which columns of Parquet are what; the others are payload.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Parquet files")]
pub(in crate::cli) struct ColumnArgs {
    /// Column of the ids [default: id]
    #[arg(long, value_name = "COLUMN")]
    pub id_column: Option<String>,
    /// Column of the vectors [default: vector, values, embedding(s), or the only list of floats]
    #[arg(long, value_name = "COLUMN")]
    pub vector_column: Option<String>,
}

impl ColumnArgs {
    /// The columns that were named.
    pub(in crate::cli) fn choice(&self) -> ColumnChoice {
        ColumnChoice {
            id: self.id_column.clone(),
            vector: self.vector_column.clone(),
        }
    }
}
