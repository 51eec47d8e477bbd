//! What ten million records cost in the ledger, the file index, reconciliation and
//! catch-up: CPU time beside that of a bound measured in the same run, peak memory, and
//! how both grow with ten times the records. Run it with
//!
//! ```sh
//! cargo bench --bench records                          # 100,000 and 1,000,000 records
//! cargo bench --bench records -- 1000000 10000000      # some minutes of CPU time, 9 GB in the temporary folder
//! cargo bench --bench records -- only=reconcile 100000 # one stage, and what it stands on
//! cargo bench --bench records -- rounds=5 1000000 10000000 # medians of five; bounds in the first
//! ```
//!
//! Sizes are given ascending, and each stage is measured of all of them before the next:
//! up to the largest and down again, in folders of their own, so that growth is that of
//! one stretch of time ([`turns`]). Each stage runs in a process of its own, so that its peak memory is its own, and calls
//! what the verbs call. Ids come in an order that has nothing to do with theirs, which is
//! the worst for a table on a disk. The account is a stand-in that answers pages of ids
//! and keys from a formula and discards what is written ([`account`]).

mod account;
mod bounds;
mod measure;
mod migration;
mod rows;
mod stages;
mod table;
mod turns;
#[path = "../support/words.rs"]
mod words;

use std::io::Write as _;
use std::path::Path;

use measure::Figures;
use rows::Collection;
use stages::Stage;

fn main() {
    let words = words::words();
    if let [flag, name, dir, points] = words.as_slice()
        && flag == measure::CHILD
    {
        let points = points.parse().expect("the parent gives a number");
        return child(name, Path::new(dir), Collection::of(points));
    }
    let asked = Asked::of(&words);
    let measured = turns::measure(&asked.sizes, &asked.only, asked.rounds);
    for (size, points) in asked.sizes.iter().enumerate() {
        say(&table::of_a_size(size, *points, &measured));
    }
}

/// What is to be measured.
struct Asked<'a> {
    /// Records, ascending.
    sizes: Vec<u64>,
    /// Names of stages; none: all of them.
    only: Vec<&'a str>,
    /// At least one.
    rounds: u64,
}

impl<'a> Asked<'a> {
    fn of(words: &'a [String]) -> Self {
        let (mut sizes, mut only, mut rounds) = (Vec::new(), Vec::new(), 1);
        for word in words {
            match word.split_once('=') {
                Some(("only", name)) if Stage::named(name).is_some() => only.push(name),
                Some(("only", name)) => words::refuse(name, "the name of a stage"),
                Some(("rounds", number)) => rounds = words::number(number).max(1),
                _ => sizes.push(words::number(word)),
            }
        }
        if sizes.is_empty() {
            sizes = vec![100_000, 1_000_000];
        }
        sizes.sort_unstable();
        sizes.dedup();
        Self {
            sizes,
            only,
            rounds,
        }
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

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("somebody reads this");
}
