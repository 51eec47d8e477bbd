//! Stopped anywhere, the same command goes on from the places that were kept.

use std::time::Duration;

use cf_migrate::clock::Clock;

use crate::support::upstash::{Failure, Switch, UpstashDouble};
use crate::{DIMENSIONS, Place, WHOLE, all_expected, assert_same};

const TENANTS: [(&str, &str, usize); 3] = [("", "d", 700), ("acme", "x", 900), ("b", "x", 40)];

fn index() -> UpstashDouble {
    TENANTS.iter().fold(
        UpstashDouble::dense(DIMENSIONS),
        |double, (namespace, prefix, count)| double.generated(namespace, prefix, *count),
    )
}

#[test]
fn a_limit_of_the_plan_stops_it_and_the_next_day_goes_on_from_there() {
    // With several readers an answer may still be on its way when another's refusal stops them.
    let one_reader = format!("{WHOLE} --readers 1");
    let place = Place::of(index());
    let limit = Failure::Told(403, "daily query limit exceeded");
    place.server.set(Switch::After("range", 4, limit));
    place
        .run(&one_reader)
        .ends(5)
        .says("to go on, run: ")
        .says("a limit of the Upstash plan was reached");
    place.server.set(Switch::After("range", 0, Failure::None));
    place.run(&one_reader).ends(0).says("proven: 1640 records");
    let asked = place.server.places_asked();
    let (answered, later) = asked.split_at(4);
    for place in answered {
        assert!(!later.contains(place), "read anew: {place:?} of {asked:?}");
    }
    assert_same(&place.held(), &all_expected(&TENANTS));
}

#[test]
fn killed_in_the_midst_of_reading_it_ends_as_if_it_had_not_been() {
    let slow = Failure::Slow(Duration::from_millis(60));
    let double = index().switch(Switch::MostPerPage(100, 413));
    let place = Place::of(double.switch(Switch::Every("range", 1, slow)));
    for calls in [2, 6, 12] {
        let mut child = place.shell.start(WHOLE);
        let seen = place.server.calls("range");
        wait_until(|| {
            place.server.calls("range") >= seen + calls || child.try_wait().unwrap().is_some()
        });
        child.kill().unwrap();
        child.wait().unwrap();
    }
    place.run(WHOLE).ends(0).says("proven: 1640 records");
    assert_same(&place.held(), &all_expected(&TENANTS));
}

#[test]
fn a_place_that_is_not_valid_any_more_is_left_behind_as_the_advice_says() {
    let place = Place::of(index());
    place
        .server
        .set(Switch::After("range", 4, Failure::Told(403, "daily limit")));
    place.run(WHOLE).ends(5);
    place.server.set(Switch::After("range", 0, Failure::None));
    place.server.set(Switch::CursorsInvalid(true));
    place
        .run(WHOLE)
        .ends(1)
        .says("is not valid any more")
        .says("delete the unfinished generation");
    place.server.set(Switch::CursorsInvalid(false));
    std::fs::remove_dir_all(place.shell.path("docs.migration/archive/0001")).unwrap();
    place.run(WHOLE).ends(0).says("proven: 1640 records");
    assert_same(&place.held(), &all_expected(&TENANTS));
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        while !is_so() {
            Clock::real().sleep(Duration::from_millis(5)).await;
        }
    });
}
