//! The examples of `docs/dimensions.md`, which shorten query vectors in other
//! languages, and the golden vectors: all give the same bits as the transform.

use std::fs;
use std::path::Path;
use std::process::Command;

use cf_migrate::point::{DenseField, Distance, Point, PointId, Shape};
use cf_migrate::record::{Dimensions, Metric};
use cf_migrate::transform::{Mapping, Target, Transform};
use serde_json::{Value, json};

use crate::data::{clustered, numbers};

const PAGE: &str = include_str!("../../docs/dimensions.md");
const PYTHON: &str = include_str!("../../docs/examples/shorten.py");
const TYPESCRIPT: &str = include_str!("../../docs/examples/shorten.ts");
const GOLDEN: &str = include_str!("../../fixtures/shorten.json");

/// Reads cases and prints what each comes to, as the hex digits of the bits.
const PYTHON_DRIVER: &str = r#"
import json, struct, sys
for case in json.load(open(sys.argv[1])):
    vector = [struct.unpack(">f", bytes.fromhex(bits))[0] for bits in case["vector"]]
    print(" ".join(struct.pack(">f", x).hex() for x in shorten(vector, case["dims"])))
"#;

const NODE_DRIVER: &str = r#"
import { readFileSync } from "node:fs";
const view = new DataView(new ArrayBuffer(4));
const number = (bits) => (view.setUint32(0, parseInt(bits, 16)), view.getFloat32(0));
const bits = (number) => (view.setFloat32(0, number), view.getUint32(0).toString(16).padStart(8, "0"));
for (const { vector, dims } of JSON.parse(readFileSync(process.argv[2], "utf8")))
  console.log(shorten(vector.map(number), dims).map(bits).join(" "));
"#;

fn hex(values: &[f32]) -> Vec<String> {
    let bits = values.iter().map(|value| value.to_bits());
    bits.map(|bits| format!("{bits:08x}")).collect()
}

fn floats(hex: &Value) -> Vec<f32> {
    let bits = |hex: &Value| u32::from_str_radix(hex.as_str().unwrap(), 16).unwrap();
    let hex = hex.as_array().unwrap().iter();
    hex.map(|hex| f32::from_bits(bits(hex))).collect()
}

/// What the transform makes of a vector, for a cosine index.
fn ours(vector: Vec<f32>, dims: usize) -> Vec<f32> {
    let dimensions = Dimensions::new(dims).unwrap();
    let shape = Shape {
        dense: vec![DenseField {
            name: String::new(),
            dimensions: vector.len(),
            distance: Some(Distance::Cosine),
        }],
        ..Shape::default()
    };
    let mapping = Mapping {
        dims: Some(dimensions),
        ..Mapping::default()
    };
    let metric = Metric::Cosine;
    let transform = Transform::resolve(mapping, &shape, Target { dimensions, metric }).unwrap();
    let point = Point {
        id: PointId::Integer(1),
        namespace: None,
        dense: vec![Some(vector)],
        sparse: Vec::new(),
        payload: serde_json::Map::new(),
        data: None,
    };
    transform.apply(&point).unwrap().record.values
}

/// The golden cases, and vectors as long as the ones this is for.
fn cases() -> Vec<Value> {
    let mut cases: Vec<Value> = serde_json::from_str(GOLDEN).unwrap();
    for (vector, dims) in clustered(12, 3_072, 21)
        .into_iter()
        .zip([1_536, 1_024, 512].into_iter().cycle())
    {
        cases.push(json!({"dims": dims, "vector": hex(&vector)}));
    }
    // As many as there are: nothing is done.
    cases.push(json!({"dims": 48, "vector": hex(&numbers(48, 5))}));
    cases
}

fn ours_of(case: &Value) -> Vec<String> {
    let dims = case["dims"].as_u64().unwrap() as usize;
    hex(&ours(floats(&case["vector"]), dims))
}

/// What the program prints for the cases; none where it is not installed.
fn told(program: &str, file: &str, source: &str) -> Option<Vec<Vec<String>>> {
    let folder = tempfile::tempdir().unwrap();
    let (script, data) = (folder.path().join(file), folder.path().join("cases.json"));
    fs::write(&script, source).unwrap();
    fs::write(&data, Value::from(cases()).to_string()).unwrap();
    let output = Command::new(program).args([&script, &data]).output().ok()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    Some(text.lines().map(words).collect())
}

fn agrees(told: Option<Vec<Vec<String>>>) {
    let Some(told) = told else { return };
    let cases = cases();
    assert_eq!(told.len(), cases.len());
    for (case, told) in cases.iter().zip(told) {
        assert_eq!(told, ours_of(case), "{}", case["name"]);
    }
}

#[test]
fn the_transform_gives_the_golden_vectors() {
    let cases: Vec<Value> = serde_json::from_str(GOLDEN).unwrap();
    for case in cases {
        let golden = hex(&floats(&case["shortened"]));
        assert_eq!(ours_of(&case), golden, "{}", case["name"]);
    }
}

#[test]
fn the_python_example_gives_the_same_bits() {
    agrees(told(
        "python3",
        "shorten.py",
        &format!("{PYTHON}{PYTHON_DRIVER}"),
    ));
}

#[test]
fn the_typescript_example_gives_the_same_bits() {
    // What is left without the types is JavaScript.
    let script = TYPESCRIPT.replace(": number[]", "").replace(": number", "");
    agrees(told(
        "node",
        "shorten.mjs",
        &format!("{script}{NODE_DRIVER}"),
    ));
}

#[test]
fn the_page_shows_the_examples_as_they_are() {
    for (language, example) in [("ts", TYPESCRIPT), ("python", PYTHON)] {
        assert!(
            PAGE.contains(&format!("```{language}\n{example}```\n")),
            "{language}"
        );
    }
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let names = fs::read_dir(examples)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let programs = names.filter(|name| !name.to_string_lossy().ends_with(".yaml"));
    assert_eq!(programs.count(), 2);
}
