//! One Vectorize V2 index: the calls that a migration makes, at most as large
//! as the service takes them. Splitting, pacing and settling are the callers'.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use crate::cloudflare::account::Account;
use crate::cloudflare::call::{self, Operation};
use crate::cloudflare::error::ApiError;
use crate::cloudflare::ids::{IndexName, ListCursor, MutationId, encoded};
use crate::cloudflare::wire::{self, DescriptionWire, InfoWire, ListWire, MutationWire};
use crate::http::{Counters, OnGone, Request};
use crate::point::Payload;
use crate::record::{Metric, VectorId};

/// The most ids of one get_by_ids call (observed; code 40007 above).
pub const MAX_GET_IDS: usize = 20;
/// The most ids of one delete_by_ids call (observed; code 40007 above).
pub const MAX_DELETE_IDS: usize = 100;
/// Ids on a page of the listing, the most there can be (Vectorize list page).
pub const LIST_PAGE_IDS: usize = 1_000;

/// The largest answer that is read where it says a few things alone.
pub(crate) const SMALL_ANSWER_BYTES: usize = 1 << 20;
/// The largest page of ids: about five times one of the longest ids, every byte of
/// them an escape.
const LIST_ANSWER_BYTES: usize = 2 << 20;
/// The largest answer with vectors: three times twenty of the most numbers and the
/// largest metadata.
const VECTORS_ANSWER_BYTES: usize = 8 << 20;

/// What an upsert is called in messages.
const UPSERT: &str = "upsert into";
/// The permission for reading.
const READ: &str = "Vectorize Read";
/// The permission for writing, which includes reading.
pub(crate) const WRITE: &str = "Vectorize Write";

/// One index of the account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Vectorize {
    account: Account,
    name: IndexName,
}

/// What an index was created as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDescription {
    /// Its name.
    pub name: String,
    /// Numbers in each vector.
    pub dimensions: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// When it was created, as the service writes it (RFC 3339).
    pub created_on: Option<String>,
}

/// How far an index has applied what it accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexInfo {
    /// Numbers in each vector, where it says so.
    pub dimensions: Option<usize>,
    /// Vectors applied, where it says so; lags behind what is applied.
    pub vector_count: Option<u64>,
    /// The last mutation applied; none on a fresh index.
    pub processed_up_to: Option<MutationId>,
}

/// A vector as the index returns it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredVector {
    /// Its id.
    pub id: String,
    /// Its numbers, rounded to f32 from the text they came as.
    pub values: Vec<f32>,
    /// Its namespace; none where the answer says null or nothing.
    pub namespace: Option<String>,
    /// Its metadata; none where the answer says null or nothing.
    pub metadata: Option<Payload>,
}

/// A page of an index's ids, as they were when the walk began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// The ids, in no order that can be relied on.
    pub ids: Vec<String>,
    /// Where the next page begins; none at the end.
    pub next: Option<ListCursor>,
    /// How many there are in all, where the page says so.
    pub total: Option<u64>,
}

impl Vectorize {
    pub(crate) fn new(account: Account, name: IndexName) -> Self {
        Self { account, name }
    }

    /// The index's name.
    pub fn name(&self) -> &IndexName {
        &self.name
    }

    /// What was sent so far to its account.
    pub fn counters(&self) -> Counters {
        self.account.counters()
    }

