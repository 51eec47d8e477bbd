//! A collection's place: the server, reached and named, aliases resolved, before
//! anything is known of the collection itself, or whether there is one.

use std::sync::Arc;

use secrecy::SecretString;

use super::QdrantSettings;
use super::address::Address;
use super::connect::{Pace, Server, checked_key};
use super::rest::Rest;
use crate::clock::Clock;
use crate::error::Error;

/// Where a collection is, or will be.
pub(super) struct Place {
    pub(super) server: Arc<Server>,
    pub(super) address: Address,
    pub(super) version: String,
    /// The collection's own name.
    pub(super) collection: String,
    /// What it was called, where that is an alias.
    pub(super) alias: Option<String>,
    pub(super) pace: Pace,
    key: Option<SecretString>,
}

impl Place {
    /// Connects, and resolves an alias once.
    pub(super) async fn reach(
        collection: &str,
        settings: QdrantSettings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let address = Address::resolve(
            settings.url.as_deref(),
            settings.grpc_port,
            settings.rest_port,
        )?;
        address.check_secrecy(settings.insecure_http)?;
        let key = checked_key(settings.api_key)?;
        let pace = Pace {
            timeout: settings.timeout,
            first_pause: settings.first_pause,
            readers: settings.readers,
            clock,
        };
        let (server, version) = Server::connect(&address.grpc, key.as_ref(), pace).await?;
        let real = server.behind_alias(collection).await?;
        let alias = real.as_ref().map(|_| collection.to_owned());
        Ok(Self {
            server: Arc::new(server),
            address,
            version,
            collection: real.unwrap_or_else(|| collection.to_owned()),
            alias,
            pace,
            key,
        })
    }

    /// The REST side, where its port is known.
    pub(super) fn rest(&self) -> Result<Option<Rest>, Error> {
        let rest = self.address.rest.as_deref();
        rest.map(|rest| Rest::new(rest, &self.collection, self.key.clone(), self.pace))
            .transpose()
    }
}
