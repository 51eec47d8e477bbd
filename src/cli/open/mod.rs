//! Opens the places that a command line names.

mod account;
mod source;
mod target;

pub(super) use account::accounts;
pub(super) use source::{check_columns, export_first, origin, qdrant_target, source};
pub(super) use target::{entries, file_index, index_name};
