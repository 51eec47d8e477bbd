//! What is learned, and refused, when an index is opened.

use cf_migrate::error::Kind;
use cf_migrate::locator::Namespaces;
use cf_migrate::point::Distance;
use cf_migrate::source::LaneReader as _;
use cf_migrate::source::upstash::{UpstashReader, UpstashSettings};
use secrecy::SecretString;

use crate::support::upstash::{Failure, READ_ONLY, Server, Switch, UpstashDouble};
use crate::{open, reader, settings, surroundings, told};

fn named(name: &str) -> Namespaces {
    Namespaces::Named(name.to_owned())
}

#[tokio::test]
async fn an_index_is_known_by_its_address_and_what_its_vectors_are_made_of() {
    let server = UpstashDouble::dense(4)
        .similarity("DOT_PRODUCT")
        .generated("t", "a", 3)
        .start();
    let all = reader(&server).await;
    let facts = all.facts();
    assert_eq!(
        (facts.name.as_str(), &facts.identity),
        ("upstash:", &server.url())
    );
    let field = &facts.shape.dense[0];
    assert_eq!((field.name.as_str(), field.dimensions), ("", 4));
    assert_eq!(field.distance, Some(Distance::Dot));
    assert!(facts.shape.data && facts.shape.sparse.is_empty());
    assert!(facts.warnings.is_empty() && all.may_repeat());

    let one = open(&server, named("t")).await.unwrap();
    assert_eq!(one.facts().name, "upstash:t");
    assert_ne!(one.facts().identity, all.facts().identity);
    assert!(!format!("{facts:?}").contains("token"));
}

#[tokio::test]
async fn counts_are_those_of_the_namespaces_that_are_read() {
    let server = UpstashDouble::dense(4)
        .generated("", "d", 2)
        .generated("ü/1", "a", 3)
        .with_empty("void")
        .start();
    let all = reader(&server).await;
    assert_eq!(all.count().await.unwrap(), Some(5));
    let counts = all.count_by_namespace().await.unwrap().unwrap();
    let counts: Vec<_> = counts
        .into_iter()
        .map(|(name, count)| (name.unwrap_or_default(), count))
        .collect();
    assert_eq!(
        counts,
        [
            (String::new(), 2),
            ("void".to_owned(), 0),
            ("ü/1".to_owned(), 3)
        ]
    );
    assert_eq!(
        all.facts().warnings,
        ["These namespaces hold no vectors: void."]
    );

    let one = open(&server, named("ü/1")).await.unwrap();
    assert_eq!(one.count().await.unwrap(), Some(3));
    let default = open(&server, Namespaces::Default).await.unwrap();
    assert_eq!(default.count().await.unwrap(), Some(2));
    assert_eq!(default.facts().name, "upstash:@default");
}

#[tokio::test]
async fn a_hybrid_index_has_a_sparse_part_and_says_so() {
    let server = UpstashDouble::dense(4)
        .kind("HYBRID")
        .switch(Switch::Model("BGE_M3"))
        .start();
    let reader = reader(&server).await;
    assert_eq!(reader.facts().shape.sparse, ["sparse"]);
    let warnings = reader.facts().warnings.join(" ");
    assert!(
        warnings.contains("hybrid") && warnings.contains("BGE_M3"),
        "{warnings}"
    );
}

#[tokio::test]
async fn a_sparse_index_is_refused_whether_it_says_so_or_not() {
    for lacks in [&[][..], &["indexType"]] {
        let server = UpstashDouble::dense(4)
            .kind("SPARSE")
            .switch(Switch::InfoLacks(lacks))
            .start();
        let error = open(&server, Namespaces::All).await.err().unwrap();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.to_string().contains("sparse vectors only"), "{error}");
    }
}

#[tokio::test]
async fn an_unknown_namespace_is_told_with_those_that_there_are() {
    let server = UpstashDouble::dense(4).generated("acme", "a", 1).start();
    let error = open(&server, named("acne")).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Failed);
    let text = told(&error);
    assert!(text.contains("namespace \"acne\" does not exist"), "{text}");
    assert!(
        text.contains("There are: acme, and the default one"),
        "{text}"
    );
}

#[tokio::test]
async fn what_info_leaves_out_is_taken_from_elsewhere() {
    let lacks = &["indexType", "dimension", "similarityFunction", "namespaces"];
    let server = UpstashDouble::dense(4)
        .generated("t", "a", 2)
        .switch(Switch::InfoLacks(lacks))
        .start();
    let reader = reader(&server).await;
    assert_eq!(reader.facts().shape.dense[0].dimensions, 4);
    assert_eq!(
        reader.facts().shape.dense[0].distance,
        Some(Distance::Cosine)
    );
    assert_eq!(
        reader.draw_lanes().await.unwrap(),
        [crate::lane(""), crate::lane("t")]
    );
    assert_eq!(reader.count_by_namespace().await.unwrap(), None);
}

