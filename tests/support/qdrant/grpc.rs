//! The gRPC side, on the server traits of the client crate.

use std::net::TcpListener;
use std::sync::Arc;

use cf_migrate::clock::Clock;
use qdrant_client::qdrant as api;
use qdrant_client::qdrant::collections_server::{Collections, CollectionsServer};
use qdrant_client::qdrant::points_server::{Points, PointsServer};
use qdrant_client::qdrant::qdrant_server::{Qdrant, QdrantServer};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::collection::{Collection, Id};
use super::cut::Cuttable;
use super::faults::{Disorder, Failure, PageFate};
use super::wire::{self, Form};
use super::{Shared, State, locked};

const DEFAULT_LIMIT: u32 = 10;

pub(super) async fn serve(state: Shared, listener: TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("it does not block");
    let connections = Arc::clone(&state);
    let incoming = TcpListenerStream::new(listener).map(move |stream| {
        Ok::<_, std::io::Error>(Cuttable::new(stream?, Arc::clone(&connections)))
    });
    let service = Service { state };
    Server::builder()
        .add_service(QdrantServer::new(service.clone()))
        .add_service(CollectionsServer::new(service.clone()))
        .add_service(PointsServer::new(service))
        .serve_with_incoming(incoming)
        .await
        .expect("serving ends only with the runtime");
}

#[derive(Clone)]
struct Service {
    state: Shared,
}

type Answer<T> = Result<Response<T>, Status>;

impl Service {
    /// The time that a server takes for a page besides sending it.
    async fn delay(&self) {
        let delay = locked(&self.state).faults.delay;
        let _under_way = UnderWay::begin(Arc::clone(&self.state));
        if let Some(delay) = delay {
            Clock::real().sleep(delay).await;
        }
    }

    /// Counts the call, checks the key, and fails it if it is to fail.
    async fn enter(&self, method: &'static str, metadata: &MetadataMap) -> Result<(), Status> {
        let failure = {
            let mut state = locked(&self.state);
            *state.calls.entry(method).or_default() += 1;
            check_key(state.faults.key, metadata)?;
            state.faults.spoil.next_failure()
        };
        let Some(failure) = failure else {
            return Ok(());
        };
        match failure.status() {
            Some(status) => Err(status),
            None => std::future::pending().await,
        }
    }
}

/// A page that is being made, until its client has it or is gone.
struct UnderWay(Shared);

impl UnderWay {
    fn begin(state: Shared) -> Self {
        let mut held = locked(&state);
        held.pages.0 += 1;
        held.pages.1 = held.pages.1.max(held.pages.0);
        drop(held);
        Self(state)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        locked(&self.0).pages.0 -= 1;
    }
}

fn check_key(key: Option<&str>, metadata: &MetadataMap) -> Result<(), Status> {
    let header = |name: &str| metadata.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    match (key, header("api-key").or(bearer)) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(Status::unauthenticated(
            "Must provide an API key or an Authorization bearer token",
        )),
        (Some(key), Some(given)) if given == key => Ok(()),
        (Some(_), Some(_)) => Err(Status::unauthenticated("Invalid API key or JWT")),
    }
}

impl State {
    pub(super) fn collection(&self, name: &str) -> Result<&Collection, Status> {
        let real = self.faults.aliases.get(name).copied().unwrap_or(name);
        self.collections.get(real).ok_or_else(|| {
            Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"))
        })
    }

