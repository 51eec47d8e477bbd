//! What was sent, what of it was accepted, and what became of it.

use super::*;

#[test]
fn a_batch_goes_from_sent_to_settled_and_keeps_its_range() {
    let (_dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 30)).unwrap();
    assert_eq!(ledger.first_unbatched().unwrap(), 0);
    ledger.batch_sent(0, 9).unwrap();
    ledger.batch_sent(10, 24).unwrap();
    ledger.batch_sent(10, 12).unwrap();
    assert_eq!(ledger.first_unbatched().unwrap(), 25);
    ledger.batch_accepted(10, "m1").unwrap();
    assert_eq!(ledger.batches(BatchState::Sent).unwrap()[0].last, 9);
    assert_eq!(ledger.batches(BatchState::Accepted).unwrap()[0].last, 24);
    assert_eq!(ledger.accepted_mutations().unwrap(), ["m1"]);
    assert_eq!(ledger.records_in(BatchState::Accepted).unwrap(), 15);
    assert_eq!(ledger.settle_accepted().unwrap(), 1);
    assert_eq!(ledger.records_in(BatchState::Settled).unwrap(), 15);
}

#[test]
fn parts_that_were_accepted_apart_become_batches_without_gaps() {
    let (_dir, ledger) = ledger();
    ledger.batch_sent(10, 29).unwrap();
    ledger
        .batch_accepted_in_parts(10, 29, &[(12, "a"), (16, "b"), (25, "c")])
        .unwrap();
    let batches = ledger.batches(BatchState::Accepted).unwrap();
    let ranges: Vec<_> = batches
        .iter()
        .map(|batch| (batch.first, batch.last))
        .collect();
    assert_eq!(ranges, [(10, 15), (16, 24), (25, 29)]);
    assert_eq!(ledger.first_unbatched().unwrap(), 30);
    assert_eq!(ledger.accepted_mutations().unwrap(), ["a", "b", "c"]);
}

#[test]
fn a_batch_that_was_refused_whole_is_forgotten_unless_another_lies_behind_it() {
    let (_dir, ledger) = ledger();
    for first in [0, 10, 20] {
        ledger.batch_sent(first, first + 9).unwrap();
    }
    ledger.forget_refused(&[0, 20]).unwrap();
    assert_eq!(ledger.first_unbatched().unwrap(), 20);
    assert!(ledger.has_sent().unwrap());
    ledger.forget_refused(&[0, 10]).unwrap();
    assert_eq!(ledger.first_unbatched().unwrap(), 0);
    assert!(!ledger.has_sent().unwrap());
}

#[test]
fn a_batch_of_which_nothing_was_taken_is_none_that_was_sent() {
    let (_dir, ledger) = ledger();
    ledger.batch_sent(0, 9).unwrap();
    ledger.set_batch_state(0, BatchState::Settled).unwrap();
    assert!(!ledger.has_sent().unwrap());
    ledger.batch_sent(10, 19).unwrap();
    ledger.batch_accepted(10, "a mutation").unwrap();
    ledger.settle_accepted().unwrap();
    assert!(ledger.has_sent().unwrap());
}
