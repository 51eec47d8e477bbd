//! Programs that are broken on purpose, to see that the simulation notices. The
//! program itself stays as it is: its ledger is changed from outside, by triggers
//! and between two starts, and the answers that it gets, into what the broken one
//! would keep and read.

use std::path::Path;

use cf_migrate::ledger::Ledger;
use rusqlite::Connection;
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// What was sent and not answered is forgotten at every start, and ranges are
    /// drawn anew behind what is known.
    RangesDrawnAnew,
    /// A batch counts as accepted as soon as it is sent.
    AcceptedBeforeTheAnswer,
    /// A batch counts as settled as soon as it is accepted.
    NoBarrier,
    /// The keys that a bulk write names as unsuccessful are not read.
    SuccessesNotRead,
}

impl Broken {
    /// What the broken program does to its ledger when it starts.
    pub fn at_start(self, ledger: &Path) {
        if let Some(sql) = self.ledger_change() {
            drop(Ledger::open(ledger).unwrap());
            Connection::open(ledger)
                .unwrap()
                .execute_batch(sql)
                .unwrap();
        }
    }

    fn ledger_change(self) -> Option<&'static str> {
        match self {
            Self::RangesDrawnAnew => Some("DELETE FROM batch WHERE state = 'sent'"),
            Self::AcceptedBeforeTheAnswer => Some(
                "CREATE TRIGGER IF NOT EXISTS broken AFTER INSERT ON batch WHEN NEW.state = 'sent' BEGIN
                     UPDATE batch SET state = 'accepted', mutation = 'expected' WHERE first = NEW.first;
                 END",
            ),
            Self::NoBarrier => Some(
                "CREATE TRIGGER IF NOT EXISTS broken AFTER UPDATE OF state ON batch WHEN NEW.state = 'accepted' BEGIN
                     UPDATE batch SET state = 'settled' WHERE first = NEW.first;
                 END",
            ),
            Self::SuccessesNotRead => None,
        }
    }

    /// Makes of an answer what it reads; whether that is something else.
    pub fn misreads(self, envelope: &mut Value) -> bool {
        let keys = envelope.pointer_mut("/result/unsuccessful_keys");
        match keys {
            Some(keys) if self == Self::SuccessesNotRead => {
                *keys = json!([]);
                true
            }
            _ => false,
        }
    }
}
