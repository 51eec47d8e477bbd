//! Opening: addresses, keys, names, shapes, and what each mistake is told.

use std::process::Command;

use cf_migrate::clock::Clock;
use cf_migrate::error::{Error, Kind};
use cf_migrate::source::Source;
use cf_migrate::source::qdrant::{QdrantSettings, QdrantSource};
use qdrant_client::qdrant::vector_output::Vector;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{
    DenseVector, Distance, MultiVectorConfig, NamedVectorsOutput, RetrievedPoint, StrictModeConfig,
    VectorOutput, VectorParams, VectorParamsMap, VectorsOutput,
};
use secrecy::SecretString;

use crate::support::qdrant::{Collection, QdrantDouble, Switch};
use crate::{open, open_vector, read_from, settings, told};

fn dense(size: u64) -> Option<Config> {
    Some(Config::Params(VectorParams {
        size,
        distance: Distance::Cosine.into(),
        ..VectorParams::default()
    }))
}

#[tokio::test]
async fn the_facts_name_the_collection_and_its_server() {
    let server = QdrantDouble::recorded("project_docs").start();
    let mut source = open(&server, "project_docs").await.unwrap();
    assert_eq!(source.facts().name, "qdrant:project_docs");
    assert_eq!(source.facts().identity, server.grpc_url());
    assert_eq!(source.facts().shape.dense[0].dimensions, 384);
    assert_eq!(source.facts().warnings, [""; 0]);
    assert_eq!(
        (source.reader().version(), source.reader().vector()),
        ("1.18.3", "")
    );
    assert_eq!(source.count().await.unwrap(), Some(269));
    assert_eq!(server.calls("health"), 1);
}