async fn read_only(server: &Server) -> UpstashReader {
    let settings = UpstashSettings {
        token: Some(READ_ONLY.into()),
        ..settings(server)
    };
    UpstashReader::open(Namespaces::All, settings, surroundings().0)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_read_only_token_is_enough_even_where_it_may_not_list() {
    let server = UpstashDouble::dense(4)
        .generated("t", "a", 2)
        .switch(Switch::ReadOnlyRefused(&["list-namespaces"]))
        .start();
    let reader = read_only(&server).await;
    assert_eq!(reader.draw_lanes().await.unwrap().len(), 2);
    assert_eq!(
        crate::read_lane(&reader, &crate::lane("t"), None)
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_token_that_may_not_is_told_with_the_one_that_may() {
    let server = UpstashDouble::dense(4)
        .generated("", "a", 2)
        .switch(Switch::ReadOnlyRefused(&["range"]))
        .start();
    let reader = read_only(&server).await;
    let error = crate::read_lane(&reader, &crate::lane(""), None)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), Kind::Forbidden);
    assert!(
        told(&error).contains("use the index's full token"),
        "{}",
        told(&error)
    );
    assert_eq!(server.calls("range"), 1);
}

#[tokio::test]
async fn a_wrong_token_is_refused_once_and_never_shown() {
    let server = UpstashDouble::dense(4).start();
    let settings = UpstashSettings {
        token: Some(SecretString::from("s3cret")),
        ..settings(&server)
    };
    let error = UpstashReader::open(Namespaces::All, settings, surroundings().0)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), Kind::Forbidden);
    let text = told(&error);
    assert!(
        text.contains("UPSTASH_VECTOR_REST_TOKEN") && text.contains("Invalid auth token"),
        "{text}"
    );
    assert!(!text.contains("s3cret"));
    assert_eq!(server.calls("info"), 1);
}

#[tokio::test]
async fn an_address_where_nothing_answers_is_told_soon() {
    let gone = UpstashDouble::dense(4).start();
    let settings = settings(&gone);
    drop(gone);
    let error = UpstashReader::open(Namespaces::All, settings, surroundings().0)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), Kind::Failed);
    assert!(
        error
            .to_string()
            .starts_with("cannot reach Upstash Vector at http://127.0.0.1:"),
        "{error}"
    );
}

#[tokio::test]
async fn a_web_page_in_the_services_place_is_shown_in_a_piece() {
    let server = UpstashDouble::dense(4)
        .switch(Switch::Fail("info", 9, Failure::Html(200)))
        .start();
    let error = open(&server, Namespaces::All).await.err().unwrap();
    let text = told(&error);
    assert!(
        text.contains("is not Upstash Vector") && text.contains("<h1>Bad gateway</h1>"),
        "{text}"
    );
    assert_eq!((error.kind(), server.calls("info")), (Kind::Failed, 4));
}

#[tokio::test]
async fn pending_vectors_are_waited_for_before_anything_is_read() {
    let server = UpstashDouble::dense(4)
        .generated("", "a", 9)
        .switch(Switch::Pending(6, 6))
        .start();
    let (surroundings, listener) = surroundings();
    let reader = UpstashReader::open(Namespaces::All, settings(&server), surroundings)
        .await
        .unwrap();
    reader.draw_lanes().await.unwrap();
    assert!(server.calls("info") > 6);
    assert_eq!(listener.warnings(), [""; 0]);
    assert!(listener.0.lock().unwrap()[0].1.contains("still indexing"));
    assert_eq!(reader.count().await.unwrap(), Some(9));
}

#[tokio::test]
async fn pending_vectors_that_stay_so_are_told_and_read_all_the_same() {
    let server = UpstashDouble::dense(4)
        .generated("", "a", 9)
        .switch(Switch::Pending(6, u64::MAX >> 8))
        .start();
    let (surroundings, listener) = surroundings();
    let reader = UpstashReader::open(Namespaces::All, settings(&server), surroundings)
        .await
        .unwrap();
    let lanes = reader.draw_lanes().await.unwrap();
    assert!(
        listener.warnings()[0].contains("does not get on with indexing"),
        "{:?}",
        listener.warnings()
    );
    assert_eq!(
        crate::read_lane(&reader, &lanes[0], None)
            .await
            .unwrap()
            .len(),
        9
    );
    assert_eq!(reader.count().await.unwrap(), Some(9));
}