    fn scroll(&mut self, request: &api::ScrollPoints) -> Result<api::ScrollResponse, Status> {
        let limit = request.limit.unwrap_or(DEFAULT_LIMIT);
        let offset = match &request.offset {
            None => Id::FIRST,
            some => Id::of(some.as_ref())
                .ok_or_else(|| Status::invalid_argument("Unable to parse UUID"))?,
        };
        let fate = self.faults.spoil.page_fate();
        let most = limit as usize;
        let collection = self.collection(&request.collection_name)?;
        let mut ids = collection.ids_from(offset, most + 1, &self.faults.spoil.hidden);
        let mut next = ids.get(most).copied();
        ids.truncate(most);
        match fate {
            PageFate::Whole => {}
            PageFate::Short => {
                ids.truncate(ids.len() / 2);
                next = None;
            }
            PageFate::Empty => ids.clear(),
        }
        let points = ids.into_iter().filter_map(|id| collection.get(id));
        let mut points: Vec<_> = points.map(|point| self.scrolled(point, request)).collect();
        self.disorder(&mut points);
        Ok(api::ScrollResponse {
            next_page_offset: next.map(Id::wire),
            result: points,
            ..api::ScrollResponse::default()
        })
    }

    fn scrolled(
        &self,
        mut point: api::RetrievedPoint,
        request: &api::ScrollPoints,
    ) -> api::RetrievedPoint {
        let id = Id::of(point.id.as_ref()).expect("held points have ids");
        if self.faults.spoil.altered.contains(&id) {
            wire::nudge(&mut point);
        }
        if self.faults.spoil.payload_altered.contains(&id) {
            point.payload.insert("text".to_owned(), "another".into());
        }
        let selectors = (request.with_payload.as_ref(), request.with_vectors.as_ref());
        self.answered(point, selectors)
    }

    /// As an answer carries it: selected, in the form of the version, shuffled.
    fn answered(
        &self,
        mut point: api::RetrievedPoint,
        (payload, vectors): (
            Option<&api::WithPayloadSelector>,
            Option<&api::WithVectorsSelector>,
        ),
    ) -> api::RetrievedPoint {
        use api::with_payload_selector::SelectorOptions;
        let payload = payload.and_then(|payload| payload.selector_options.as_ref());
        if matches!(payload, Some(SelectorOptions::Enable(false))) {
            point.payload.clear();
        }
        wire::select(&mut point, vectors);
        for vector in wire::each_vector(&mut point) {
            wire::to_new_form(vector);
            if self.faults.form == Form::Old {
                wire::to_old_form(vector);
            }
        }
        wire::shuffled(point)
    }

    fn disorder(&self, points: &mut Vec<api::RetrievedPoint>) {
        match self.faults.spoil.order {
            Disorder::None => {}
            Disorder::Backwards => points.reverse(),
            Disorder::Duplicate => {
                let first = points.first().cloned();
                points.splice(0..0, first);
            }
        }
    }

    fn count(&mut self, request: &api::CountPoints) -> Result<u64, Status> {
        let collection = self.collection(&request.collection_name)?;
        let strict = collection.strict_mode();
        let refused = strict.is_some_and(|strict| strict.search_allow_exact == Some(false));
        if refused && request.exact.unwrap_or(true) {
            return Err(Status::invalid_argument(
                "Forbidden: Exact count is disabled. Help: Set exact=false",
            ));
        }
        check_timeout(collection, request.timeout)?;
        if let Some(filter) = &request.filter {
            return count_having(collection, filter);
        }
        let count = collection.len();
        let grown = self.faults.counted * u64::from(self.faults.counts_grow);
        self.faults.counted += 1;
        Ok(count + grown)
    }

    /// Only random samples of ids are drawn, by servers since 1.11.
    fn query(&self, request: &api::QueryPoints) -> Result<Vec<api::ScoredPoint>, Status> {
        let variant = request
            .query
            .as_ref()
            .and_then(|query| query.variant.as_ref());
        if self.faults.no_samples || !matches!(variant, Some(api::query::Variant::Sample(_))) {
            return Err(Status::unimplemented("the double draws samples only"));
        }
        let collection = self.collection(&request.collection_name)?;
        check_timeout(collection, request.timeout)?;
        let most = request.limit.unwrap_or(DEFAULT_LIMIT.into());
        let points = collection.sample(most).into_iter();
        Ok(points
            .map(|id| api::ScoredPoint {
                id: Some(id.wire()),
                ..api::ScoredPoint::default()
            })
            .collect())
    }

