//! Places: going on from any of them, and those that are not valid any more.

use cf_migrate::error::Kind;
use cf_migrate::source::{Cursor, LaneReader as _};

use crate::support::upstash::{Failure, Switch, UpstashDouble};
use crate::{expected_ids, ids, lane, read_lane, reader, surroundings, told};

#[tokio::test]
async fn another_start_goes_on_from_every_place() {
    let server = UpstashDouble::dense(4).generated("t", "a", 2_000).start();
    let first = reader(&server).await;
    let mut read = Vec::new();
    let mut from = None;
    loop {
        let page = first.page(&lane("t"), from.as_ref()).await.unwrap();
        read.extend(page.points.into_iter().map(|read| read.point));
        let Some(next) = page.next else { break };
        assert!(matches!(&next, Cursor::Opaque(_)));
        let rest = read_lane(&reader(&server).await, &lane("t"), Some(next.clone()))
            .await
            .unwrap();
        let mut whole = ids(&read);
        whole.extend(ids(&rest));
        assert_eq!(whole, expected_ids("a", 2_000));
        from = Some(next);
    }
    assert_eq!(read.len(), 2_000);
}

#[tokio::test]
async fn a_cursor_that_is_not_valid_any_more_is_said_with_what_to_do() {
    let server = UpstashDouble::dense(4).generated("t", "a", 600).start();
    let page = reader(&server).await.page(&lane("t"), None).await.unwrap();
    server.set(Switch::CursorsInvalid(true));
    let before = server.calls("range");
    let error = read_lane(&reader(&server).await, &lane("t"), page.next)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), server.calls("range") - before),
        (Kind::Failed, 1)
    );
    let text = told(&error);
    assert!(
        text.contains("the place that was kept in namespace \"t\" is not valid any more"),
        "{text}"
    );
    assert!(
        text.contains("--dir") && text.contains("Invalid cursor (status 422)"),
        "{text}"
    );
}

#[tokio::test]
async fn a_namespace_that_goes_between_two_pages_is_said_to_be_gone() {
    let server = UpstashDouble::dense(4).generated("t", "a", 600).start();
    let gone = Failure::Told(404, "Namespace t not found");
    server.set(Switch::After("range", 1, gone));
    let reader = reader(&server).await;
    let error = read_lane(&reader, &lane("t"), None).await.unwrap_err();
    assert!(told(&error).contains("namespace \"t\" was read halfway and does not exist any more"));
}

#[tokio::test]
async fn a_namespace_that_went_halfway_is_not_taken_for_read() {
    let server = UpstashDouble::dense(4).generated("t", "a", 600).start();
    let page = reader(&server).await.page(&lane("t"), None).await.unwrap();
    server.delete_namespace("t");
    let error = read_lane(&reader(&server).await, &lane("t"), page.next)
        .await
        .unwrap_err();
    assert!(told(&error).contains("namespace \"t\" was read halfway and does not exist any more"));
}

#[tokio::test]
async fn a_namespace_that_went_before_it_was_read_is_empty_and_told() {
    let server = UpstashDouble::dense(4).generated("t", "a", 6).start();
    server.delete_namespace("t");
    let (surroundings, listener) = surroundings();
    let settings = crate::settings(&server);
    let all = cf_migrate::locator::Namespaces::All;
    let reader = cf_migrate::source::upstash::UpstashReader::open(all, settings, surroundings)
        .await
        .unwrap();
    assert!(
        read_lane(&reader, &lane("t"), None)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(listener.warnings()[0].contains("was deleted before it was read"));
}

#[tokio::test]
async fn a_place_of_another_kind_of_source_is_refused() {
    let server = UpstashDouble::dense(4).start();
    let error = read_lane(
        &reader(&server).await,
        &lane(""),
        Some(Cursor::AfterLine(3)),
    )
    .await
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cannot be read from AfterLine(3) on"),
        "{error}"
    );
}

#[tokio::test]
async fn a_call_that_failed_leaves_the_place_where_it_was() {
    let server = UpstashDouble::dense(4).generated("", "a", 600).start();
    let reader = reader(&server).await;
    let page = reader.page(&lane(""), None).await.unwrap();
    server.set(Switch::Fail("range", 1, Failure::Told(405, "no")));
    reader
        .page(&lane(""), page.next.as_ref())
        .await
        .unwrap_err();
    let rest = read_lane(&reader, &lane(""), page.next).await.unwrap();
    assert_eq!(ids(&rest)[0], "a250");
    assert_eq!(rest.len(), 350);
}
