//! Random collections, and what becomes of them while time passes.

use std::collections::BTreeSet;

use cf_migrate::point::{DenseField, Distance, Point, PointName, Shape};
use cf_migrate::source::SourceFacts;

use crate::choices::Choices;
use crate::dice::Dice;
use crate::points::{self, IdStyle, Taste};
use crate::source::{self, Collection};

pub fn taste(choices: &mut Choices, dice: &mut Dice) -> Taste {
    let target = dice.weighted(&[(8, 32_usize), (3, 33), (2, 64), (1, 1_536)]);
    let length = match dice.chance(0.25) {
        true => target + dice.index(60) + 1,
        false => target,
    };
    if length != target || dice.chance(0.05) {
        choices.dims = Some(target);
    }
    let others = dice.weighted(&[(6, 0_usize), (1, 1), (1, 2)]);
    let mut dimensions = vec![length; 1 + others];
    let chosen = dice.index(dimensions.len());
    for (position, other) in dimensions.iter_mut().enumerate() {
        if position != chosen {
            *other = 3 + position;
        }
    }
    if others > 0 {
        choices.vector = Some(format!("v{chosen}"));
    }
    Taste {
        dimensions,
        chosen,
        sparse: usize::from(dice.chance(0.1)),
        data: dice.chance(0.15),
        odd: dice.weighted(&[(4, 0.0), (3, 0.03), (2, 0.3)]),
        doubtful: dice.weighted(&[(5, 0.0), (2, 0.05), (1, 0.4)]),
        files: dice.scale(60),
        file_field: if choices.rename { "doc" } else { "file_id" },
        ids: *dice.pick(&[
            IdStyle::Integers,
            IdStyle::Uuids,
            IdStyle::Texts,
            IdStyle::Mixed,
        ]),
    }
}

/// The collection some time later: points have changed, come and gone.
pub fn evolve(collection: &Collection, taste: &Taste, dice: &mut Dice) -> Collection {
    let [changed, gone, new, moved] = match dice.index(4) {
        0 => [0.0; 4],
        1 => [0.05, 0.02, 0.05, 0.01],
        2 => [0.3, 0.1, 0.2, 0.05],
        _ => [0.5, dice.between(0, 8) as f64 / 10.0, 0.3, 0.2],
    };
    let mut lanes = Vec::new();
    for (name, points) in &collection.lanes {
        let mut later = Vec::new();
        for point in points {
            if dice.chance(gone) {
                continue;
            }
            let mut point = point.clone();
            if dice.chance(changed) {
                point
                    .payload
                    .insert("title".to_owned(), points::words(dice).into());
            }
            if dice.chance(changed / 3.0) {
                point.dense[taste.chosen] =
                    Some(points::vector(taste.dimensions[taste.chosen], dice));
            }
            if dice.chance(moved) {
                let file = points::file_id(dice.between(0, taste.files));
                point.payload.insert(taste.file_field.to_owned(), file);
            }
            later.push(point);
        }
        for _ in 0..points.len() {
            if dice.chance(new) {
                let number = 1_000 + dice.between(0, 1_000_000);
                later.push(points::point(number, name.as_deref(), taste, dice));
            }
        }
        lanes.push((name.clone(), later));
    }
    if !collection.may_repeat {
        // An id is there once.
        for (_, points) in &mut lanes {
            let mut known = BTreeSet::new();
            points.retain(|point| known.insert(point.name()));
        }
    }
    Collection {
        facts: collection.facts.clone(),
        lanes,
        ..*collection
    }
}

pub fn collection(taste: &Taste, metric: Distance, dice: &mut Dice) -> Collection {
    let most = if taste.dimensions[taste.chosen] > 1_000 {
        12
    } else {
        400
    };
    let size = if dice.chance(0.01) {
        0
    } else {
        dice.scale(most)
    };
    let laned = dice.chance(0.35);
    let may_repeat = dice.chance(0.2);
    let doubled = !laned && !may_repeat && dice.chance(0.1);
    let mut lanes = empty_lanes(laned, dice);
    for number in 0..size {
        let lane = dice.index(lanes.len());
        let namespace = match laned {
            true => lanes[lane].0.clone(),
            false => flat_namespace(dice),
        };
        // Ids need not be unique beyond their namespace.
        let number = if lanes.len() > 1 && dice.chance(0.02) {
            number / 2
        } else {
            number
        };
        let point = points::point(number, namespace.as_deref(), taste, dice);
        push(&mut lanes[lane].1, point, may_repeat || doubled, dice);
    }
    if laned && !may_repeat {
        // A namespace holds an id once.
        for (_, points) in &mut lanes {
            let mut known = BTreeSet::new();
            points.retain(|point| known.insert(point.name()));
        }
    }
    Collection {
        facts: facts(taste, metric),
        laned,
        counts_by_namespace: laned && dice.chance(0.5),
        may_repeat,
        fetches: !has_doubles(&lanes, may_repeat) && dice.chance(0.8),
        pinned: !laned && dice.chance(0.3),
        sealed_points: dice.chance(0.5).then(|| dice.scale(100)),
        lanes,
    }
}

/// A point, and sometimes one of those before it again.
fn push(points: &mut Vec<Point>, point: Point, repeats: bool, dice: &mut Dice) {
    if repeats && !points.is_empty() && dice.chance(0.05) {
        let earlier = points[dice.index(points.len())].clone();
        points.push(source::repeat(&earlier, dice));
    }
    points.push(point);
}

fn has_doubles(lanes: &[(Option<String>, Vec<Point>)], may_repeat: bool) -> bool {
    let points: Vec<&Point> = lanes.iter().flat_map(|(_, points)| points).collect();
    let names: BTreeSet<PointName> = points.iter().map(|point| point.name()).collect();
    !may_repeat && names.len() < points.len()
}

fn empty_lanes(laned: bool, dice: &mut Dice) -> Vec<(Option<String>, Vec<Point>)> {
    if !laned {
        return vec![(None, Vec::new())];
    }
    let mut names = vec![None, Some("a".to_owned()), Some("ß b".to_owned())];
    names.extend((0..dice.index(4)).map(|number| Some(format!("tenant-{number}"))));
    if dice.chance(0.1) {
        names.push(Some("x".repeat(65)));
    }
    let begin = dice.index(names.len());
    let names = names.split_off(begin);
    names.into_iter().map(|name| (name, Vec::new())).collect()
}

fn flat_namespace(dice: &mut Dice) -> Option<String> {
    match dice.index(300) {
        0 => Some(String::new()),
        1 => Some("n".repeat(64)),
        2 => Some("ü".repeat(33)),
        _ => None,
    }
}

fn facts(taste: &Taste, metric: Distance) -> SourceFacts {
    let single = taste.dimensions.len() == 1;
    let fields = taste
        .dimensions
        .iter()
        .enumerate()
        .map(|(position, length)| DenseField {
            name: if single {
                String::new()
            } else {
                format!("v{position}")
            },
            dimensions: *length,
            distance: Some(metric),
        });
    SourceFacts {
        name: "simulated:points".to_owned(),
        identity: "the first".to_owned(),
        shape: Shape {
            dense: fields.collect(),
            sparse: (0..taste.sparse)
                .map(|number| format!("s{number}"))
                .collect(),
            data: taste.data,
        },
        warnings: Vec::new(),
    }
}
