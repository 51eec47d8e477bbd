//! Workers KV over REST: namespaces, keys, values, metadata, bulk calls. Limits
//! and codes: Cloudflare's KV API reference and limits page; where no code is
//! published, the choice is noted in `docs/sandbox.md`.

mod bulk;
pub(super) mod cache;
pub(super) mod entry;
mod keys;
pub(super) mod namespace;
mod rules;
mod value;

use super::Operation;
use super::reply::Answer;
use super::request::Incoming;
use super::store::Store;

/// Answers a call of Workers KV.
pub(super) fn answer(store: &Store, call: &Incoming) -> Answer {
    match call.operation {
        Operation::ListNamespaces => namespace::list(store, call),
        Operation::CreateNamespace => namespace::create(store, call),
        Operation::GetNamespace => namespace::get(store, call),
        Operation::RenameNamespace => namespace::rename(store, call),
        Operation::DeleteNamespace => namespace::delete(store, call),
        Operation::ListKeys => keys::list(store, call),
        Operation::ReadValue => value::read(store, call),
        Operation::WriteValue => value::write(store, call),
        Operation::DeleteValue => value::delete(store, call),
        Operation::ReadMetadata => value::read_metadata(store, call),
        Operation::BulkPut => bulk::put(store, call),
        Operation::BulkGet => bulk::get(store, call),
        _ => bulk::delete(store, call),
    }
}
