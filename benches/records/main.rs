//! What ten million records cost in the ledger, the file index, reconciliation and
//! catch-up: CPU time beside that of a bound measured in the same run, peak memory, and
//! how both grow with ten times the records. Run it with
//!
//! ```sh
//! cargo bench --bench records                          # 100,000 and 1,000,000 records
//! cargo bench --bench records -- 1000000 10000000      # some minutes of CPU time, 8 GB in the temporary folder
//! cargo bench --bench records -- only=reconcile 100000 # one stage, and what it stands on
//! ```
//!
//! Each stage runs in a process of its own, so that its peak memory is its own, and calls
//! what the verbs call. Ids come in an order that has nothing to do with theirs, which is
//! the worst for a table on a disk. The account is a stand-in that answers pages of ids
//! and keys from a formula and discards what is written ([`account`]).

mod account;
mod bounds;
mod measure;
mod migration;
mod rows;
mod stages;

use std::io::Write as _;
use std::path::Path;

use measure::Figures;
use rows::Collection;
use stages::Stage;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, dir, points] = words.as_slice()
        && flag == measure::CHILD
    {
        let points = points.parse().expect("the parent gives a number");
        return child(name, Path::new(dir), Collection::of(points));
    }
    let given: Vec<u64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let sizes = match given.is_empty() {
        true => vec![100_000, 1_000_000],
        false => given,
    };
    let only: Vec<&str> = words
        .iter()
        .filter_map(|word| word.strip_prefix("only="))
        .collect();
    let mut before: Option<Vec<Row>> = None;
    for points in sizes {
        let figures = measure_all(points, &only);
        print_table(points, &figures, before.as_deref());
        before = Some(figures);
    }
}

/// One stage or bound, in this process.
fn child(name: &str, dir: &Path, collection: Collection) {
    match Stage::named(name) {
        Some(stage) => stage.run(dir, collection),
        None => bounds::run(name, dir, collection),
    }
    say(&Figures::of_this_process().to_line());
}

type Row = (Stage, Figures, Option<Figures>);

/// Every stage that is wanted, and its bound right after it.
fn measure_all(points: u64, only: &[&str]) -> Vec<Row> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut rows = Vec::new();
    for stage in Stage::ALL {
        if !stage.is_needed_for(only) {
            continue;
        }
        let ours = measure::in_a_process(stage.name(), dir.path(), points);
        let bound = stage
            .bound()
            .map(|bound| measure::in_a_process(bound, dir.path(), points));
        rows.push((stage, ours, bound));
    }
    rows
}

fn print_table(points: u64, rows: &[Row], before: Option<&[Row]>) {
    say(&format!("\n{points} records"));
    say(
        "| stage | CPU s | clock s | its bound | CPU s | ratio | peak MiB | times the size before | by the clock | its bound's |",
    );
    say("|---|---|---|---|---|---|---|---|---|---|");
    for (stage, ours, bound) in rows {
        let (bound_name, bound_cpu, beside) = match (stage.bound(), bound) {
            (Some(name), Some(bound)) => (
                name,
                format!("{:.2}", bound.cpu),
                ratio(ours.cpu, bound.cpu),
            ),
            _ => ("", String::new(), String::new()),
        };
        let earlier = before.into_iter().flatten().find(|row| row.0 == *stage);
        let growth = |seconds: fn(&Figures) -> f64| {
            let growth = earlier.map(|(_, before, _)| ratio(seconds(ours), seconds(before)));
            growth.unwrap_or_default()
        };
        let bounds = earlier
            .and_then(|(_, _, before)| Some(ratio(bound.as_ref()?.cpu, before.as_ref()?.cpu)));
        say(&format!(
            "| {} | {:.2} | {:.2} | {bound_name} | {bound_cpu} | {beside} | {:.0} | {} | {} | {} |",
            stage.name(),
            ours.cpu,
            ours.wall,
            ours.peak_mib(),
            growth(|figures| figures.cpu),
            growth(|figures| figures.wall),
            bounds.unwrap_or_default(),
        ));
    }
}

fn ratio(one: f64, other: f64) -> String {
    format!("{:.2}", one / other)
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody reads this");
}
