//! The client of one Cloudflare account: Vectorize V2 ([`vectorize`]) and
//! Workers KV ([`kv`]). Envelopes are read in `envelope`, error codes in
//! `codes`; how calls are repeated is [`crate::http`]'s business. The wire
//! types are this client's own: the sandbox has others.

mod account;
mod call;
mod codes;
mod envelope;
pub mod error;
mod guidance;
pub mod ids;
pub mod kv;
pub mod vectorize;
mod wire;

pub use account::{Account, KvNamespace};
pub use call::Operation;
pub use error::{ApiError, Note, Refusal};
pub use ids::{AccountId, IdError, IndexName, KeyCursor, KvNamespaceId, ListCursor, MutationId};
pub use kv::{KeyEntry, KeyPage, Kv, KvPair, KvValue, MAX_BULK_KEYS, MAX_GET_KEYS, Unsuccessful};
pub use vectorize::{
    IndexDescription, IndexInfo, LIST_PAGE_IDS, ListPage, MAX_DELETE_IDS, MAX_GET_IDS,
    StoredVector, Vectorize,
};

#[cfg(test)]
mod tests;
