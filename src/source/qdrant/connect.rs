//! The gRPC connection: one health check when it is made, then single calls
//! with a deadline and retries. It knows no points; addresses are resolved in
//! `address`, failures judged in `retry`.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use qdrant_client::qdrant::query::Variant;
use qdrant_client::qdrant::{
    CollectionInfo, Condition, CountPoints, Filter, Query, QueryPoints, Sample, ScrollPoints,
    ScrollResponse,
};
use qdrant_client::{Qdrant, QdrantError};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use tonic::Status;
use uuid::Uuid;

use super::convert;
use super::retry::{CallError, Decision, Patience, classify, is_transport, is_unreachable};
use crate::clock::Clock;
use crate::error::{Error, Kind};
use crate::point::PointId;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that takes longer for a health check is as good as absent.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(30);
/// How many existing collections a message names.
const NAMES_SHOWN: usize = 10;

/// How calls are made: see [`super::QdrantSettings`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The longest time for one request.
    pub(super) timeout: Duration,
    /// The first pause before a retry.
    pub(super) first_pause: Duration,
    /// How many calls are made at once, each over a connection of its own.
    pub(super) readers: NonZeroUsize,
    /// Where time is asked.
    pub(super) clock: Clock,
}

impl Pace {
    /// What the server is told as a request's timeout, in seconds: less than the
    /// channel's, because when the channel's own timeout fires the client
    /// silently sends the same heavy request once more.
    pub(super) fn server_timeout_s(&self, allowed: Option<u64>) -> u64 {
        let ours = self.timeout.as_secs() * 5 / 6;
        ours.min(allowed.unwrap_or(u64::MAX)).max(1)
    }

    /// Patience for one call.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(self.clock, self.first_pause)
    }
}

/// A server that answered a health check.
pub(super) struct Server {
    client: RwLock<Arc<Qdrant>>,
    pub(super) pace: Pace,
}

/// The key as a header can carry it, checked here because the client would
/// print a malformed one in its error.
pub(super) fn checked_key(key: Option<SecretString>) -> Result<Option<SecretString>, Error> {
    let Some(key) = key else { return Ok(None) };
    let trimmed = key.expose_secret().trim();
    if trimmed.is_empty() {
        return Ok(None);
    }
    HeaderValue::from_str(trimmed).map_err(|_| {
        Error::usage("QDRANT_API_KEY holds characters that a key cannot have")
            .advise("Copy the key again, without line breaks or quotes")
    })?;
    Ok(Some(SecretString::from(trimmed)))
}

impl Server {
    /// Connects to `address` and asks how the server is; gives its version too.
    pub(super) async fn connect(
        address: &str,
        key: Option<&SecretString>,
        pace: Pace,
    ) -> Result<(Self, String), Error> {
        // The client's own version check prints to standard output.
        let mut config = Qdrant::from_url(address)
            .skip_compatibility_check()
            .timeout(pace.timeout)
            .connect_timeout(CONNECT_TIMEOUT)
            .api_key(key.map(|key| key.expose_secret().to_owned()))
            // Servers from 1.19 on keep equal tokens on one replica, so that pages and counts agree.
            .header("x-qdrant-route-affinity", Uuid::new_v4().to_string());
        config.set_pool_size(pace.readers.get());
        let client = config.build().map_err(|error| {
            Error::usage(format!("QDRANT_URL is not an address: {address:?}"))
                .because(CallError::of(&error))
        })?;
        let client = RwLock::new(Arc::new(client));
        let server = Self { client, pace };
        let version = server.health(address).await?;
        Ok((server, version))
    }

