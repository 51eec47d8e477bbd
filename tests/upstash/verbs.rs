//! The other verbs, and an index that is gone once it was copied.

use crate::support::upstash::UpstashDouble;
use crate::{DIMENSIONS, Place, WHOLE, all_expected, assert_same};

fn index() -> UpstashDouble {
    UpstashDouble::dense(DIMENSIONS)
        .generated("", "d", 5)
        .generated("t", "x", 9)
}

#[test]
fn plan_looks_and_writes_nothing() {
    let place = Place::of(index());
    place.run("plan upstash: vectorize:docs --create").ends(0);
    assert_eq!(
        (place.cloud.writes(), place.server.calls("range")),
        (vec![], 0)
    );
    assert_eq!(place.shell.listing(), [""; 0]);
}

#[test]
fn an_export_is_a_backup_from_which_the_migration_can_be_made_later() {
    let place = Place::of(index());
    place
        .run("export upstash: copy")
        .ends(0)
        .says("14 points archived");
    place.run("export upstash: copy").ends(0);
    assert_eq!(place.server.calls("range"), 2);
    place
        .run("run copy vectorize:docs --create --id '{namespace}:{id}'")
        .ends(0)
        .says("proven: 14 records");
    assert_same(&place.held(), &all_expected(&[("", "d", 5), ("t", "x", 9)]));
}

#[test]
fn verification_asks_the_index_again_and_finds_what_was_changed_there() {
    let place = Place::of(index());
    place.run(WHOLE).ends(0);
    let asked = place.server.calls("fetch");
    assert!(asked >= 2, "{asked} calls");
    let line = "verify upstash: vectorize:docs --id '{namespace}:{id}'";
    place.run(line).ends(0);
    let mut changed = crate::generated("x", 3, DIMENSIONS);
    changed["metadata"]["chunk_index"] = 99.into();
    place.server.put("t", changed);
    place.run(line).ends(4).says("x3");
}

#[test]
fn an_index_that_is_gone_is_no_reason_to_stop_once_its_archive_is_complete() {
    let mut place = Place::of(index());
    place.run(WHOLE).ends(0);
    let gone = UpstashDouble::dense(DIMENSIONS).start().url();
    place.shell.set("UPSTASH_VECTOR_REST_URL", &gone);
    place
        .run("verify upstash: vectorize:docs --id '{namespace}:{id}'")
        .ends(0)
        .says("going on with the archive, which is complete")
        .says("proven: 14 records");
    place.run(WHOLE).ends(1).says("cannot reach Upstash Vector");
}

#[test]
fn the_embedded_sandbox_needs_no_account() {
    let mut place = Place::of(index());
    place.shell.unset("CLOUDFLARE_API_BASE_URL");
    place
        .run(&format!("{WHOLE} --sandbox=local"))
        .ends(0)
        .says("proven: 14 records");
}
