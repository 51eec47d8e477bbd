//! Services that fail, refuse, stall and break off.

use std::time::Duration;

use cf_migrate::error::Kind;
use cf_migrate::locator::Namespaces;
use cf_migrate::source::upstash::{UpstashReader, UpstashSettings};

use crate::support::upstash::{Failure, Server, Switch, UpstashDouble};
use crate::{expected_ids, ids, lane, read_all, read_lane, settings, surroundings, told};

fn index() -> UpstashDouble {
    UpstashDouble::dense(4).generated("", "a", 900)
}

fn limits(server: &Server) -> Vec<u64> {
    let ranges = server.ranges();
    ranges
        .iter()
        .filter_map(|body| body["limit"].as_u64())
        .collect()
}

#[tokio::test]
async fn what_passes_is_tried_again_until_all_is_there() {
    for failure in [
        Failure::Told(429, "Too many requests"),
        Failure::RetryAfter(429, "0"),
        Failure::RetryAfter(503, "0"),
        Failure::Told(500, "Internal"),
        Failure::Html(502),
        Failure::Html(200),
        Failure::Told(504, "Timeout"),
        Failure::Told(408, "Timeout"),
        Failure::Cut,
    ] {
        let server = index()
            .switch(Switch::Every("range", 2, failure.clone()))
            .start();
        let points = read_all(&server)
            .await
            .unwrap_or_else(|error| panic!("{failure:?}: {error}"));
        assert_eq!(ids(&points), expected_ids("a", 900), "{failure:?}");
    }
}

#[tokio::test]
async fn every_endpoint_is_tried_again() {
    for endpoint in ["info", "list-namespaces"] {
        let server = index()
            .switch(Switch::Fail(endpoint, 2, Failure::Cut))
            .start();
        assert_eq!(read_all(&server).await.unwrap().len(), 900, "{endpoint}");
    }
}

#[tokio::test]
async fn what_lasts_stops_it_with_how_often_it_was_tried() {
    let server = index().start();
    let reader = crate::reader(&server).await;
    server.set(Switch::Fail("range", 99, Failure::Told(503, "Unavailable")));
    let error = read_lane(&reader, &lane(""), None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Stopped);
    let text = told(&error);
    assert!(
        text.contains("(10 tries in ") && text.contains("Unavailable (status 503)"),
        "{text}"
    );
    assert_eq!(server.calls("range"), 10);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_left_to_the_operator() {
    let server = index()
        .switch(Switch::Fail("range", 9, Failure::RetryAfter(429, "3600")))
        .start();
    let error = read_all(&server).await.unwrap_err();
    assert_eq!((error.kind(), server.calls("range")), (Kind::Stopped, 1));
    assert!(
        told(&error).contains("again in 3600 seconds"),
        "{}",
        told(&error)
    );
}

#[tokio::test]
async fn a_limit_of_the_plan_stops_it_in_whatever_status_it_comes() {
    for (status, text) in [
        (400, "Exceeded daily query limit"),
        (403, "Monthly quota reached"),
        (429, "Max daily query limit exceeded"),
    ] {
        let server = index().start();
        let reader = crate::reader(&server).await;
        server.set(Switch::Fail("range", 99, Failure::Told(status, text)));
        let error = read_lane(&reader, &lane(""), None).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Stopped, "{status}");
        let told = told(&error);
        assert!(
            told.contains("a limit of the Upstash plan was reached") && told.contains(text),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_limit_that_passes_is_no_reason_to_stop() {
    for (status, text) in [
        (400, "Exceeded queries per second limit"),
        (403, "Rate limit exceeded"),
        (429, "Rate limit exceeded"),
        (400, "Monthly quota exceeded"),
    ] {
        let failure = Switch::Fail("range", 3, Failure::Told(status, text));
        let server = index().switch(failure).start();
        assert_eq!(read_all(&server).await.unwrap().len(), 900, "{text}");
    }
}

#[tokio::test]
async fn pages_that_are_refused_are_halved() {
    for status in [400, 413, 422] {
        let server = index().switch(Switch::MostPerPage(40, status)).start();
        let points = read_all(&server).await.unwrap();
        assert_eq!(ids(&points), expected_ids("a", 900));
        assert_eq!(limits(&server)[..4], [250, 125, 62, 31], "{status}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_it() {
    let server = index()
        .switch(Switch::Fail("range", 1, Failure::Huge(40 << 20)))
        .start();
    assert_eq!(read_all(&server).await.unwrap().len(), 900);
    assert_eq!(limits(&server)[..2], [250, 125]);
}

#[tokio::test]
async fn slow_pages_are_asked_for_in_smaller_ones() {
    let slow = Failure::Slow(Duration::from_secs(30));
    let server = index().switch(Switch::Fail("range", 1, slow)).start();
    let settings = UpstashSettings {
        timeout: Duration::from_millis(400),
        ..settings(&server)
    };
    let reader = UpstashReader::open(Namespaces::All, settings, surroundings().0)
        .await
        .unwrap();
    assert_eq!(
        read_lane(&reader, &lane(""), None).await.unwrap().len(),
        900
    );
    assert_eq!(limits(&server)[..2], [250, 125]);
}

#[tokio::test]
async fn what_the_service_will_say_again_is_not_asked_again() {
    for (failure, kind) in [
        (
            Failure::Told(401, "Unauthorized: Invalid auth token"),
            Kind::Forbidden,
        ),
        (Failure::Told(403, "Forbidden"), Kind::Forbidden),
        (Failure::Told(405, "Method not allowed"), Kind::Failed),
    ] {
        let server = index().switch(Switch::Fail("range", 9, failure)).start();
        let error = read_all(&server).await.unwrap_err();
        assert_eq!((error.kind(), server.calls("range")), (kind, 1));
    }
    let server = index()
        .switch(Switch::Fail("info", 9, Failure::Told(422, "no")))
        .start();
    let error = read_all(&server).await.unwrap_err();
    assert_eq!((error.kind(), server.calls("info")), (Kind::Failed, 1));
}

#[tokio::test]
async fn an_error_in_a_good_answer_is_an_error() {
    let server = index()
        .switch(Switch::Fail(
            "info",
            9,
            Failure::ToldAs200("no such command"),
        ))
        .start();
    let error = read_all(&server).await.unwrap_err();
    assert!(
        told(&error).contains("no such command (status 400)"),
        "{}",
        told(&error)
    );
}

#[tokio::test]
async fn waiting_ends_when_the_operator_wants_it() {
    let server = index().start();
    let (raise, stop) = cf_migrate::stop::Stop::new();
    let (mut surroundings, _) = surroundings();
    surroundings.stop = stop;
    let reader = UpstashReader::open(Namespaces::All, settings(&server), surroundings)
        .await
        .unwrap();
    server.set(Switch::Fail("range", 99, Failure::RetryAfter(429, "300")));
    raise.send(true).unwrap();
    let error = read_lane(&reader, &lane(""), None).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
}
