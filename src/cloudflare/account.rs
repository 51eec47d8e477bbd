//! An account: the way to its indexes and namespaces, and making new ones. A
//! creation whose answer was lost is not taken for somebody else's.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use crate::cloudflare::call::{self, Operation};
use crate::cloudflare::envelope::{self, Envelope, Form};
use crate::cloudflare::error::ApiError;
use crate::cloudflare::ids::{AccountId, IndexName, KvNamespaceId, encoded};
use crate::cloudflare::kv::{self, Kv};
use crate::cloudflare::vectorize::{self, IndexDescription, Vectorize};
use crate::cloudflare::wire::DescriptionWire;
use crate::http::{Client, Counters, Repeat, Request};
use crate::record::{Dimensions, Metric};

/// Namespaces on a page, the most there can be (KV API).
const NAMESPACES_PAGE: usize = 1_000;

/// One Cloudflare account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Account {
    http: Client,
    id: AccountId,
}

/// A KV namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvNamespace {
    /// Its id.
    pub id: KvNamespaceId,
    /// Its title, unique in the account.
    pub title: String,
}

#[derive(Deserialize)]
struct NamespaceWire {
    id: String,
    title: String,
}

impl Account {
    /// The account of that id, over this client's transport and budget.
    pub fn new(http: Client, id: AccountId) -> Self {
        Self { http, id }
    }

    /// What was sent so far, by every clone of this account's client.
    pub fn counters(&self) -> Counters {
        self.http.counters()
    }

    /// The index of that name, whether it exists or not.
    pub fn vectorize(&self, index: &IndexName) -> Vectorize {
        Vectorize::new(self.clone(), index.clone())
    }

    /// The KV namespace of that id, whether it exists or not.
    pub fn kv(&self, namespace: &KvNamespaceId) -> Kv {
        Kv::new(self.clone(), namespace.clone())
    }

    /// Creates an index. A name that is taken is [`ApiError::DuplicateName`],
    /// unless an earlier attempt of this very call may have taken it and the
    /// index is as asked for.
    pub async fn create_index(
        &self,
        name: &IndexName,
        dimensions: Dimensions,
        metric: Metric,
    ) -> Result<IndexDescription, ApiError> {
        let config = json!({ "dimensions": dimensions.get(), "metric": metric.name() });
        let body = json!({ "name": name.as_str(), "config": config });
        let request = call::json(Method::POST, self.indexes_path(), &body);
        let attempt = async |repeat| self.create_index_by(name, request.clone(), repeat).await;
        let as_asked = |found: &IndexDescription| {
            found.dimensions == dimensions.get() && found.metric == metric
        };
        create(attempt, async || {
            Ok(self.vectorize(name).describe().await?.filter(as_asked))
        })
        .await
    }

    async fn create_index_by(
        &self,
        name: &IndexName,
        request: Request,
        repeat: Repeat,
    ) -> Result<IndexDescription, ApiError> {
        let what = format!("create the Vectorize index \"{name}\"");
        let operation = Operation::new(vectorize::WRITE, what);
        let request = request
            .repeat(repeat)
            .answer_bytes(vectorize::SMALL_ANSWER_BYTES);
        let expected = "an index's description";
        let wire: DescriptionWire = call::result(&self.http, operation, expected, request).await?;
        Ok(wire.into_description())
    }

    /// Deletes an index with everything in it; one that is not there is deleted
    /// already (Vectorize API).
    pub async fn delete_index(&self, name: &IndexName) -> Result<(), ApiError> {
        let what = format!("delete the Vectorize index \"{name}\"");
        let operation = Operation::new(vectorize::WRITE, what);
        self.delete(operation, self.index_path(name)).await
    }

    /// Deletes a KV namespace with everything in it; one that is not there is
    /// deleted already (KV API).
    pub async fn delete_kv_namespace(&self, id: &KvNamespaceId) -> Result<(), ApiError> {
        let operation = Operation::new(kv::WRITE, format!("delete the KV namespace {id}"));
        self.delete(operation, self.namespace_path(id)).await
    }

