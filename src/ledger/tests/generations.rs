//! What a new generation keeps and forgets.

use super::*;

#[test]
fn a_new_generation_keeps_what_is_settled_and_the_inventory_and_forgets_the_rest() {
    let (dir, ledger) = ledger();
    ledger.freeze_section("records", "{}").unwrap();
    inventory(&ledger, &["foreign"]);
    ledger
        .add_entries("kv", &[("k".into(), "v".into())])
        .unwrap();
    ledger.add_checked(0, &numbered(0, 10)).unwrap();
    settle(&ledger, 0, 6);
    for milestone in [
        Milestone::Checked,
        Milestone::Settled,
        Milestone::Indexed,
        Milestone::Proven,
    ] {
        ledger.reach(milestone, "2026-11-21T00:00:00Z").unwrap();
    }
    assert_eq!(format(&dir), 5);
    ledger.begin_generation(2).unwrap();
    assert_eq!(format(&dir), 6);
    assert_eq!(ledger.generation().unwrap(), Some(2));
    assert_eq!(ledger.held().unwrap(), 7);
    assert!(ledger.holds("id6").unwrap() && !ledger.holds("id7").unwrap());
    assert_eq!(ledger.totals().unwrap(), Totals::default());
    assert_eq!(ledger.first_unbatched().unwrap(), 0);
    assert_eq!(ledger.notes().unwrap(), []);
    for milestone in [
        Milestone::Checked,
        Milestone::Settled,
        Milestone::Indexed,
        Milestone::Proven,
    ] {
        assert!(!ledger.reached(milestone).unwrap(), "{milestone:?}");
    }
    assert_eq!(
        ledger.plan_section("records").unwrap().as_deref(),
        Some("{}")
    );
    assert!(ledger.in_vector_inventory("foreign").unwrap());
    assert_eq!(ledger.entry_value("kv", "k").unwrap().as_deref(), Some("v"));
    drop(ledger);
    Ledger::open(&dir.path().join("ledger.db")).unwrap();
}

#[test]
fn a_generation_of_which_nothing_was_sent_leaves_nothing_behind() {
    let (dir, ledger) = ledger();
    ledger.add_checked(0, &numbered(0, 10)).unwrap();
    ledger.begin_generation(2).unwrap();
    assert_eq!(ledger.held().unwrap(), 0);
    assert_eq!(format(&dir), 5);
}
