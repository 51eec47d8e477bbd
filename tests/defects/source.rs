//! Defects that arise while the source is exported, so that the archive is wrong
//! and the index equals it: the source's own count and asking it again by id, over
//! REST, tell.

use serde_json::Value;

use crate::binary::{Served, Workplace};
use crate::support::qdrant::{Id, QdrantDouble, Server, Switch};
use cf_migrate::sandbox::SandboxOptions;

const POINTS: u64 = 60;

struct Scene {
    server: Server,
    place: Workplace,
    _served: Served,
}

impl Scene {
    fn new() -> Self {
        let server = QdrantDouble::generated("docs", POINTS, 32, 11).start();
        let served = Served::new(SandboxOptions::default());
        let place = Workplace::of(&served)
            .with("QDRANT_URL", server.grpc_url())
            .with("QDRANT_REST_PORT", server.rest_port().to_string());
        Self {
            server,
            place,
            _served: served,
        }
    }

    fn id(&self, number: usize) -> Id {
        self.server.ids("docs")[number]
    }

    /// The one finding of a run that ends with differences; its kind, count and
    /// only example, in the report and at the terminal.
    fn only_finding(&self, verb: &str) -> (String, String) {
        let ended = self
            .place
            .run(&[verb, "qdrant:docs", "vectorize:docs", "--create", "--json"]);
        ended.expect_code(4);
        let report = ended.report();
        assert_eq!(report, self.place.report());
        let findings = report["verification"]["findings"].as_object().unwrap();
        assert_eq!(findings.len(), 1, "{findings:?}");
        let (kind, found) = findings.iter().next().unwrap();
        assert_eq!(found["count"], 1);
        let example = found["examples"][0].as_str().unwrap().to_owned();
        assert!(
            ended
                .stderr
                .contains(&format!("\n{kind}: 1\n  {example}\n")),
            "{}",
            ended.stderr
        );
        (kind.clone(), example)
    }

    fn report(&self) -> Value {
        self.place.report()
    }
}

fn text(id: Id) -> String {
    match id {
        Id::Number(number) => number.to_string(),
        Id::Uuid(bits) => uuid::Uuid::from_u128(bits).to_string(),
    }
}

#[test]
fn a_point_skipped_during_export_is_found_by_the_sources_count() {
    let scene = Scene::new();
    scene.server.set(Switch::Hide(scene.id(7)));
    let (kind, example) = scene.only_finding("run");
    assert_eq!(kind, "count");
    assert_eq!(
        example,
        "the source counted 60 points before the export and 60 after it, the archive holds 59"
    );
    assert_eq!(scene.report()["points"]["source"], 60);
    assert_eq!(scene.report()["points"]["archived"], 59);
}

#[test]
fn a_float_altered_during_export_is_found_by_asking_the_source_again() {
    let scene = Scene::new();
    let id = scene.id(31);
    scene.server.set(Switch::Alter(id));
    let (kind, example) = scene.only_finding("run");
    assert_eq!(kind, "source");
    assert!(
        example.starts_with(&format!("{}: vector \"\": number 0 is ", text(id))),
        "{example}"
    );
    assert!(
        scene.server.calls("rest") > 0,
        "the second decoder was asked"
    );
    assert_eq!(scene.report()["verification"]["source_sampled"], POINTS);
    assert_eq!(scene.report()["verification"]["source_different"], 1);
}

#[test]
fn a_payload_altered_during_export_is_found_by_asking_the_source_again() {
    let scene = Scene::new();
    let id = scene.id(59);
    scene.server.set(Switch::AlterPayload(id));
    let (kind, example) = scene.only_finding("run");
    assert_eq!(kind, "source");
    assert_eq!(
        example,
        format!(
            "{}: payload `text` differs between source and archive",
            text(id)
        )
    );
}

#[test]
fn a_point_that_the_source_lost_since_is_found_when_it_is_asked_again() {
    let scene = Scene::new();
    let run = ["run", "qdrant:docs", "vectorize:docs", "--create"];
    scene.place.run(&run).expect_code(0);
    let id = scene.id(3);
    scene.server.delete("docs", id);
    let ended = scene
        .place
        .run(&["verify", "qdrant:docs", "vectorize:docs", "--json"]);
    ended.expect_code(4);
    let findings = &ended.report()["verification"]["findings"];
    assert_eq!(
        findings["source"]["examples"][0],
        format!("{}: the source no longer has it", text(id))
    );
    let told = "the source counts 59 points now, the archive holds 60";
    assert_eq!(findings["count"]["examples"][0], told);
}
