//! Vectorize V2. Limits and codes are those of Cloudflare's pages on limits,
//! inserting, querying, listing and filtering; where none is published, the
//! choice is noted in `docs/sandbox.md`.

pub(super) mod filter;
pub(super) mod index;
mod line;
mod property;
mod query;
pub(super) mod queue;
mod read;
mod rules;
mod vector;
mod walk;
mod write;

pub(super) use vector::{COLUMNS, StoredRow, to_bytes};

use super::Operation;
use super::reply::Answer;
use super::request::Incoming;
use super::store::Store;

/// Answers a call of Vectorize.
pub(super) fn answer(store: &Store, call: &Incoming) -> Answer {
    match call.operation {
        Operation::CreateIndex => index::create(store, call),
        Operation::ListIndexes => index::list(store),
        Operation::GetIndex => index::get(store, call),
        Operation::DeleteIndex => index::delete(store, call),
        Operation::IndexInfo => index::info(store, call),
        Operation::Insert | Operation::Upsert => write::write(store, call),
        Operation::DeleteByIds => write::delete_by_ids(store, call),
        Operation::GetByIds => read::get_by_ids(store, call),
        Operation::ListVectors => walk::list(store, call),
        Operation::Query => query::query(store, call),
        Operation::CreateMetadataIndex => property::create(store, call),
        Operation::ListMetadataIndexes => property::list(store, call),
        _ => property::delete(store, call),
    }
}