    /// The result of a deletion may be null, or the whole answer empty.
    async fn delete(&self, operation: Operation, path: String) -> Result<(), ApiError> {
        let request = Request::new(Method::DELETE, path);
        let answer = call::answer(&self.http, &operation, request, Form::Envelope).await?;
        let empty = answer.is_success() && answer.body.is_empty();
        if empty || envelope::is_success(&answer, Form::Envelope) {
            return Ok(());
        }
        match ApiError::refused(operation, &answer) {
            ApiError::NotFound(_) => Ok(()),
            error => Err(error),
        }
    }

    /// All KV namespaces of the account.
    pub async fn kv_namespaces(&self) -> Result<Vec<KvNamespace>, ApiError> {
        let mut namespaces = Vec::new();
        for page in 1_u64.. {
            let operation = Operation::new(kv::READ, "list the KV namespaces");
            let root = self.namespaces_path();
            let request = call::get(format!("{root}?page={page}&per_page={NAMESPACES_PAGE}"));
            let expected = "an array of namespaces";
            let envelope: Envelope<Vec<NamespaceWire>> =
                call::envelope(&self.http, operation.clone(), expected, request).await?;
            let wires = envelope.result.unwrap_or_default();
            let total = envelope.result_info.and_then(|info| info.total_count);
            let (got, before) = (wires.len(), namespaces.len());
            for wire in wires {
                namespaces.push(namespace(wire, &operation)?);
            }
            let last = total.map_or(got < NAMESPACES_PAGE, |total| before + got >= total);
            if last || got == 0 {
                break;
            }
        }
        Ok(namespaces)
    }

    /// Creates a KV namespace. A title that is taken is
    /// [`ApiError::DuplicateName`], unless an earlier attempt of this very call
    /// may have taken it.
    pub async fn create_kv_namespace(&self, title: &str) -> Result<KvNamespace, ApiError> {
        let request = call::json(
            Method::POST,
            self.namespaces_path(),
            &json!({ "title": title }),
        );
        let attempt = async |repeat| {
            self.create_namespace_by(title, request.clone(), repeat)
                .await
        };
        create(attempt, async || {
            let mut namespaces = self.kv_namespaces().await?.into_iter();
            Ok(namespaces.find(|found| found.title == title))
        })
        .await
    }

    async fn create_namespace_by(
        &self,
        title: &str,
        request: Request,
        repeat: Repeat,
    ) -> Result<KvNamespace, ApiError> {
        let what = format!("create the KV namespace {title:?}");
        let operation = Operation::new(kv::WRITE, what);
        let request = request
            .repeat(repeat)
            .answer_bytes(vectorize::SMALL_ANSWER_BYTES);
        let wire = call::result(&self.http, operation.clone(), "a namespace", request).await?;
        namespace(wire, &operation)
    }

    pub(crate) fn http(&self) -> &Client {
        &self.http
    }

    fn indexes_path(&self) -> String {
        format!("/accounts/{}/vectorize/v2/indexes", self.id)
    }

    pub(crate) fn index_path(&self, name: &IndexName) -> String {
        format!("{}/{}", self.indexes_path(), encoded(name.as_str()))
    }

    fn namespaces_path(&self) -> String {
        format!("/accounts/{}/storage/kv/namespaces", self.id)
    }

    pub(crate) fn namespace_path(&self, namespace: &KvNamespaceId) -> String {
        format!("{}/{namespace}", self.namespaces_path())
    }
}

/// Creates, and does so again where the answer was lost: from then on the name may be
/// taken by ourselves, and what is `found` under it is ours.
async fn create<T>(
    attempt: impl AsyncFn(Repeat) -> Result<T, ApiError>,
    found: impl AsyncFnOnce() -> Result<Option<T>, ApiError>,
) -> Result<T, ApiError> {
    match attempt(Repeat::Unsafe).await {
        Err(error) if error.may_have_applied() => {}
        answered => return answered,
    }
    match attempt(Repeat::Safe).await {
        Err(ApiError::DuplicateName(refusal)) => {
            found().await?.ok_or(ApiError::DuplicateName(refusal))
        }
        answered => answered,
    }
}

fn namespace(wire: NamespaceWire, operation: &Operation) -> Result<KvNamespace, ApiError> {
    let id = KvNamespaceId::new(wire.id.as_str()).map_err(|_| ApiError::BadAnswer {
        operation: operation.clone(),
        expected: "a namespace with an id",
        excerpt: format!("the id {:?}", wire.id),
    })?;
    Ok(KvNamespace {
        id,
        title: wire.title,
    })
}
