//! Qdrant: reaching it, being let in, and collections that have no place in
//! Vectorize.

use crate::account::closed_port;
use crate::support::qdrant::{Collection, QdrantDouble, Switch};

const DOCS: &str = "run qdrant:project_docs vectorize:docs --create";

rows! {
    fn qdrant_unreachable(bench) {
        bench.shell.set("QDRANT_URL", &format!("http://127.0.0.1:{}", closed_port()));
        bench.run(DOCS)
    }

    fn qdrant_rest_port(bench) {
        let port = bench.serve(QdrantDouble::recorded("project_docs")).rest_port();
        bench.shell.set("QDRANT_URL", &format!("http://127.0.0.1:{port}"));
        bench.run(DOCS)
    }

    fn qdrant_key_missing(bench) {
        bench.serve(QdrantDouble::recorded("project_docs").with(Switch::Key("right")));
        bench.run(DOCS)
    }

    fn qdrant_key_wrong(bench) {
        bench.serve(QdrantDouble::recorded("project_docs").with(Switch::Key("right")));
        bench.shell.set("QDRANT_API_KEY", "a-wrong-key");
        let told = bench.run(DOCS);
        assert!(!told.stderr.contains("a-wrong-key"), "{told}");
        told
    }

    fn collection_missing(bench) {
        bench.serve(QdrantDouble::recorded("project_docs"));
        bench.run("run qdrant:project_doc vectorize:docs --create")
    }

    fn collection_empty(bench) {
        bench.run_recorded("empty", "--create")
    }

    fn dimensions_too_many(bench) {
        bench.run_recorded("wide3072", "--create")
    }

    fn dimensions_too_few(bench) {
        bench.run_recorded("tiny8", "--create")
    }

    fn vectors_none(bench) {
        bench.serve(QdrantDouble::default().and(Collection::described("bare", None, &[])));
        bench.run("run qdrant:bare vectorize:docs --create")
    }

    fn vectors_sparse_only(bench) {
        let words = Collection::described("words", None, &["words"]);
        bench.serve(QdrantDouble::default().and(words));
        bench.run("run qdrant:words vectorize:docs --create")
    }

    fn vectors_multi(bench) {
        bench.run_recorded("multi", "--create")
    }

    fn distance_manhattan(bench) {
        bench.run_recorded("manhattan", "--create")
    }

    fn vectors_several(bench) {
        bench.run_recorded("named", "--create")
    }

    fn vector_unknown(bench) {
        bench.run_recorded("named", "--create --vector title2")
    }
}
