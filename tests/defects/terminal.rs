//! What the operator sees of findings: exit code, kinds, numbers and names at the
//! terminal, and the same in `report.json`.

use cf_migrate::sandbox::SandboxOptions;
use cf_migrate::sandbox::inspect::StoredVector;
use serde_json::json;

use crate::binary::{ID, INDEX, Served, Workplace, point, values, write_lines};

const DIMENSIONS: usize = 32;

#[test]
fn findings_are_named_and_counted_at_the_terminal_and_in_the_report() {
    let served = Served::new(SandboxOptions::default());
    let place = Workplace::of(&served);
    write_lines(
        &place.path("points.ndjson"),
        (0..60).map(|number| point(number, DIMENSIONS)),
    );
    let common = ["points.ndjson", "vectorize:docs", "--id", ID];
    place
        .run(&[&["run", "--create"], common.as_slice()].concat())
        .expect_code(0);

    for number in 0..7 {
        let id = format!("f{number}_0");
        assert!(served.sandbox.remove_vector(INDEX, &id).unwrap());
    }
    let stranger = StoredVector {
        namespace: None,
        values: values(99, DIMENSIONS),
        metadata: None,
    };
    served
        .sandbox
        .put_vector(INDEX, "stranger", &stranger)
        .unwrap();
    let mut changed = served.sandbox.vectors(INDEX).unwrap()["f9_1"].clone();
    changed.namespace = Some("other".to_owned());
    changed.metadata = Some(json!({"file_id": "f9", "chunk_index": 1}));
    changed.values[5] = 9.0;
    served.sandbox.put_vector(INDEX, "f9_1", &changed).unwrap();

    let ended = place.run(&[&["verify", "--json"], common.as_slice()].concat());
    ended.expect_code(4);
    let report = ended.report();
    assert_eq!(report, place.report());
    assert_eq!(report["outcome"], "differences");
    assert_eq!(report["exit_code"], 4);
    let findings = &report["verification"]["findings"];
    assert_eq!(findings["missing"]["count"], 7);
    assert_eq!(findings["missing"]["examples"].as_array().unwrap().len(), 7);

    // Five examples of each kind, then the pointer to the rest.
    for told in [
        "\nextra: 1\n  stranger\n",
        "\nmissing: 7\n  f0_0\n  f1_0\n  f2_0\n  f3_0\n  f4_0\n\n",
        "\nmetadata: 1\n  f9_1: `text` differs\n",
        "\nnamespace: 1\n  f9_1: namespace \"other\" instead of none\n",
        "\nvalues: 1\n  f9_1: number 5 is 9 instead of ",
        "\nevery finding by name is in report.json\n",
        "\ndifferences were found; see above and report.json\n",
    ] {
        assert!(ended.stderr.contains(told), "{told:?} in {}", ended.stderr);
    }
}