    fn info(&self, name: &str) -> Result<api::CollectionInfo, Status> {
        let collection = self.collection(name)?;
        let mut info = collection.info.clone();
        info.points_count = Some(self.faults.described.unwrap_or(collection.len()));
        if self.faults.deferred > 0 {
            let queue = info.update_queue.get_or_insert_default();
            queue.deferred_points = Some(self.faults.deferred);
        }
        Ok(info)
    }
}

/// The only condition that counting knows is that a point has a vector.
fn count_having(collection: &Collection, filter: &api::Filter) -> Result<u64, Status> {
    use api::condition::ConditionOneOf;
    let conditions: Vec<_> = filter
        .must
        .iter()
        .map(|c| c.condition_one_of.as_ref())
        .collect();
    let [Some(ConditionOneOf::HasVector(having))] = conditions.as_slice() else {
        return Err(Status::unimplemented("the double knows has_vector only"));
    };
    let points = collection
        .ids()
        .into_iter()
        .filter_map(|id| collection.get(id));
    Ok(points
        .filter(|point| wire::has(point, &having.has_vector))
        .count() as u64)
}

fn check_scroll(collection: &Collection, request: &api::ScrollPoints) -> Result<(), Status> {
    let limit = request.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 {
        return Err(Status::invalid_argument(
            "Validation error in body: [limit: value 0 invalid, must be 1 or larger]",
        ));
    }
    if request.order_by.is_some() || request.filter.is_some() {
        return Err(Status::unimplemented(
            "the double neither orders nor filters",
        ));
    }
    let most = collection
        .strict_mode()
        .and_then(|strict| strict.max_query_limit);
    if let Some(most) = most.filter(|most| limit > *most) {
        return Err(Status::invalid_argument(format!(
            "Forbidden: Limit exceeded {limit} > {most} for \"limit\""
        )));
    }
    check_timeout(collection, request.timeout)
}

pub(super) fn check_timeout(collection: &Collection, timeout: Option<u64>) -> Result<(), Status> {
    let most = collection
        .strict_mode()
        .and_then(|strict| strict.max_timeout);
    match (most, timeout) {
        (Some(most), Some(asked)) if asked > u64::from(most) => Err(Status::invalid_argument(
            format!("Forbidden: Limit exceeded {asked} > {most} for \"timeout\""),
        )),
        _ => Ok(()),
    }
}

/// Applied when it was waited for, else only taken.
fn written(wait: bool) -> api::PointsOperationResponse {
    let status = match wait {
        true => api::UpdateStatus::Completed,
        false => api::UpdateStatus::Acknowledged,
    };
    api::PointsOperationResponse {
        result: Some(api::UpdateResult {
            operation_id: Some(1),
            status: status.into(),
        }),
        ..api::PointsOperationResponse::default()
    }
}

#[tonic::async_trait]
impl Qdrant for Service {
    async fn health_check(
        &self,
        _: Request<api::HealthCheckRequest>,
    ) -> Answer<api::HealthCheckReply> {
        let mut state = locked(&self.state);
        *state.calls.entry("health").or_default() += 1;
        Ok(Response::new(api::HealthCheckReply {
            title: "qdrant - vector search engine".to_owned(),
            version: state.faults.version.unwrap_or("1.18.3").to_owned(),
            commit: None,
        }))
    }
}

/// An implementation of a service trait: the methods written out, and the rest
/// answering that there is no such method.
macro_rules! service {
    ($service:ident { $($written:item)* } absent { $($name:ident: $request:ident => $answer:ident,)* }) => {
        #[tonic::async_trait]
        impl $service for Service {
            $($written)*
            $(
                async fn $name(&self, _: Request<api::$request>) -> Answer<api::$answer> {
                    Err(Status::unimplemented(stringify!($name)))
                }
            )*
        }
    };
}

