//! What this migration created in the account: a rollback may delete it as a whole.
//! Known only once the account said so; a kill in that very moment leaves it to be
//! taken for somebody else's, which is the safe side.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::ledger::Ledger;

const CREATED: &str = "created";

/// What was created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// Indexes, by name.
    pub indexes: Vec<String>,
    /// KV namespaces, by id.
    pub namespaces: Vec<String>,
}

impl Created {
    /// What the ledger knows to have been created.
    pub fn load(ledger: &Ledger) -> Result<Self, Error> {
        Ok(super::load(ledger, CREATED)?.unwrap_or_default())
    }

    /// Remembers an index.
    pub fn add_index(ledger: &Ledger, name: &str) -> Result<(), Error> {
        Self::add(ledger, |created| &mut created.indexes, name)
    }

    /// Remembers a KV namespace.
    pub fn add_namespace(ledger: &Ledger, id: &str) -> Result<(), Error> {
        Self::add(ledger, |created| &mut created.namespaces, id)
    }

    fn add(
        ledger: &Ledger,
        list: impl Fn(&mut Self) -> &mut Vec<String>,
        name: &str,
    ) -> Result<(), Error> {
        let mut created = Self::load(ledger)?;
        let list = list(&mut created);
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
        let json = serde_json::to_string(&created).expect("lists of names are plain JSON");
        ledger.keep_section(CREATED, &json)
    }
}
