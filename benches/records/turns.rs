//! Sizes in turn: the same stage of a small collection right before and right after that
//! of a large one, so that what slows the machine down for a while is in both.

use std::path::Path;

use tempfile::TempDir;

use crate::measure::{self, Figures};
use crate::stages::Stage;

/// What a stage took in one round.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Of each size, ascending: once of the largest, of others twice.
    ours: Vec<Vec<Figures>>,
    /// Of each size, in the first round.
    bounds: Vec<Option<Figures>>,
}

/// All rounds of a stage.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) stage: Stage,
    turns: Vec<Turn>,
}

impl Measured {
    /// The middle of all rounds.
    pub(crate) fn typical(&self, size: usize, of: fn(&Figures) -> f64) -> f64 {
        median(self.turns.iter().map(|turn| turn.mean(size, of)).collect())
    }

    /// How often what that size took holds what the size before took, in each round,
    /// ascending.
    pub(crate) fn growths(&self, size: usize, of: fn(&Figures) -> f64) -> Vec<f64> {
        let growth = |turn: &Turn| turn.mean(size, of) / turn.mean(size - 1, of);
        let mut growths: Vec<f64> = self.turns.iter().map(growth).collect();
        growths.sort_by(f64::total_cmp);
        growths
    }

    pub(crate) fn peak_mib(&self, size: usize) -> f64 {
        let all = self.turns.iter().flat_map(|turn| &turn.ours[size]);
        all.map(Figures::peak_mib).fold(0.0, f64::max)
    }

    pub(crate) fn bound(&self, size: usize) -> Option<&Figures> {
        self.turns.first()?.bounds[size].as_ref()
    }

    /// What was measured just before its bound.
    pub(crate) fn beside_bound(&self, size: usize) -> &Figures {
        &self.turns[0].ours[size][0]
    }
}

impl Turn {
    fn to_line(&self, round: u64, stage: Stage, sizes: &[u64]) -> String {
        let of_each_size = sizes.iter().zip(&self.ours).map(|(points, ours)| {
            let seconds = ours.iter().map(|figures| format!("{:.2}", figures.wall));
            let seconds = seconds.collect::<Vec<_>>().join(" and ");
            format!("{points} in {seconds} s")
        });
        let of_each_size = of_each_size.collect::<Vec<_>>().join(", ");
        format!("round {round}, {}: {of_each_size}", stage.name())
    }

    fn mean(&self, size: usize, of: fn(&Figures) -> f64) -> f64 {
        let all = &self.ours[size];
        all.iter().map(of).sum::<f64>() / all.len() as f64
    }
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        1 => figures[middle],
        _ => (figures[middle - 1] + figures[middle]) / 2.0,
    }
}

/// Every stage that is wanted, of sizes in ascending order, and its bound right after it
/// in the first round.
pub(crate) fn measure(sizes: &[u64], only: &[&str], rounds: u64) -> Vec<Measured> {
    let wanted = Stage::ALL
        .into_iter()
        .filter(|stage| stage.is_needed_for(only));
    let mut measured: Vec<Measured> = wanted
        .map(|stage| Measured {
            stage,
            turns: Vec::new(),
        })
        .collect();
    for round in 0..rounds {
        let places = Place::all(sizes);
        for measured in &mut measured {
            let turn = take_turn(measured.stage, &places, sizes.len(), round == 0);
            // A long series that is cut off has told what it saw.
            crate::say(&turn.to_line(round + 1, measured.stage, sizes));
            measured.turns.push(turn);
        }
    }
    measured
}

/// A folder of one size.
struct Place {
    size: usize,
    points: u64,
    dir: TempDir,
}

impl Place {
    /// Up to the largest size and down again.
    fn all(sizes: &[u64]) -> Vec<Self> {
        let up = sizes.iter().copied().enumerate();
        let down = up.clone().rev().skip(1);
        up.chain(down)
            .map(|(size, points)| Self {
                size,
                points,
                dir: tempfile::tempdir().expect("a temporary folder"),
            })
            .collect()
    }
}

fn take_turn(stage: Stage, places: &[Place], sizes: usize, with_bound: bool) -> Turn {
    let mut ours = vec![Vec::new(); sizes];
    let mut bounds = vec![None; sizes];
    for place in places {
        let path: &Path = place.dir.path();
        ours[place.size].push(measure::in_a_process(stage.name(), path, place.points));
        let on_the_way_up = ours[place.size].len() == 1;
        if let Some(bound) = stage.bound().filter(|_| with_bound && on_the_way_up) {
            bounds[place.size] = Some(measure::in_a_process(bound, path, place.points));
        }
    }
    Turn { ours, bounds }
}
