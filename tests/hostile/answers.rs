//! Answers of services.

use std::time::Duration;

use cf_migrate::clock::Clock;
use cf_migrate::cloudflare::{Account, AccountId, ApiError, IndexName};
use cf_migrate::http::{Budget, Cause, Client, NetworkOptions, Policy, Transport};
use cf_migrate::locator::Namespaces;
use cf_migrate::progress::Recording;
use cf_migrate::source::Source as _;
use cf_migrate::source::qdrant::{QdrantSettings, QdrantSource};
use cf_migrate::source::upstash::{Surroundings, UpstashReader, UpstashSettings};
use cf_migrate::stop::Stop;
use secrecy::SecretString;

use crate::cli::{Shell, Told, sample};
use crate::ended;
use crate::server::{Answer, serve};
use crate::support::qdrant::QdrantDouble;

const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

fn cloudflare(answer: Answer) -> Told {
    let mut shell = Shell::new();
    shell.set("CLOUDFLARE_ACCOUNT_ID", ACCOUNT);
    shell.set("CLOUDFLARE_API_TOKEN", "token");
    shell.set(
        "CLOUDFLARE_API_BASE_URL",
        &format!("{}/client/v4", serve(answer)),
    );
    shell.run(&format!("run {} vectorize:docs --create", sample()))
}

#[test]
fn answers_of_the_account_are_read_up_to_their_bound() {
    for answer in [Answer::Endless, Answer::Enormous, Answer::Numbers] {
        let told = cloudflare(answer);
        let words = [
            "the answer is larger than this tool reads",
            "the answer was larger than 1048576 bytes",
            "check CLOUDFLARE_API_BASE_URL",
        ];
        ended(&told, 1, &words);
    }
}

#[test]
fn answers_of_upstash_are_read_up_to_their_bound() {
    for answer in [Answer::Endless, Answer::Enormous, Answer::Numbers] {
        let mut shell = Shell::new();
        shell.set("UPSTASH_VECTOR_REST_URL", &serve(answer));
        shell.set("UPSTASH_VECTOR_REST_TOKEN", "token");
        let told = shell.run("export upstash: out");
        ended(&told, 1, &["the answer is larger than 32 MiB"]);
    }
}

/// One attempt at the account, so that nothing is waited for.
async fn attempt(answer: Answer) -> Cause {
    let url = format!("{}/client/v4", serve(answer));
    let token = SecretString::from("token");
    let transport = Transport::network(&url, token, NetworkOptions::default()).unwrap();
    let policy = Policy {
        attempts: 1,
        first_contact_attempts: 1,
        ..Policy::default()
    };
    let clock = Clock::real();
    let client = Client::with_policy(transport, Budget::in_memory(10, clock), clock, policy);
    let account = Account::new(client, AccountId::new(ACCOUNT).unwrap());
    let index = account.vectorize(&IndexName::new("docs").unwrap());
    match index.info().await.unwrap_err() {
        ApiError::Http { source, .. } => source.cause,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn headers_without_an_end_are_not_read_on() {
    assert!(matches!(attempt(Answer::Headers).await, Cause::Lost(_)));
}

#[tokio::test]
async fn what_is_compressed_unasked_is_not_unpacked() {
    assert!(matches!(
        attempt(Answer::Bomb).await,
        Cause::Answered { .. } | Cause::TooLarge { .. }
    ));
}

#[tokio::test]
async fn an_answer_that_trickles_is_given_up_after_its_whole_time() {
    let settings = UpstashSettings {
        url: Some(serve(Answer::Trickle)),
        token: Some(SecretString::from("token")),
        timeout: Duration::from_secs(2),
        first_pause: Duration::from_millis(1),
        ..UpstashSettings::default()
    };
    let (_raise, stop) = Stop::new();
    let surroundings = Surroundings {
        clock: Clock::real(),
        stop,
        progress: std::sync::Arc::new(Recording::default()),
    };
    let opened = UpstashReader::open(Namespaces::All, settings, surroundings).await;
    let error = opened.err().expect("it never ends");
    let chain = cf_migrate::report::facts::chain(&error);
    assert!(chain.contains("no whole answer within 2 s"), "{chain}");
}

#[tokio::test]
async fn answers_of_qdrants_rest_side_are_read_up_to_their_bound() {
    let server = QdrantDouble::recorded("tiny8").start();
    let port = serve(Answer::Endless)
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let settings = QdrantSettings {
        url: Some(server.grpc_url()),
        rest_port: Some(port),
        ..QdrantSettings::default()
    };
    let mut source = QdrantSource::open("tiny8", None, settings, Clock::real())
        .await
        .unwrap();
    let page = source.page(None).await.unwrap();
    let names: Vec<_> = page.points.iter().map(|read| read.point.name()).collect();
    let error = source.fetch(&names[..2]).await.unwrap_err();
    assert!(
        error.to_string().ends_with("/points is larger than 64 MiB"),
        "{error}"
    );
}
