//! What is decided before the first write: frozen, kept in the ledger, and held
//! against every later start. Settings of speed are no part of it.

mod created;
mod dimensions;
mod survey;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;
use crate::file_index::FileIndexPlan;
use crate::ledger::Ledger;
use crate::record::{Dimensions, Metric};
use crate::source::SourceFacts;
use crate::transform::Mapping;

pub use created::Created;
pub use dimensions::proposed_dimensions;
pub use survey::{
    Blocker, IndexState, KvState, TargetFacts, Wishes, choose_target, find_namespace, survey_index,
};

/// What decides which records go where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The source.
    pub source: PlannedSource,
    /// How its points become records.
    pub mapping: Mapping,
    /// Where they go.
    pub target: PlannedTarget,
}

/// The source of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSource {
    /// As messages name it.
    pub name: String,
    /// What tells it from another of that name.
    pub identity: String,
}

impl From<&SourceFacts> for PlannedSource {
    fn from(facts: &SourceFacts) -> Self {
        Self {
            name: facts.name.clone(),
            identity: facts.identity.clone(),
        }
    }
}

/// The index of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTarget {
    /// The account or sandbox, without secrets.
    pub service: String,
    /// The index's name.
    pub index: String,
    /// Its dimensions.
    pub dimensions: Dimensions,
    /// Its metric.
    pub metric: Metric,
}

const RECORDS: &str = "records";
const FILE_INDEX: &str = "file_index";

impl Plan {
    /// The plan that the ledger keeps.
    pub fn load(ledger: &Ledger) -> Result<Option<Self>, Error> {
        load(ledger, RECORDS)
    }

    /// Keeps the plan where there is none yet, and refuses another one.
    pub fn freeze(&self, ledger: &Ledger) -> Result<(), Error> {
        freeze(ledger, RECORDS, self)
    }

    /// Makes the kept plan that of the source as it is now: its identity is that of the
    /// generation that is migrated.
    pub fn adopt_source(ledger: &Ledger, facts: &SourceFacts) -> Result<(), Error> {
        let Some(mut plan) = Self::load(ledger)? else {
            return Ok(());
        };
        plan.source = PlannedSource::from(facts);
        let json = serde_json::to_string(&plan).expect("a plan is plain JSON");
        ledger.keep_section(RECORDS, &json)
    }

    /// Whether this plan may take the place of the one that the ledger keeps:
    /// of a source of the same name, while nothing was sent. What was refused
    /// before its first write is mended by other settings, or in the source, on
    /// the same folder.
    pub fn may_replace(&self, ledger: &Ledger) -> Result<bool, Error> {
        match Self::load(ledger)? {
            Some(kept) if kept != *self && kept.source.name == self.source.name => {
                Ok(!ledger.has_sent()?)
            }
            _ => Ok(false),
        }
    }
}

/// The file index's plan that the ledger keeps.
pub fn load_file_index(ledger: &Ledger) -> Result<Option<FileIndexPlan>, Error> {
    load(ledger, FILE_INDEX)
}

/// Keeps the file index's plan where there is none yet, and refuses another one.
pub fn freeze_file_index(ledger: &Ledger, plan: &FileIndexPlan) -> Result<(), Error> {
    freeze(ledger, FILE_INDEX, plan)
}

fn load<T: serde::de::DeserializeOwned>(
    ledger: &Ledger,
    section: &str,
) -> Result<Option<T>, Error> {
    let Some(json) = ledger.plan_section(section)? else {
        return Ok(None);
    };
    serde_json::from_str(&json).map(Some).map_err(|error| {
        Error::failed("the plan in the ledger cannot be read")
            .advise("another version of cf-migrate began this folder; use that one, or start over in a new folder with --dir")
            .because(error)
    })
}

fn freeze<T: Serialize + serde::de::DeserializeOwned>(
    ledger: &Ledger,
    section: &str,
    wanted: &T,
) -> Result<(), Error> {
    let json = serde_json::to_value(wanted).expect("a plan is plain JSON");
    let Some(frozen) = ledger.plan_section(section)? else {
        return ledger.freeze_section(section, &json.to_string());
    };
    // Through the type, so that options which came later have their defaults.
    let known: Option<T> = serde_json::from_str(&frozen).ok();
    let frozen = match known {
        Some(known) => serde_json::to_value(known).expect("a plan is plain JSON"),
        None => serde_json::from_str(&frozen).unwrap_or(Value::Null),
    };
    let differences = differences(&frozen, &json);
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "this migration folder was begun with other settings:\n  {}",
        differences.join("\n  ")
    ))
    .advise("give the settings it was begun with, or start a migration of its own with --dir"))
}

