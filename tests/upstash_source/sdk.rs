//! The double, served for whoever wants to drive it with the vendor's own clients
//! (`@upstash/vector`, `upstash-vector`), which keeps it honest.

use crate::support::upstash::{TOKEN, UpstashDouble};

/// Serves until the file named in `UPSTASH_DOUBLE_UNTIL` exists: a client's script
/// makes it when it is done.
#[test]
#[ignore = "serves the double for other clients: docs/upstash.md"]
fn serves_the_double() {
    let until = std::env::var("UPSTASH_DOUBLE_UNTIL").expect("UPSTASH_DOUBLE_UNTIL names a file");
    let server = UpstashDouble::dense(2).start();
    println!(
        "UPSTASH_VECTOR_REST_URL={} UPSTASH_VECTOR_REST_TOKEN={TOKEN}",
        server.url()
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        while !std::path::Path::new(&until).exists() {
            cf_migrate::clock::Clock::real()
                .sleep(std::time::Duration::from_millis(100))
                .await;
        }
    });
}