service! {
    Collections {
        async fn get(
            &self,
            request: Request<api::GetCollectionInfoRequest>,
        ) -> Answer<api::GetCollectionInfoResponse> {
            self.enter("info", request.metadata()).await?;
            let info = locked(&self.state).info(&request.get_ref().collection_name)?;
            Ok(Response::new(api::GetCollectionInfoResponse { result: Some(info), time: 0.0 }))
        }

        async fn list(
            &self,
            request: Request<api::ListCollectionsRequest>,
        ) -> Answer<api::ListCollectionsResponse> {
            self.enter("list", request.metadata()).await?;
            let names: Vec<_> = locked(&self.state).collections.keys().cloned().collect();
            let collections = names.into_iter().map(|name| api::CollectionDescription { name });
            Ok(Response::new(api::ListCollectionsResponse {
                collections: collections.collect(),
                time: 0.0,
            }))
        }

        async fn list_aliases(
            &self,
            request: Request<api::ListAliasesRequest>,
        ) -> Answer<api::ListAliasesResponse> {
            self.enter("aliases", request.metadata()).await?;
            let state = locked(&self.state);
            if state.faults.no_aliases {
                return Err(Status::permission_denied("Forbidden: Global access is required"));
            }
            let aliases = state.faults.aliases.iter();
            let aliases = aliases.map(|(alias, collection)| api::AliasDescription {
                alias_name: (*alias).to_owned(),
                collection_name: (*collection).to_owned(),
            });
            Ok(Response::new(api::ListAliasesResponse { aliases: aliases.collect(), time: 0.0 }))
        }

        async fn create(
            &self,
            request: Request<api::CreateCollection>,
        ) -> Answer<api::CollectionOperationResponse> {
            self.enter("create", request.metadata()).await?;
            let mut state = locked(&self.state);
            state.faults.check_writable()?;
            state.create(request.into_inner())?;
            state.faults.spoil.lose_reply()?;
            Ok(Response::new(api::CollectionOperationResponse { result: true, time: 0.0 }))
        }
    }
    absent {
        update: UpdateCollection => CollectionOperationResponse,
        delete: DeleteCollection => CollectionOperationResponse,
        update_aliases: ChangeAliases => CollectionOperationResponse,
        list_collection_aliases: ListCollectionAliasesRequest => ListAliasesResponse,
        collection_cluster_info: CollectionClusterInfoRequest => CollectionClusterInfoResponse,
        collection_exists: CollectionExistsRequest => CollectionExistsResponse,
        update_collection_cluster_setup: UpdateCollectionClusterSetupRequest => UpdateCollectionClusterSetupResponse,
        create_shard_key: CreateShardKeyRequest => CreateShardKeyResponse,
        delete_shard_key: DeleteShardKeyRequest => DeleteShardKeyResponse,
        list_shard_keys: ListShardKeysRequest => ListShardKeysResponse,
    }
}