/// What differs between two plans, a line each.
fn differences(frozen: &Value, wanted: &Value) -> Vec<String> {
    let (frozen, wanted) = (leaves(frozen), leaves(wanted));
    let keys: std::collections::BTreeSet<&String> = frozen.keys().chain(wanted.keys()).collect();
    let shown = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    keys.into_iter()
        .filter(|key| {
            frozen.get(*key).unwrap_or(&Value::Null) != wanted.get(*key).unwrap_or(&Value::Null)
        })
        .map(|key| {
            format!(
                "{key}: {} then, {} now",
                shown(frozen.get(key)),
                shown(wanted.get(key))
            )
        })
        .collect()
}

fn leaves(value: &Value) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    collect("", value, &mut leaves);
    leaves
}

fn collect(path: &str, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(object) => {
            for (key, below) in object {
                let separator = if path.is_empty() { "" } else { "." };
                collect(&format!("{path}{separator}{key}"), below, leaves);
            }
        }
        leaf => {
            leaves.insert(path.to_owned(), leaf.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_name_the_setting_and_both_values() {
        let frozen =
            json!({"mapping": {"id": "{id}", "vector": null}, "target": {"index": "docs"}});
        let wanted = json!({"mapping": {"id": "{file_id}"}, "target": {"index": "docs"}});
        assert_eq!(
            differences(&frozen, &wanted),
            ["mapping.id: {id} then, {file_id} now"]
        );
        assert!(differences(&frozen, &frozen).is_empty());
    }

    fn plan() -> Plan {
        Plan {
            source: PlannedSource {
                name: "qdrant:docs".into(),
                identity: "http://a:6334".into(),
            },
            mapping: Mapping::default(),
            target: PlannedTarget {
                service: "sandbox".into(),
                index: "docs".into(),
                dimensions: Dimensions::new(384).unwrap(),
                metric: Metric::Cosine,
            },
        }
    }

    #[test]
    fn only_a_plan_of_a_source_of_that_name_that_sent_nothing_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
        let kept = plan();
        assert!(!kept.may_replace(&ledger).unwrap());
        kept.freeze(&ledger).unwrap();
        assert!(!kept.may_replace(&ledger).unwrap());
        let mut other = plan();
        other.mapping.id = "{file_id}".parse().unwrap();
        assert!(other.may_replace(&ledger).unwrap());
        let mut changed = plan();
        changed.source.identity = "another time".into();
        assert!(changed.may_replace(&ledger).unwrap());
        let mut elsewhere = other.clone();
        elsewhere.source.name = "qdrant:more".into();
        assert!(!elsewhere.may_replace(&ledger).unwrap());
        ledger.batch_sent(0, 9).unwrap();
        assert!(!other.may_replace(&ledger).unwrap());
    }

    #[test]
    fn a_plan_from_before_an_option_came_has_that_options_default() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
        let plan = plan();
        let mut old = serde_json::to_value(&plan).unwrap();
        let mapping = old["mapping"].as_object_mut().unwrap();
        mapping.retain(|option, _| ["id", "namespace", "file_key"].contains(&option.as_str()));
        ledger.freeze_section(RECORDS, &old.to_string()).unwrap();
        plan.freeze(&ledger).unwrap();
        let mut other = plan;
        other.mapping.keep = vec!["title".into()];
        let error = other.freeze(&ledger).unwrap_err().to_string();
        assert!(
            error.ends_with(r#"mapping.keep: [] then, ["title"] now"#),
            "{error}"
        );
    }

    #[test]
    fn a_frozen_plan_is_held_against_every_later_one() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
        let plan = plan();
        plan.freeze(&ledger).unwrap();
        plan.freeze(&ledger).unwrap();
        assert_eq!(Plan::load(&ledger).unwrap(), Some(plan.clone()));
        let mut other = plan;
        other.target.index = "other".into();
        let error = other.freeze(&ledger).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Refused);
        assert!(
            error
                .to_string()
                .contains("target.index: docs then, other now")
        );
    }
}