#[tokio::test]
async fn an_alias_is_resolved_once_and_said() {
    let server = QdrantDouble::recorded("tiny8")
        .with(Switch::Alias("current", "tiny8"))
        .start();
    let mut source = open(&server, "current").await.unwrap();
    assert_eq!(source.facts().name, "qdrant:tiny8");
    assert_eq!(
        source.facts().warnings,
        [
            "\"current\" is an alias of collection \"tiny8\", which is what is read even if the alias is switched."
        ]
    );
    server.set(Switch::Alias("current", "elsewhere"));
    assert!(!read_from(&mut source, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_key_that_may_not_list_aliases_is_enough() {
    let server = QdrantDouble::recorded("tiny8")
        .with(Switch::NoAliases)
        .start();
    assert_eq!(
        open(&server, "tiny8").await.unwrap().facts().name,
        "qdrant:tiny8"
    );
}

#[tokio::test]
async fn a_missing_collection_is_told_with_those_that_exist() {
    let many = (1..=12).map(|n| Collection::described(&format!("c{n:02}"), dense(8), &[]));
    let server = many
        .fold(QdrantDouble::default(), QdrantDouble::and)
        .start();
    let error = open(&server, "docs").await.err().unwrap();
    assert_eq!(error.kind(), Kind::Failed);
    assert_eq!(
        told(&error),
        "collection \"docs\" does not exist\n\
         There are: c01, c02, c03, c04, c05, c06, c07, c08, c09, c10 and 2 more\n\
         NotFound: Not found: Collection `docs` doesn't exist!"
    );
}

#[tokio::test]
async fn a_key_that_the_server_takes_opens_both_sides() {
    let server = QdrantDouble::recorded("tiny8")
        .with(Switch::Key("k-1"))
        .start();
    let settings = QdrantSettings {
        api_key: Some(SecretString::from(" k-1\n")),
        ..settings(&server)
    };
    let mut source = QdrantSource::open("tiny8", None, settings, Clock::real())
        .await
        .unwrap();
    let page = source.page(None).await.unwrap();
    let id = page.points[0].point.id.clone();
    assert_eq!(source.fetch(&[id.into()]).await.unwrap().unwrap().len(), 1);
}

/// What keeps `tiny8` from being opened.
async fn refused(settings: QdrantSettings) -> Error {
    let opened = QdrantSource::open("tiny8", None, settings, Clock::real()).await;
    opened.err().unwrap()
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_forbidden_and_never_printed() {
    let server = QdrantDouble::recorded("tiny8")
        .with(Switch::Key("right"))
        .start();
    for (key, below) in [
        (Some("wr0ng"), "Unauthenticated: Invalid API key or JWT"),
        (
            None,
            "Unauthenticated: Must provide an API key or an Authorization bearer token",
        ),
    ] {
        let settings = QdrantSettings {
            api_key: key.map(SecretString::from),
            ..settings(&server)
        };
        let error = refused(settings).await;
        assert_eq!(error.kind(), Kind::Forbidden);
        assert_eq!(
            told(&error),
            format!(
                "Qdrant refused the API key while describing collection \"tiny8\"\n\
                 Set QDRANT_API_KEY to a key of this server; a read-only key is enough\n{below}"
            )
        );
        assert!(!format!("{error:?}").contains("wr0ng"));
    }
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_refused_without_being_shown() {
    let server = QdrantDouble::recorded("tiny8").start();
    let settings = QdrantSettings {
        api_key: Some(SecretString::from("secret\u{7}part")),
        ..settings(&server)
    };
    let error = refused(settings).await;
    assert_eq!(error.kind(), Kind::Usage);
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn an_address_where_nothing_listens_is_told_with_the_port_rule() {
    let stopped = QdrantDouble::recorded("tiny8").start();
    let settings = settings(&stopped);
    let address = stopped.grpc_url();
    drop(stopped);
    let error = refused(settings).await;
    assert_eq!(error.kind(), Kind::Failed);
    assert_eq!(
        error.to_string(),
        format!("cannot reach Qdrant's gRPC side at {address}")
    );
    let text = told(&error);
    assert!(
        text.contains("the REST port 6333 means gRPC on 6334; set QDRANT_GRPC_PORT"),
        "{text}"
    );
    assert!(text.contains("Connection refused"), "{text}");
}

#[tokio::test]
async fn the_rest_port_taken_for_grpc_is_recognised() {
    let server = QdrantDouble::recorded("tiny8").start();
    let rest = format!("http://127.0.0.1:{}", server.rest_port());
    let settings = QdrantSettings {
        url: Some(rest.clone()),
        ..settings(&server)
    };
    let error = refused(settings).await;
    assert_eq!(error.kind(), Kind::Failed);
    assert_eq!(
        error.to_string(),
        format!("what answers at {rest} does not speak gRPC")
    );
    assert!(error.advice().unwrap().contains("Is it the REST port"));
}

#[tokio::test]
async fn tls_asked_of_a_server_without_it_is_told_as_such() {
    let server = QdrantDouble::recorded("tiny8").start();
    let address = server.grpc_url().replace("http://", "https://");
    let settings = QdrantSettings {
        url: Some(address.clone()),
        ..settings(&server)
    };
    let error = refused(settings).await;
    assert_eq!(error.kind(), Kind::Failed);
    assert_eq!(
        error.to_string(),
        format!("cannot reach Qdrant's gRPC side at {address}")
    );
    let advice = error.advice().unwrap();
    assert!(
        advice.contains("See also that the server uses TLS there"),
        "{advice}"
    );
    assert_eq!(server.calls("health"), 0);
}

#[tokio::test]
async fn the_rest_address_with_an_explicit_grpc_port_serves_both() {
    let server = QdrantDouble::recorded("tiny8").start();
    let settings = QdrantSettings {
        url: Some(format!("http://127.0.0.1:{}/", server.rest_port())),
        grpc_port: Some(server.grpc_port()),
        rest_port: None,
        ..settings(&server)
    };
    let mut source = QdrantSource::open("tiny8", None, settings, Clock::real())
        .await
        .unwrap();
    let id = source.page(None).await.unwrap().points[0].point.id.clone();
    assert_eq!(source.fetch(&[id.into()]).await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_rest_side_points_cannot_be_fetched_and_that_is_said() {
    let server = QdrantDouble::recorded("tiny8").start();
    let unknown = QdrantSettings {
        rest_port: None,
        ..settings(&server)
    };
    let mut source = QdrantSource::open("tiny8", None, unknown, Clock::real())
        .await
        .unwrap();
    let id = source.page(None).await.unwrap().points[0].point.id.clone();
    assert!(source.facts().warnings[0].contains("set QDRANT_REST_PORT"));
    assert_eq!(source.fetch(&[id.clone().into()]).await.unwrap(), None);

    let stopped = QdrantDouble::recorded("tiny8").start();
    let dead = QdrantSettings {
        rest_port: Some(stopped.rest_port()),
        ..settings(&server)
    };
    drop(stopped);
    let mut source = QdrantSource::open("tiny8", None, dead, Clock::real())
        .await
        .unwrap();
    assert_eq!(source.fetch(&[id.into()]).await.unwrap(), None);
}

#[tokio::test]
async fn what_vectorize_cannot_hold_is_refused_before_anything_is_read() {
    let server = QdrantDouble::recorded("multi")
        .and(Collection::described("sparse", None, &["words"]))
        .and(Collection::described("bare", None, &[]))
        .start();
    let manhattan = QdrantDouble::recorded("manhattan").start();
    for (server, name, message) in [
        (
            &server,
            "multi",
            "collection \"multi\" has multivectors (several vectors a point), and a Vectorize record holds one vector",
        ),
        (
            &server,
            "sparse",
            "collection \"sparse\" has only sparse vectors, and Vectorize holds dense ones",
        ),
        (&server, "bare", "collection \"bare\" has no vectors at all"),
        (
            &manhattan,
            "manhattan",
            "the unnamed vector of collection \"manhattan\" is compared by Manhattan distance, which Vectorize does not have",
        ),
    ] {
        let error = open(server, name).await.err().unwrap();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (Kind::Refused, message)
        );
        assert_eq!(server.calls("scroll"), 0);
    }
}

#[tokio::test]
async fn one_of_several_named_vectors_has_to_be_chosen() {
    let server = QdrantDouble::recorded("named").start();
    let error = open(&server, "named").await.err().unwrap();
    assert_eq!(error.kind(), Kind::Usage);
    assert_eq!(
        told(&error),
        "collection \"named\" has 2 dense vectors, and a Vectorize record holds one\n\
         Choose one with --vector: body, title"
    );
    let source = open_vector(&server, "named", Some("body")).await.unwrap();
    assert_eq!(source.reader().vector(), "body");
    let names: Vec<_> = source
        .facts()
        .shape
        .dense
        .iter()
        .map(|field| &*field.name)
        .collect();
    assert_eq!(names, ["body", "title"]);
    assert_eq!(source.facts().shape.sparse, ["words"]);
}

#[tokio::test]
async fn rounded_storage_and_deferred_points_are_warned_about() {
    let server = QdrantDouble::recorded("half")
        .with(Switch::Deferred(5))
        .start();
    assert_eq!(
        open(&server, "half").await.unwrap().facts().warnings,
        [
            "5 deferred points are hidden until the server has indexed them: they are neither counted nor read.",
            "The unnamed vector is stored as float16: what comes back is rounded, not what was once written.",
        ]
    );
}

/// Three points with a dense vector, two of them with a multivector besides.
fn with_multivectors() -> Collection {
    let multi = VectorParams {
        size: 8,
        distance: Distance::Cosine.into(),
        multivector_config: Some(MultiVectorConfig::default()),
        ..VectorParams::default()
    };
    let title = VectorParams {
        multivector_config: None,
        ..multi
    };
    let map = [("title", title), ("tokens", multi)].map(|(name, params)| (name.to_owned(), params));
    let config = Config::ParamsMap(VectorParamsMap { map: map.into() });
    let mut collection = Collection::described("docs", Some(config), &[]);
    for number in 0..3u64 {
        let mut vectors = vec![("title", Vector::Dense(DenseVector { data: vec![0.5; 8] }))];
        if number > 0 {
            let rows = vec![vec![0.5_f32; 8]; 4];
            vectors.push(("tokens", Vector::MultiDense(rows.into())));
        }
        let vectors = vectors.into_iter().map(|(name, vector)| {
            let vector = Some(vector);
            let output = VectorOutput {
                vector,
                ..VectorOutput::default()
            };
            (name.to_owned(), output)
        });
        let vectors = NamedVectorsOutput {
            vectors: vectors.collect(),
        };
        collection.put(RetrievedPoint {
            id: Some(number.into()),
            vectors: Some(VectorsOutput {
                vectors_options: Some(VectorsOptions::Vectors(vectors)),
            }),
            ..RetrievedPoint::default()
        });
    }
    collection
}

#[tokio::test]
async fn points_with_a_multivector_are_counted_by_servers_that_can() {
    let end = ": it is not read and will not be in the archive.";
    for (version, points, asked) in [("1.18.3", ", which 2 points have", 1), ("1.12.6", "", 0)] {
        let double = QdrantDouble::default().and(with_multivectors());
        let server = double.with(Switch::Version(version)).start();
        let mut source = open(&server, "docs").await.unwrap();
        let told = format!("Vector \"tokens\" is a multivector{points}{end}");
        assert_eq!(source.facts().warnings, [told]);
        assert_eq!(server.calls("count"), asked);
        assert_eq!(read_from(&mut source, None).await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn points_deferred_while_reading_are_told_at_the_end() {
    let server = QdrantDouble::recorded("half").start();
    let mut source = open(&server, "half").await.unwrap();
    assert!(source.held_back().await.unwrap().is_empty());
    server.set(Switch::Deferred(3));
    let told = source.held_back().await.unwrap();
    assert!(
        told[0].starts_with("3 deferred points are hidden"),
        "{told:?}"
    );
}

#[tokio::test]
async fn strict_mode_is_kept_to_from_the_first_page_on() {
    let strict = StrictModeConfig {
        enabled: Some(true),
        max_query_limit: Some(50),
        max_timeout: Some(7),
        search_allow_exact: Some(false),
        ..StrictModeConfig::default()
    };
    let docs = Collection::described("docs", dense(8), &[]).strict(strict);
    let server = QdrantDouble::default().and(docs).start();
    for number in 0..120u64 {
        let point = qdrant_client::qdrant::RetrievedPoint {
            id: Some(number.into()),
            ..Default::default()
        };
        server.put("docs", point);
    }
    let mut source = open(&server, "docs").await.unwrap();
    assert_eq!(read_from(&mut source, None).await.unwrap().len(), 120);
    assert_eq!(server.scroll_limits(), [50, 50, 50, 1]);
    assert_eq!(source.count().await.unwrap(), None);
    assert_eq!(server.calls("count"), 0);
    assert!(source.facts().warnings[0].contains("search_allow_exact"));
}

#[test]
fn nothing_is_printed_on_standard_output() {
    let server = QdrantDouble::recorded("tiny8")
        .with(Switch::Version("0.1.0"))
        .start();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "open::opens_the_server_of_the_environment",
            "--ignored",
            "--nocapture",
        ])
        .env("QDRANT_URL", server.grpc_url())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("1 passed"), "{stdout}");
    assert_eq!(server.calls("health"), 1);
    for word in ["compatib", "version", "Qdrant"] {
        assert!(!stdout.contains(word), "{stdout}");
    }
}

#[tokio::test]
#[ignore = "run in a process of its own by the test above"]
async fn opens_the_server_of_the_environment() {
    let settings = QdrantSettings {
        url: std::env::var("QDRANT_URL").ok(),
        ..QdrantSettings::default()
    };
    let opened = QdrantSource::open("tiny8", None, settings, Clock::real()).await;
    assert_eq!(opened.unwrap().facts().name, "qdrant:tiny8");
}
