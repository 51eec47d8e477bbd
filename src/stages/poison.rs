//! How many records Vectorize may refuse before a run stops: a stray few are set
//! aside, many are a misunderstanding. It counts and words; taking batches apart is
//! `refusals`.

use crate::cloudflare::ApiError;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::settings::Share;

/// So many are a stray few whatever the share, so that one of twenty does not stop
/// a run.
const FEW: u64 = 10;
/// Records of one batch that may be refused, each for itself, whatever the share of
/// all: asking for each costs requests.
const MOST_OF_A_BATCH: u64 = 50;
/// Records refused alone, nothing ever taken, that make it doubtful that any will be.
const IN_A_ROW: u64 = 3;
/// Records from all over the batch that are then asked for; with the others not more
/// than a stray few.
const PROBES: usize = 7;

/// What of all points may be refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    share: Share,
    points: u64,
}

impl Tolerance {
    pub(super) fn new(share: Share, points: u64) -> Self {
        Self { share, points }
    }

    /// The most records of the migration.
    fn most(self) -> u64 {
        match self.share.is_none() {
            true => 0,
            false => self.share.of(self.points).max(FEW),
        }
    }

    /// Stops where so many of all are refused.
    pub(super) fn check(self, refused: u64) -> Result<(), Error> {
        let most = self.most();
        if refused <= most {
            return Ok(());
        }
        Err(Error::failed(format!(
            "Vectorize refused more than {most} of {} records, which is what --max-poison {} tolerates",
            self.points, self.share
        ))
        .advise(GO_ON))
    }

    /// Stops where so many of one batch, each asked for by itself, are refused.
    pub(super) fn check_batch(self, odd: u64, count: usize) -> Result<(), Error> {
        let most = match self.share.is_none() {
            true => 0,
            false => self.share.of(count as u64).max(MOST_OF_A_BATCH),
        };
        if odd <= most {
            return Ok(());
        }
        Err(Error::failed(format!(
            "Vectorize refused more than {most} records of one batch, each by itself"
        ))
        .advise(GO_ON))
    }
}

const GO_ON: &str = "nothing is lost: what was accepted stays, and rejected.ndjson names what was set aside, with the service's words; mend the records in the source, choose other mapping options in a new folder (--dir) with --overwrite, or tolerate more with --max-poison SHARE and the same command";

/// Whether the service takes anything of this migration at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reception {
    /// It has taken something.
    Taken,
    /// So many records were refused alone, and nothing was taken yet.
    Nothing { refused: u64 },
}

/// What to do after a record was refused alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Go on.
    None,
    /// Ask for so many records from all over the batch.
    Probe(usize),
    /// It is no matter of single records.
    Sure,
}

impl Reception {
    /// One more was refused alone.
    pub(super) fn refused(&mut self) -> Doubt {
        let Self::Nothing { refused } = self else {
            return Doubt::None;
        };
        *refused += 1;
        match *refused {
            IN_A_ROW => Doubt::Probe(PROBES),
            more if more >= IN_A_ROW + PROBES as u64 => Doubt::Sure,
            _ => Doubt::None,
        }
    }
}

/// What the index may hold of this migration from earlier starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// Nothing.
    Nothing,
    /// What earlier generations brought, and nothing of this one.
    Generations,
    /// Records of this generation: the service took them, or nobody kept its answer.
    Records,
}

impl Earlier {
    pub(super) fn of(ledger: &Ledger) -> Result<Self, Error> {
        Ok(
            match (ledger.has_sent_of_generation()?, ledger.has_sent()?) {
                (true, _) => Self::Records,
                (false, true) => Self::Generations,
                (false, false) => Self::Nothing,
            },
        )
    }

    /// What is to be done where the service takes nothing.
    fn advice(self) -> &'static str {
        match self {
            Self::Nothing => {
                "unless a batch that was under way beside it was accepted, nothing was written and the settings are still free: run again with others"
            }
            Self::Generations => {
                "what earlier passes brought is there and stays: mend the source or the index, then run the same command again"
            }
            Self::Records => {
                "what an earlier start sent may have been taken: run the same command again once the account takes it, or take everything back with rollback and begin anew with other settings"
            }
        }
    }
}

/// Nothing is taken, wherever in the batch it was tried.
pub(super) fn all_refused(last: ApiError, earlier: Earlier) -> Error {
    Error::failed("Vectorize refuses every record that was tried, from all over the first batch")
        .advise(format!(
            "it is no matter of single records: compare the index's dimensions and the mapping options with what the answer names; {}",
            earlier.advice()
        ))
        .because(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tolerance(share: &str, points: u64) -> Tolerance {
        Tolerance::new(share.parse().unwrap(), points)
    }

    #[test]
    fn a_stray_few_are_tolerated_in_any_collection_unless_none_are() {
        assert_eq!(tolerance("1%", 20).most(), FEW);
        assert_eq!(tolerance("1%", 5_000).most(), 50);
        assert_eq!(tolerance("100%", 64).most(), 64);
        assert_eq!(tolerance("0%", 5_000).most(), 0);
        assert!(tolerance("1%", 5_000).check(50).is_ok());
        let told = tolerance("1%", 5_000).check(51).unwrap_err().to_string();
        assert_eq!(
            told,
            "Vectorize refused more than 50 of 5000 records, which is what --max-poison 1% tolerates"
        );
    }

    #[test]
    fn a_service_that_takes_nothing_is_believed_after_ten_records() {
        let mut reception = Reception::Nothing { refused: 0 };
        let doubts: Vec<Doubt> = (0..10).map(|_| reception.refused()).collect();
        assert_eq!(doubts[2], Doubt::Probe(PROBES));
        assert_eq!(doubts[9], Doubt::Sure);
        assert_eq!(
            doubts.iter().filter(|doubt| **doubt == Doubt::None).count(),
            8
        );
        assert_eq!(Reception::Taken.refused(), Doubt::None);
    }
}