    /// What the index was created as; none where there is no such index.
    pub async fn describe(&self) -> Result<Option<IndexDescription>, ApiError> {
        let operation = self.operation(READ, "read the description of");
        let request =
            call::get(self.account.index_path(&self.name)).answer_bytes(SMALL_ANSWER_BYTES);
        let described = self.result(operation, "an index's description", request);
        match described.await {
            Ok(wire) => Ok(Some(DescriptionWire::into_description(wire))),
            Err(ApiError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many vectors are applied, and up to which mutation.
    pub async fn info(&self) -> Result<IndexInfo, ApiError> {
        let operation = self.operation(READ, "read the state of");
        let request = call::get(self.path("info")).answer_bytes(SMALL_ANSWER_BYTES);
        let wire: InfoWire = self.result(operation, "an index's state", request).await?;
        Ok(wire.into_info())
    }

    /// Writes records, replacing those of the same id as a whole. `body` is
    /// NDJSON, one record a line: at most 5,000 lines and 100 MB (Vectorize
    /// limits page). The service takes all or none; what it took is applied
    /// later.
    pub async fn upsert(&self, body: Bytes) -> Result<MutationId, ApiError> {
        let request = self.upsert_request(body);
        self.mutation(self.operation(WRITE, UPSERT), request).await
    }

    /// The same, and says when the body has gone and only the answer is waited for.
    pub async fn upsert_telling(
        &self,
        body: Bytes,
        on_gone: OnGone,
    ) -> Result<MutationId, ApiError> {
        let request = self.upsert_request(body).on_gone(on_gone);
        self.mutation(self.operation(WRITE, UPSERT), request).await
    }

    /// The vectors with these ids, at most [`MAX_GET_IDS`], in any order; absent
    /// ones are left out.
    ///
    /// # Panics
    ///
    /// With more ids than that.
    pub async fn get_by_ids(&self, ids: &[VectorId]) -> Result<Vec<StoredVector>, ApiError> {
        assert!(ids.len() <= MAX_GET_IDS, "{} ids in one call", ids.len());
        let operation = self.operation(READ, "read vectors from");
        let request = self
            .ids_request("get_by_ids", ids)
            .answer_bytes(VECTORS_ANSWER_BYTES);
        let http = self.account.http();
        let (expected, read) = ("an array of vectors", wire::stored_vectors);
        call::read(http, operation, expected, request, read).await
    }

    /// Deletes the vectors with these ids, at most [`MAX_DELETE_IDS`]; absent ones
    /// are ignored. Applied later.
    ///
    /// # Panics
    ///
    /// With more ids than that.
    pub async fn delete_by_ids(&self, ids: &[VectorId]) -> Result<MutationId, ApiError> {
        assert!(ids.len() <= MAX_DELETE_IDS, "{} ids in one call", ids.len());
        let operation = self.operation(WRITE, "delete vectors from");
        let request = self.ids_request("delete_by_ids", ids);
        self.mutation(operation, request).await
    }

    /// A page of ids; the walk stays on what there was at its first page. It can
    /// break ([`ApiError::CursorBroken`]) and then has to begin again.
    pub async fn list(&self, cursor: Option<&ListCursor>) -> Result<ListPage, ApiError> {
        const EXPECTED: &str = "a page of ids that says where the next one begins";
        let operation = self.operation(READ, "list the ids of");
        let mut path = format!("{}?count={LIST_PAGE_IDS}", self.path("list"));
        if let Some(cursor) = cursor {
            path = format!("{path}&cursor={}", encoded(cursor.as_str()));
        }
        let request = call::get(path).answer_bytes(LIST_ANSWER_BYTES);
        let wire: ListWire = self.result(operation.clone(), EXPECTED, request).await?;
        wire.into_page().ok_or_else(|| ApiError::BadAnswer {
            operation,
            expected: EXPECTED,
            excerpt: "a truncated page without a cursor".to_owned(),
        })
    }

    fn operation(&self, permission: &'static str, verb: &str) -> Operation {
        let what = format!("{verb} the Vectorize index \"{}\"", self.name);
        Operation::new(permission, what)
    }

    fn path(&self, end: &str) -> String {
        format!("{}/{end}", self.account.index_path(&self.name))
    }

    fn upsert_request(&self, body: Bytes) -> Request {
        Request::new(Method::POST, self.path("upsert")).body("application/x-ndjson", body)
    }

    fn ids_request(&self, end: &str, ids: &[VectorId]) -> Request {
        let ids: Vec<_> = ids.iter().map(VectorId::as_str).collect();
        call::json(Method::POST, self.path(end), &json!({ "ids": ids }))
    }

    async fn mutation(
        &self,
        operation: Operation,
        request: Request,
    ) -> Result<MutationId, ApiError> {
        const EXPECTED: &str = "a mutation id";
        let request = request.answer_bytes(SMALL_ANSWER_BYTES);
        let wire: MutationWire = self.result(operation.clone(), EXPECTED, request).await?;
        MutationId::new(wire.mutation_id).ok_or_else(|| ApiError::BadAnswer {
            operation,
            expected: EXPECTED,
            excerpt: "an empty mutation id".to_owned(),
        })
    }

    async fn result<T: serde::de::DeserializeOwned>(
        &self,
        operation: Operation,
        expected: &'static str,
        request: Request,
    ) -> Result<T, ApiError> {
        call::result(self.account.http(), operation, expected, request).await
    }
}
