//! What was measured, as a table.

use crate::measure::Figures;
use crate::turns::{self, Measured};

const HEAD: &str = "\
| stage | CPU s | clock s | its bound | CPU s | ratio | peak MiB | times the size before | by the clock | least to most | its bound's |
|---|---|---|---|---|---|---|---|---|---|---|";

/// The figures of one size, beside those of the size before.
pub(crate) fn of_a_size(size: usize, points: u64, measured: &[Measured]) -> String {
    let rows = measured.iter().map(|measured| row(size, measured));
    format!(
        "\n{points} records\n{HEAD}\n{}",
        rows.collect::<Vec<_>>().join("\n")
    )
}

fn row(size: usize, measured: &Measured) -> String {
    let cells = [
        measured.stage.name().to_owned(),
        shown(measured.typical(size, |figures| figures.cpu)),
        shown(measured.typical(size, |figures| figures.wall)),
        bound(size, measured),
        format!("{:.0}", measured.peak_mib(size)),
        growth(size, measured),
    ];
    format!("| {} |", cells.join(" | "))
}

/// The bound's name and time, and how often it is in the stage's of the same round.
fn bound(size: usize, measured: &Measured) -> String {
    let Some((name, bound)) = measured.stage.bound().zip(measured.bound(size)) else {
        return " | | ".to_owned();
    };
    let ratio = measured.beside_bound(size).cpu / bound.cpu;
    format!("{name} | {} | {}", shown(bound.cpu), shown(ratio))
}

/// In CPU time, by the clock, the range of the latter, and the bound's CPU time.
fn growth(size: usize, measured: &Measured) -> String {
    let Some(before) = size.checked_sub(1) else {
        return " | | | ".to_owned();
    };
    let cpu = measured.growths(size, |figures| figures.cpu);
    let clock = measured.growths(size, |figures| figures.wall);
    let range = format!("{} to {}", shown(clock[0]), shown(clock[clock.len() - 1]));
    let cpu_of = |size| measured.bound(size).map(|bound: &Figures| bound.cpu);
    let bounds = cpu_of(size)
        .zip(cpu_of(before))
        .map(|(now, before)| shown(now / before));
    let [cpu, clock] = [cpu, clock].map(|growths| shown(turns::median(growths)));
    format!("{cpu} | {clock} | {range} | {}", bounds.unwrap_or_default())
}

fn shown(figure: f64) -> String {
    format!("{figure:.2}")
}
