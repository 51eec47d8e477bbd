//! A source whose pages give points twice, or leave some out, as Upstash's `range`
//! does while it is written to: each point is taken once, as it was last, and what a
//! pass missed is asked for by id.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use async_trait::async_trait;
use cf_migrate::error::Error;
use cf_migrate::point::{DenseField, Payload, Point, PointId, PointName, Shape};
use cf_migrate::source::{Cursor, Lane, Names, Page, ReadPoint, Source, SourceFacts};
use serde_json::Value;

use crate::binary::{INDEX, values};
use crate::simulation::{DIMENSIONS, Outcome, Simulation};

/// The name and version of a point.
type Version = (Option<&'static str>, &'static str, u64);

/// A source in which each page is as it is written here.
#[derive(Clone)]
struct Double {
    facts: SourceFacts,
    pages: Vec<Vec<Point>>,
    /// What can be asked for by id.
    held: BTreeMap<PointName, Point>,
    /// What the default namespace is counted too many.
    overcounted: u64,
    /// The page that cannot be had.
    broken: Option<usize>,
}

fn point((namespace, id, version): Version) -> Point {
    let payload = match version {
        // A point may have a text and nothing else, or not even that.
        0 => Payload::new(),
        _ => Payload::from_iter([("version".to_owned(), Value::from(version))]),
    };
    Point {
        id: PointId::Text(id.to_owned()),
        namespace: namespace.map(str::to_owned),
        dense: vec![Some(values(version, DIMENSIONS))],
        sparse: Vec::new(),
        payload,
        data: (version == 3).then(|| "a text".to_owned()),
    }
}

impl Double {
    fn new(pages: &[&[Version]], missed: &[Version]) -> Self {
        let pages: Vec<Vec<Point>> = pages
            .iter()
            .map(|page| page.iter().copied().map(point).collect())
            .collect();
        let missed: Vec<Point> = missed.iter().copied().map(point).collect();
        let held = pages.iter().flatten().chain(&missed);
        Self {
            held: held.map(|point| (point.name(), point.clone())).collect(),
            pages,
            overcounted: 0,
            broken: None,
            facts: SourceFacts {
                name: "upstash:".to_owned(),
                identity: "double".to_owned(),
                shape: Shape {
                    dense: vec![DenseField {
                        name: String::new(),
                        dimensions: DIMENSIONS,
                        distance: None,
                    }],
                    sparse: Vec::new(),
                    data: true,
                },
                warnings: Vec::new(),
            },
        }
    }

    fn migrated(self) -> Simulation {
        let mut simulation = Simulation::new(1, |_| {});
        simulation.file_index = false;
        simulation.mapping.id = Some("{namespace}:{id}".parse().unwrap());
        let double = self;
        simulation.open_source = Some(Arc::new(move || Box::new(double.clone())));
        simulation
    }
}

#[async_trait]
impl Source for Double {
    fn facts(&self) -> &SourceFacts {
        &self.facts
    }

    fn may_repeat(&self) -> bool {
        true
    }

    async fn count(&mut self) -> Result<Option<u64>, Error> {
        Ok(Some(self.held.len() as u64 + self.overcounted))
    }

    async fn count_by_namespace(&mut self) -> Result<Option<BTreeMap<Option<String>, u64>>, Error> {
        let mut counts = BTreeMap::from([(None, self.overcounted)]);
        for name in self.held.keys() {
            *counts.entry(name.namespace.clone()).or_default() += 1;
        }
        Ok(Some(counts))
    }

    async fn page(&mut self, from: Option<&Cursor>) -> Result<Page, Error> {
        let number: usize = match from {
            None => 0,
            Some(Cursor::Opaque(number)) => number.parse().unwrap(),
            Some(other) => panic!("a cursor of no one: {other:?}"),
        };
        if self.broken == Some(number) {
            return Err(Error::stopped("the source went away"));
        }
        let next = Cursor::Opaque((number + 1).to_string());
        let points = self.pages.get(number).cloned().unwrap_or_default();
        let points = points.into_iter();
        let mut points: Vec<ReadPoint> = points
            .map(|point| ReadPoint {
                point,
                resume: None,
            })
            .collect();
        if let Some(last) = points.last_mut() {
            last.resume = Some(next.clone());
        }
        Ok(Page {
            points,
            next: (number + 1 < self.pages.len()).then_some(next),
            lane: None,
        })
    }

    /// One name a page, the last page empty.
    async fn names_page(
        &mut self,
        lane: &Lane,
        from: Option<&Cursor>,
    ) -> Result<Option<Names>, Error> {
        let Lane::Namespace(namespace) = lane else {
            panic!("a lane of no one: {lane:?}");
        };
        let at: usize = match from {
            Some(Cursor::Opaque(at)) => at.parse().unwrap(),
            _ => 0,
        };
        let mut names = self.held.keys().filter(|name| name.namespace == *namespace);
        let name = names.nth(at).cloned();
        Ok(Some(Names {
            next: name.is_some().then(|| Cursor::Opaque((at + 1).to_string())),
            names: name.into_iter().collect(),
        }))
    }

