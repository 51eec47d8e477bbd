//! What can go wrong on demand, and the seeded dice that decide when. What each
//! kind does to a call is in [`super::dispatch`] and in the rooms themselves.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::Operation;

/// One way in which a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// `429`: refused as too frequent, and not carried out. Vectorize writes get
    /// 40041 without `Retry-After`, everything else 971 with `Retry-After: 1`.
    TooManyRequests,
    /// `500`, `502`, `503`: fails with an envelope, not carried out.
    /// `504`: carried out, but answered as failed.
    ServerError(u16),
    /// `502-html` and so on: the same with a gateway's HTML page.
    ServerErrorHtml(u16),
    /// `500-bare` and so on: the same with a body of two fields, `{code, error}`.
    ServerErrorBare(u16),
    /// `challenge`: the firewall's page, 403 with `cf-mitigated: challenge`.
    Challenge,
    /// `drop-before`: the connection is cut, the call not carried out.
    DropBefore,
    /// `drop-after`: the call is carried out, then the connection is cut.
    DropAfter,
    /// `slow`: carried out, the answer comes [`FaultKind::SLOWNESS`] later.
    Slow,
    /// `truncated`: carried out, half of the answer's body arrives.
    Truncated,
    /// `kv-partial`: a bulk put or delete leaves out some keys and names them in
    /// `unsuccessful_keys` of a successful answer.
    KvPartial,
    /// `never-applied`: a Vectorize mutation is accepted and passed over.
    NeverApplied,
    /// `altered`: one float of an insert or upsert changes as it is applied.
    Altered,
    /// `cursor-corrupted`: a page of a walk over the ids is refused with 40052
    /// when mutations were applied since the walk began.
    CursorCorrupted,
}

const WORDS: [(&str, FaultKind); 10] = [
    ("429", FaultKind::TooManyRequests),
    ("challenge", FaultKind::Challenge),
    ("drop-before", FaultKind::DropBefore),
    ("drop-after", FaultKind::DropAfter),
    ("slow", FaultKind::Slow),
    ("truncated", FaultKind::Truncated),
    ("kv-partial", FaultKind::KvPartial),
    ("never-applied", FaultKind::NeverApplied),
    ("altered", FaultKind::Altered),
    ("cursor-corrupted", FaultKind::CursorCorrupted),
];

impl FaultKind {
    /// How much later a slow answer comes.
    pub const SLOWNESS: std::time::Duration = std::time::Duration::from_secs(5);

    /// Whether the kind means anything to the operation.
    fn concerns(self, operation: Operation) -> bool {
        match self {
            Self::KvPartial => matches!(
                operation,
                Operation::BulkPut | Operation::BulkDelete | Operation::BulkDeleteOld
            ),
            Self::NeverApplied => operation.is_mutation(),
            Self::Altered => matches!(operation, Operation::Insert | Operation::Upsert),
            Self::CursorCorrupted => operation == Operation::ListVectors,
            _ => true,
        }
    }
}

fn server_status(text: &str) -> Option<u16> {
    match text {
        "500" => Some(500),
        "502" => Some(502),
        "503" => Some(503),
        "504" => Some(504),
        _ => None,
    }
}

impl FromStr for FaultKind {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = WORDS.iter().find(|(word, _)| *word == text);
        let server = || match text.split_once('-') {
            None => server_status(text).map(Self::ServerError),
            Some((status, "html")) => server_status(status).map(Self::ServerErrorHtml),
            Some((status, "bare")) => server_status(status).map(Self::ServerErrorBare),
            Some(_) => None,
        };
        word.map(|(_, kind)| *kind)
            .or_else(server)
            .ok_or_else(|| ParseFaultError::Kind(text.to_owned()))
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServerError(status) => write!(f, "{status}"),
            Self::ServerErrorHtml(status) => write!(f, "{status}-html"),
            Self::ServerErrorBare(status) => write!(f, "{status}-bare"),
            other => {
                let word = WORDS.iter().find(|(_, kind)| kind == other);
                f.write_str(word.map_or("", |(word, _)| word))
            }
        }
    }
}

/// A fault and the share of calls that meet it, written `KIND:RATE`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultRate {
    /// What goes wrong.
    pub kind: FaultKind,
    /// The share of the calls it concerns, 0 to 1.
    pub rate: f64,
}

impl FromStr for FaultRate {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || ParseFaultError::Shape(text.to_owned());
        let (kind, rate) = text.split_once(':').ok_or_else(shape)?;
        let kind = kind.parse()?;
        let rate = rate.parse().map_err(|_| shape())?;
        if !(0.0..=1.0).contains(&rate) {
            return Err(shape());
        }
        Ok(Self { kind, rate })
    }
}

impl fmt::Display for FaultRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.rate)
    }
}