service! {
    Points {
        async fn scroll(
            &self,
            request: Request<api::ScrollPoints>,
        ) -> Answer<api::ScrollResponse> {
            let limit = request.get_ref().limit.unwrap_or(DEFAULT_LIMIT);
            locked(&self.state).scroll_limits.push(limit);
            self.enter("scroll", request.metadata()).await?;
            if limit > 1 {
                self.delay().await;
            }
            let request = request.get_ref();
            let mut state = locked(&self.state);
            check_scroll(state.collection(&request.collection_name)?, request)?;
            if let Some(failure) = state.faults.spoil.failure_by_size(limit) {
                return Err(failure.status().expect("a page's size never leads to silence"));
            }
            state.scroll(request).map(Response::new)
        }

        async fn count(&self, request: Request<api::CountPoints>) -> Answer<api::CountResponse> {
            self.enter("count", request.metadata()).await?;
            let count = locked(&self.state).count(request.get_ref())?;
            Ok(Response::new(api::CountResponse {
                result: Some(api::CountResult { count }),
                ..api::CountResponse::default()
            }))
        }

        async fn query(&self, request: Request<api::QueryPoints>) -> Answer<api::QueryResponse> {
            self.enter("query", request.metadata()).await?;
            let result = locked(&self.state).query(request.get_ref())?;
            Ok(Response::new(api::QueryResponse { result, ..api::QueryResponse::default() }))
        }

        async fn upsert(
            &self,
            request: Request<api::UpsertPoints>,
        ) -> Answer<api::PointsOperationResponse> {
            let points = request.get_ref().points.len();
            locked(&self.state).upserts.push(points);
            self.enter("upsert", request.metadata()).await?;
            let wait = request.get_ref().wait == Some(true);
            let failure = locked(&self.state).upsert_failure(request.get_ref());
            match failure.map(Failure::status) {
                None => {}
                Some(Some(status)) => return Err(status),
                Some(None) => std::future::pending().await,
            }
            let mut state = locked(&self.state);
            state.faults.check_writable()?;
            state.upsert(request.into_inner())?;
            state.faults.spoil.lose_reply()?;
            Ok(Response::new(written(wait)))
        }

        async fn create_field_index(
            &self,
            request: Request<api::CreateFieldIndexCollection>,
        ) -> Answer<api::PointsOperationResponse> {
            self.enter("create_field_index", request.metadata()).await?;
            let wait = request.get_ref().wait == Some(true);
            let mut state = locked(&self.state);
            state.faults.check_writable()?;
            state.create_index(request.into_inner())?;
            Ok(Response::new(written(wait)))
        }

        async fn get(&self, request: Request<api::GetPoints>) -> Answer<api::GetResponse> {
            self.enter("get", request.metadata()).await?;
            let request = request.get_ref();
            let state = locked(&self.state);
            let collection = state.collection(&request.collection_name)?;
            let selectors = (request.with_payload.as_ref(), request.with_vectors.as_ref());
            let ids = request.ids.iter().filter_map(|id| Id::of(Some(id)));
            let points = ids.filter_map(|id| collection.get(id));
            Ok(Response::new(api::GetResponse {
                result: points.map(|point| state.answered(point, selectors)).collect(),
                ..api::GetResponse::default()
            }))
        }
    }
    absent {
        delete: DeletePoints => PointsOperationResponse,
        update_vectors: UpdatePointVectors => PointsOperationResponse,
        delete_vectors: DeletePointVectors => PointsOperationResponse,
        set_payload: SetPayloadPoints => PointsOperationResponse,
        overwrite_payload: SetPayloadPoints => PointsOperationResponse,
        delete_payload: DeletePayloadPoints => PointsOperationResponse,
        clear_payload: ClearPayloadPoints => PointsOperationResponse,
        delete_field_index: DeleteFieldIndexCollection => PointsOperationResponse,
        create_vector_name: CreateVectorNameRequest => PointsOperationResponse,
        delete_vector_name: DeleteVectorNameRequest => PointsOperationResponse,
        search: SearchPoints => SearchResponse,
        search_batch: SearchBatchPoints => SearchBatchResponse,
        search_groups: SearchPointGroups => SearchGroupsResponse,
        recommend: RecommendPoints => RecommendResponse,
        recommend_batch: RecommendBatchPoints => RecommendBatchResponse,
        recommend_groups: RecommendPointGroups => RecommendGroupsResponse,
        discover: DiscoverPoints => DiscoverResponse,
        discover_batch: DiscoverBatchPoints => DiscoverBatchResponse,
        update_batch: UpdateBatchPoints => UpdateBatchResponse,
        query_batch: QueryBatchPoints => QueryBatchResponse,
        query_groups: QueryPointGroups => QueryGroupsResponse,
        facet: FacetCounts => FacetResponse,
        search_matrix_pairs: SearchMatrixPoints => SearchMatrixPairsResponse,
        search_matrix_offsets: SearchMatrixPoints => SearchMatrixOffsetsResponse,
    }
}