    /// What makes the calls. Its connections are made with the first of them.
    pub(super) fn client(&self) -> Arc<Qdrant> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&client)
    }

    /// Closes the connections once the calls under way are over; a later call makes
    /// new ones.
    pub(super) fn hang_up(&self) {
        let mut client = self.client.write().unwrap_or_else(PoisonError::into_inner);
        // The same configuration was good for the first one.
        if let Ok(fresh) = Qdrant::new(client.config.clone()) {
            *client = Arc::new(fresh);
        }
    }

    async fn health(&self, address: &str) -> Result<String, Error> {
        let mut patience = Patience::brief(self.pace.clock, self.pace.first_pause);
        loop {
            let client = self.client();
            let call = client.health_check();
            let error = match self.within(HEALTH_TIMEOUT, call).await {
                Ok(reply) => return Ok(reply.version),
                Err(error) => error,
            };
            let decision = classify(&error);
            if is_unreachable(&error) || decision == Decision::Smaller {
                return Err(unreachable(address).because(CallError::of(&error)));
            }
            let below = CallError::of(&error);
            patience
                .after("answering a health check", decision, below)
                .await
                .map_err(|last| match is_transport(&error) {
                    true if last.kind() != Kind::Forbidden => {
                        not_grpc(address).because(CallError::of(&error))
                    }
                    _ => last,
                })?;
        }
    }

    /// The collection behind an alias; none when `name` is no alias, or when the
    /// key may not list aliases (keys for single collections may not).
    pub(super) async fn behind_alias(&self, name: &str) -> Result<Option<String>, Error> {
        let client = self.client();
        let answer = self
            .retried("listing aliases", || client.list_aliases())
            .await;
        match answer {
            Ok(list) => {
                let mut aliases = list.aliases.into_iter();
                let found = aliases.find(|alias| alias.alias_name == name);
                Ok(found.map(|alias| alias.collection_name))
            }
            Err(error) if error.kind() == Kind::Forbidden => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The server's description of a collection.
    pub(super) async fn info(&self, collection: &str) -> Result<CollectionInfo, Error> {
        let doing = format!("describing collection {collection:?}");
        let mut patience = self.pace.patience();
        loop {
            let client = self.client();
            let call = client.collection_info(collection);
            match self.limited(call).await {
                Ok(answer) => return Ok(answer.result.unwrap_or_default()),
                Err(error) => match classify(&error) {
                    Decision::Missing => return Err(self.missing(collection, &error).await),
                    decision => {
                        let error = CallError::of(&error);
                        patience.after(&doing, decision, error).await?;
                    }
                },
            }
        }
    }

    async fn missing(&self, collection: &str, error: &QdrantError) -> Error {
        let known = self.limited(self.client().list_collections()).await;
        let mut names: Vec<_> = known
            .map(|list| list.collections.into_iter().map(|c| c.name).collect())
            .unwrap_or_default();
        names.sort();
        let advice = match names.len() {
            0 => "See whether QDRANT_URL names the right server".to_owned(),
            many if many > NAMES_SHOWN => format!(
                "There are: {} and {} more",
                names[..NAMES_SHOWN].join(", "),
                many - NAMES_SHOWN
            ),
            _ => format!("There are: {}", names.join(", ")),
        };
        Error::failed(format!("collection {collection:?} does not exist"))
            .advise(advice)
            .because(CallError::of(error))
    }

    /// How many points the collection has, exactly; of those that have the vector
    /// `having` (servers since 1.13), where one is given.
    pub(super) async fn count(
        &self,
        collection: &str,
        having: Option<&str>,
        timeout_s: u64,
    ) -> Result<u64, Error> {
        let doing = format!("counting collection {collection:?}");
        let request = || CountPoints {
            collection_name: collection.to_owned(),
            filter: having.map(|vector| Filter::must([Condition::has_vector(vector)])),
            exact: Some(true),
            timeout: Some(timeout_s),
            ..CountPoints::default()
        };
        let client = self.client();
        let answer = self.retried(&doing, || client.count(request())).await?;
        let result = answer.result.ok_or_else(|| {
            Error::failed(format!("Qdrant answered without a count while {doing}"))
        })?;
        Ok(result.count)
    }

    /// The ids of points drawn at random, at most `most` of them (servers since 1.11).
    pub(super) async fn sample(
        &self,
        collection: &str,
        most: u64,
        timeout_s: u64,
    ) -> Result<Vec<PointId>, Error> {
        let doing = format!("drawing a sample of collection {collection:?}");
        let request = || QueryPoints {
            collection_name: collection.to_owned(),
            query: Some(Query {
                variant: Some(Variant::Sample(Sample::Random.into())),
            }),
            limit: Some(most),
            with_payload: Some(false.into()),
            with_vectors: Some(false.into()),
            timeout: Some(timeout_s),
            ..QueryPoints::default()
        };
        let client = self.client();
        let answer = self.retried(&doing, || client.query(request())).await?;
        let ids = answer.result.into_iter();
        ids.map(|point| convert::id(point.id))
            .collect::<Result<_, _>>()
            .map_err(|error| {
                Error::failed("Qdrant answered with a point that cannot be read").because(error)
            })
    }

    /// One page, one try.
    pub(super) async fn scroll(
        &self,
        request: ScrollPoints,
    ) -> Result<ScrollResponse, QdrantError> {
        self.limited(self.client().scroll(request)).await
    }

    pub(super) async fn retried<T, F>(&self, doing: &str, call: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, QdrantError>>,
    {
        let mut patience = self.pace.patience();
        loop {
            match self.limited(call()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    let decision = classify(&error);
                    let error = CallError::of(&error);
                    patience.after(doing, decision, error).await?;
                }
            }
        }
    }

    /// The channel's timeout ends with the answer's head, so a body that stalls
    /// needs this one; the client's silent second try has to fit in.
    pub(super) async fn limited<T>(
        &self,
        call: impl Future<Output = Result<T, QdrantError>>,
    ) -> Result<T, QdrantError> {
        let limit = (self.pace.timeout + CONNECT_TIMEOUT) * 2;
        self.within(limit, call).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<T, QdrantError>>,
    ) -> Result<T, QdrantError> {
        tokio::select! {
            answer = call => answer,
            () = self.pace.clock.sleep(limit) => {
                let text = format!("no complete answer within {} s", limit.as_secs());
                Err(Status::cancelled(text).into())
            }
        }
    }
}

fn unreachable(address: &str) -> Error {
    let tls = match address.starts_with("https://") {
        true => {
            " See also that the server uses TLS there, with a certificate that is trusted here \
             (SSL_CERT_FILE can name further roots)"
        }
        false => "",
    };
    Error::failed(format!("cannot reach Qdrant's gRPC side at {address}")).advise(format!(
        "See that the server runs and that its gRPC port is open. A QDRANT_URL without a port or \
         with the REST port 6333 means gRPC on 6334; set QDRANT_GRPC_PORT where it is another.{tls}"
    ))
}

fn not_grpc(address: &str) -> Error {
    Error::failed(format!("what answers at {address} does not speak gRPC")).advise(
        "Is it the REST port, a proxy that passes HTTP/1.1 only, or a server with TLS (https://)? \
         Set QDRANT_GRPC_PORT to the gRPC port (6334 unless configured otherwise)",
    )
}