/// Why a text is not `KIND:RATE`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseFaultError {
    /// Not two parts, or the rate is no number from 0 to 1.
    #[error("{0:?} is not KIND:RATE with a rate from 0 to 1, such as 429:0.01")]
    Shape(String),
    /// No such kind.
    #[error(
        "{0:?} is no fault; known are 429, 500, 502, 503, 504, each of the last four also with -html or -bare, \
         challenge, drop-before, drop-after, slow, truncated, kv-partial, never-applied, altered, cursor-corrupted"
    )]
    Kind(String),
}

/// What a call meets, and a number with which the rooms make their choices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    pub(super) fault: Option<FaultKind>,
    pub(super) roll: u64,
}

/// The faults to come: queued ones first, then by the dice.
#[derive(Debug)]
pub(super) struct Faults {
    seed: u64,
    rates: Vec<FaultRate>,
    queued: VecDeque<(Operation, FaultKind)>,
    calls: u64,
    /// How many calls each kind struck, by its text.
    met: BTreeMap<String, u64>,
}

impl Faults {
    pub(super) fn new(seed: u64, rates: Vec<FaultRate>) -> Self {
        Self {
            seed,
            rates,
            queued: VecDeque::new(),
            calls: 0,
            met: BTreeMap::new(),
        }
    }

    pub(super) fn set_rates(&mut self, rates: Vec<FaultRate>) {
        self.rates = rates;
    }

    pub(super) fn met(&self) -> &BTreeMap<String, u64> {
        &self.met
    }

    pub(super) fn queue(&mut self, operation: Operation, kind: FaultKind) {
        self.queued.push_back((operation, kind));
    }

    pub(super) fn queued(&self) -> Vec<(Operation, FaultKind)> {
        self.queued.iter().copied().collect()
    }

    /// What the next call meets. The dice depend on the seed and the call's
    /// number alone, so that one call more does not change all later ones.
    pub(super) fn draw(&mut self, operation: Operation) -> Fate {
        self.calls += 1;
        let mixed = self.seed ^ self.calls.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut dice = StdRng::seed_from_u64(mixed);
        let roll = dice.next_u64();
        let mut hit = None;
        for fault in &self.rates {
            let struck = dice.random_bool(fault.rate);
            if struck && hit.is_none() && fault.kind.concerns(operation) {
                hit = Some(fault.kind);
            }
        }
        let fault = self.take_queued(operation).or(hit);
        if let Some(kind) = fault {
            *self.met.entry(kind.to_string()).or_default() += 1;
        }
        Fate { fault, roll }
    }

    fn take_queued(&mut self, operation: Operation) -> Option<FaultKind> {
        let place = self
            .queued
            .iter()
            .position(|(on, kind)| *on == operation && kind.concerns(operation))?;
        self.queued.remove(place).map(|(_, kind)| kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_own_text() {
        let texts = [
            "429",
            "500",
            "502",
            "503",
            "504",
            "500-html",
            "502-html",
            "503-bare",
            "504-bare",
            "challenge",
            "drop-before",
            "drop-after",
            "slow",
            "truncated",
            "kv-partial",
            "never-applied",
            "altered",
            "cursor-corrupted",
        ];
        for text in texts {
            let kind: FaultKind = text.parse().unwrap();
            assert_eq!(kind.to_string(), text);
        }
    }

    #[test]
    fn a_rate_outside_zero_to_one_or_an_unknown_kind_is_refused() {
        for text in [
            "429",
            "429:2",
            "429:-0.1",
            "429:NaN",
            "501:0.1",
            "429-html:0.1",
            "x:0.1",
            ":",
        ] {
            assert!(text.parse::<FaultRate>().is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn one_seed_gives_one_sequence_and_about_the_asked_share() {
        let rates = vec!["429:0.1".parse().unwrap()];
        let draw = |seed| {
            let mut faults = Faults::new(seed, rates.clone());
            (0..5000)
                .map(|_| faults.draw(Operation::Upsert).fault)
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let struck = draw(7).iter().flatten().count();
        assert!((400..600).contains(&struck), "{struck} of 5000");
    }

    #[test]
    fn rates_can_change_and_what_was_met_stays_counted() {
        let mut faults = Faults::new(1, vec!["500:1".parse().unwrap()]);
        faults.draw(Operation::Upsert);
        faults.set_rates(Vec::new());
        assert_eq!(faults.draw(Operation::Upsert).fault, None);
        assert_eq!(faults.met().get("500"), Some(&1));
    }

    #[test]
    fn a_queued_fault_waits_for_its_operation() {
        let mut faults = Faults::new(0, Vec::new());
        faults.queue(Operation::Upsert, FaultKind::DropAfter);
        assert_eq!(faults.draw(Operation::BulkPut).fault, None);
        assert_eq!(faults.queued().len(), 1);
        assert_eq!(
            faults.draw(Operation::Upsert).fault,
            Some(FaultKind::DropAfter)
        );
        assert!(faults.queued().is_empty());
    }
}
