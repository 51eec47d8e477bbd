//! A collection's configuration as JSON in an archive's manifest, and back: what a
//! server said of it (`config` and `payload_schema` of its description), under the
//! names of Qdrant's public API. `recorded` is how, `messages` is what.

mod messages;
mod recorded;

use std::collections::HashMap;

use qdrant_client::qdrant::{CollectionConfig, CollectionInfo, PayloadSchemaInfo};
use serde_json::{Value, json};

pub(super) use self::recorded::Unreadable;
use self::recorded::{Members, Recorded};
use crate::source::Configuration;

/// What [`Configuration::service`] says.
const SERVICE: &str = "qdrant";

/// What decides how a collection holds and finds its points.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Settings {
    pub(super) config: CollectionConfig,
    /// Payload indexes by field; how many points they hold is left out.
    pub(super) payload_schema: HashMap<String, PayloadSchemaInfo>,
}

impl Settings {
    /// From a server's description of a collection.
    pub(super) fn of(info: &CollectionInfo) -> Self {
        let mut payload_schema = info.payload_schema.clone();
        for index in payload_schema.values_mut() {
            index.points = None;
        }
        Self {
            config: info.config.clone().unwrap_or_default(),
            payload_schema,
        }
    }

    /// As a manifest keeps it; `version` is the server's.
    pub(super) fn to_configuration(&self, version: &str) -> Configuration {
        Configuration {
            service: SERVICE.to_owned(),
            version: version.to_owned(),
            collection: self.to_json(),
        }
    }

    /// The same as [`Settings::to_configuration`] keeps under `collection`.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "config": self.config.to_json(),
            "payload_schema": self.payload_schema.to_json(),
        })
    }

    /// What a manifest kept; none when it is of another service's collection.
    ///
    /// # Errors
    /// What is no collection's configuration, or one with settings that this
    /// version does not know.
    pub(super) fn from_configuration(
        configuration: &Configuration,
    ) -> Result<Option<Self>, Unreadable> {
        if configuration.service != SERVICE {
            return Ok(None);
        }
        let mut members = Members::of(&configuration.collection)?;
        let settings = Self {
            config: members.take("config")?,
            payload_schema: members.take("payload_schema")?,
        };
        members.finish()?;
        Ok(Some(settings))
    }
}

#[cfg(test)]
mod tests;
