//! A part and its bounds, measured in turn and told as ratios.

use std::io::Write as _;

use nix::time::{ClockId, clock_gettime};

/// Noise of the machine only ever adds to what something costs: the least of so many
/// rounds is told.
const ROUNDS: usize = 7;

/// CPU seconds that `work` took, of all threads.
pub(crate) fn cpu_of<T>(work: impl FnOnce() -> T) -> f64 {
    let before = cpu();
    let outcome = std::hint::black_box(work());
    let after = cpu();
    drop(outcome);
    after - before
}

fn cpu() -> f64 {
    let time =
        clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("a process knows its CPU time");
    time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
}

/// One round of something: gives its CPU seconds. What is not to be counted is made
/// ready before [`cpu_of`].
type Round = Box<dyn FnMut() -> f64>;

/// What is measured: the part itself, then its bounds.
pub(crate) struct Part {
    name: &'static str,
    each: &'static str,
    count: usize,
    rounds: Vec<(&'static str, Round)>,
}

impl Part {
    /// A part that treats `count` things in a round, one of which is called `each`.
    pub(crate) fn new(
        name: &'static str,
        (count, each): (usize, &'static str),
        round: impl FnMut() -> f64 + 'static,
    ) -> Self {
        Self {
            name,
            each,
            count,
            rounds: vec![(name, Box::new(round))],
        }
    }

    /// Beside this, which does so much of the same work as nobody can leave out.
    pub(crate) fn beside(
        mut self,
        bound: &'static str,
        round: impl FnMut() -> f64 + 'static,
    ) -> Self {
        self.rounds.push((bound, Box::new(round)));
        self
    }

    /// Measures, and prints the line.
    pub(crate) fn run(mut self) {
        let mut least = vec![f64::INFINITY; self.rounds.len()];
        for _ in 0..ROUNDS {
            for (least, (_, round)) in least.iter_mut().zip(&mut self.rounds) {
                *least = least.min(round());
            }
        }
        let micros = |seconds: f64| seconds * 1e6 / self.count as f64;
        let mut line = format!(
            "{:<18}{:>8.2} µs a {}",
            self.name,
            micros(least[0]),
            self.each
        );
        for (seconds, (bound, _)) in least.iter().zip(&self.rounds).skip(1) {
            let ratio = least[0] / seconds;
            line += &format!("   {ratio:.2} x {bound} ({:.2} µs)", micros(*seconds));
        }
        writeln!(std::io::stdout(), "{line}").expect("somebody reads this");
    }
}

/// A round that copies `bytes` within memory.
pub(crate) fn memory_copy(bytes: Vec<u8>) -> impl FnMut() -> f64 {
    let mut copy = vec![1; bytes.len()];
    move || cpu_of(|| std::hint::black_box(&mut copy).copy_from_slice(std::hint::black_box(&bytes)))
}