    /// In another order than asked.
    async fn fetch(&mut self, names: &[PointName]) -> Result<Option<Vec<Point>>, Error> {
        let found = names.iter().rev().filter_map(|name| self.held.get(name));
        Ok(Some(found.cloned().collect()))
    }
}

/// Two namespaces with an id in common; `a` comes again as it was, `b` as another;
/// `x` comes three times.
const PAGES: [&[Version]; 4] = [
    &[(None, "a", 1), (None, "b", 1), (Some("eu"), "a", 2)],
    &[(None, "a", 1), (Some("eu"), "x", 4)],
    &[(None, "b", 5), (Some("eu"), "x", 6), (Some("eu"), "x", 4)],
    &[(None, "c", 0)],
];
/// What the pass does not give.
const MISSED: [Version; 2] = [(Some("eu"), "lost", 3), (None, "Ünïcode", 0)];

fn said(outcome: &Outcome, text: &str) -> bool {
    outcome.said.iter().any(|line| line.contains(text))
}

fn vectors(simulation: &Simulation) -> Vec<(String, Option<String>, Value)> {
    let vectors = simulation.sandbox.vectors(INDEX).unwrap();
    vectors
        .into_iter()
        .map(|(id, vector)| {
            let version = vector.metadata.unwrap_or_default()["version"].clone();
            (id, vector.namespace, version)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_point_is_taken_once_as_it_was_last_and_missed_ones_are_fetched() {
    let simulation = Double::new(&PAGES, &MISSED).migrated();
    let outcome = simulation.run().await.expect_code(0);
    outcome.check_sum();
    for name in ["source", "archived", "settled"] {
        assert_eq!(outcome.number(&format!("/points/{name}")), 7, "{name}");
    }
    let repeats =
        "4 points came again on a later page and were taken once; 3 of them with another content";
    assert!(said(&outcome, repeats), "{:#?}", outcome.said);
    let eu = |id: &str, version: u64| {
        (
            format!("eu:{id}"),
            Some("eu".to_owned()),
            Value::from(version),
        )
    };
    let none = |id: &str, version: Value| (format!(":{id}"), None, version);
    assert_eq!(
        vectors(&simulation),
        [
            none("a", Value::from(1)),
            none("b", Value::from(5)),
            none("c", Value::Null),
            none("Ünïcode", Value::Null),
            eu("a", 2),
            eu("lost", 3),
            eu("x", 4),
        ]
    );
    let rows = outcome.report["namespaces"].as_array().unwrap();
    for (row, count) in rows.iter().zip([4, 3]) {
        for name in ["source", "archived", "settled", "values_sampled"] {
            assert_eq!(row[name], count, "{name} in {row}");
        }
    }
    let again = simulation.run().await.expect_code(0);
    assert_eq!(again.number("/points/unchanged"), 7);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_found_is_told_by_namespace() {
    let mut double = Double::new(&PAGES, &[]);
    double.overcounted = 2;
    let outcome = double.migrated().run().await.expect_code(4);
    assert!(
        said(
            &outcome,
            "the default namespace: the source counts 5, 3 could be read"
        ),
        "{:#?}",
        outcome.said
    );
    assert!(!said(&outcome, "namespace 'eu'"), "{:#?}", outcome.said);
    assert_eq!(outcome.kinds(), ["count"]);
}

#[tokio::test(start_paused = true)]
async fn an_export_that_is_broken_off_at_any_page_ends_the_same() {
    let undisturbed = Double::new(&PAGES, &MISSED).migrated();
    undisturbed.run().await.expect_code(0);
    let wanted = undisturbed.sandbox.vectors(INDEX).unwrap();
    for broken in 0..PAGES.len() {
        let whole = Double::new(&PAGES, &MISSED);
        let stopped = Double {
            broken: Some(broken),
            ..whole.clone()
        };
        let mut simulation = stopped.migrated();
        simulation.run().await.expect_code(5);
        simulation.open_source = whole.migrated().open_source;
        let outcome = simulation.run().await.expect_code(0);
        outcome.check_sum();
        let found = simulation.sandbox.vectors(INDEX).unwrap();
        assert_eq!(found, wanted, "broken off at page {broken}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_part_is_exported_again_with_its_repeats() {
    let simulation = Double::new(&PAGES, &MISSED).migrated();
    simulation.run().await.expect_code(0);
    let part = simulation.folder.join("archive/0001/part-000001.parquet");
    let sealed = fs::read(&part).unwrap();
    fs::remove_file(&part).unwrap();
    simulation.verify().await.expect_code(0);
    assert_eq!(fs::read(&part).unwrap(), sealed);
}
