//! Random histories of writes against a plain map: what is stored, counted and
//! listed, now and in a walk that began earlier.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cf_migrate::sandbox::SandboxOptions;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Api, INDEXES, simulated, vector};

#[derive(Debug, Clone)]
enum Step {
    Upsert(BTreeSet<u8>),
    Insert(BTreeSet<u8>),
    Delete(BTreeSet<u8>),
    /// Lets everything accepted be applied.
    Wait,
    /// Begins a walk; an earlier one is forgotten.
    Walk,
}

fn step() -> impl Strategy<Value = Step> {
    let ids = || proptest::collection::btree_set(0..12_u8, 1..6);
    prop_oneof![
        ids().prop_map(Step::Upsert),
        ids().prop_map(Step::Insert),
        ids().prop_map(Step::Delete),
        Just(Step::Wait),
        Just(Step::Walk),
    ]
}

/// What was accepted, and how much of it is visible.
#[derive(Default)]
struct Model {
    accepted: BTreeMap<String, f64>,
    visible: BTreeMap<String, f64>,
}

impl Model {
    fn apply(&mut self, step: &Step, mark: f64) {
        let names = |ids: &BTreeSet<u8>| ids.iter().map(u8::to_string).collect::<Vec<_>>();
        match step {
            Step::Upsert(ids) => self
                .accepted
                .extend(names(ids).into_iter().map(|id| (id, mark))),
            Step::Insert(ids) => {
                for id in names(ids) {
                    self.accepted.entry(id).or_insert(mark);
                }
            }
            Step::Delete(ids) => {
                let gone = names(ids);
                self.accepted.retain(|id, _| !gone.contains(id));
            }
            Step::Wait => self.visible = self.accepted.clone(),
            Step::Walk => {}
        }
    }
}

async fn perform(api: &Api, step: &Step, mark: f64) {
    let lines = |ids: &BTreeSet<u8>| {
        ids.iter()
            .map(|id| vector(&id.to_string(), mark))
            .collect::<Vec<_>>()
    };
    match step {
        Step::Upsert(ids) => drop(api.upsert(&lines(ids)).await.result()),
        Step::Insert(ids) => drop(api.write("insert", &lines(ids)).await.result()),
        Step::Delete(ids) => {
            let ids: Vec<_> = ids.iter().map(u8::to_string).collect();
            let path = format!("{INDEXES}/i/delete_by_ids");
            api.post(&path, json!({"ids": ids})).await.result();
        }
        Step::Wait => tokio::time::advance(Duration::from_secs(1)).await,
        Step::Walk => {}
    }
}

async fn page(api: &Api, query: &str) -> (BTreeSet<String>, Value) {
    let page = api.get(&format!("{INDEXES}/i/list?{query}")).await.result();
    let ids = page["vectors"].as_array().unwrap().iter();
    let ids = ids
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    (ids, page["nextCursor"].clone())
}

async fn check_now(api: &Api, model: &Model) {
    let stored = api.sandbox.vectors("i").unwrap();
    let stored: BTreeMap<_, _> = stored
        .into_iter()
        .map(|(id, one)| (id, f64::from(one.values[0])))
        .collect();
    assert_eq!(stored, model.visible);
    assert_eq!(api.info().await["vectorCount"], model.visible.len());
    let (listed, _) = page(api, "count=1000").await;
    assert!(listed.iter().eq(model.visible.keys()));
}

/// A walk that began: the ids of its first page, its cursor, all ids it must see.
type Walk = (BTreeSet<String>, String, BTreeSet<String>);

async fn begin_walk(api: &Api, model: &Model) -> Option<Walk> {
    let (first, cursor) = page(api, "count=1").await;
    let cursor = cursor.as_str()?.replace('+', "%2B");
    Some((first, cursor, model.visible.keys().cloned().collect()))
}

async fn run(steps: Vec<Step>) {
    let api = simulated(SandboxOptions {
        budget: None,
        ..SandboxOptions::default()
    });
    let api = api.with_index("cosine").await;
    let mut model = Model::default();
    let mut walk: Option<Walk> = None;
    for (number, step) in steps.iter().enumerate() {
        let mark = number as f64 + 1.0;
        perform(&api, step, mark).await;
        model.apply(step, mark);
        check_now(&api, &model).await;
        if matches!(step, Step::Walk) {
            walk = begin_walk(&api, &model).await;
        }
        if let Some((first, cursor, all)) = &walk {
            let (rest, _) = page(&api, &format!("count=1000&cursor={cursor}")).await;
            assert!(first.is_disjoint(&rest));
            assert!(first.union(&rest).eq(all));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_history_leaves_what_a_map_would_hold_and_walks_see_their_beginning(
        steps in proptest::collection::vec(step(), 1..30)
    ) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(run(steps));
    }
}
