//! Parquet as a source of every verb: what pyarrow, pandas and DuckDB wrote
//! (`fixtures/parquet/README.md`), and the sample in another coat.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, ListArray, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::Value;

use crate::cli::sample;
use crate::place::{MAPPED, Place, WHOLE, assert_same, undisturbed};

fn fixture(name: &str) -> String {
    format!("{}/fixtures/parquet/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The sample's lines as rows: a column for each field of the payload.
fn write_sample(path: &Path) {
    let text = std::fs::read_to_string(sample()).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let texts = |read: &dyn Fn(&Value) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(lines.iter().map(read)))
    };
    let vectors = lines.iter().map(|line| {
        let numbers = line["vector"].as_array().unwrap().iter();
        Some(
            numbers
                .map(|number| number.to_string().parse().ok())
                .collect::<Vec<Option<f32>>>(),
        )
    });
    let vectors: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(vectors));
    let mut columns = vec![
        (
            "id".to_owned(),
            texts(&|line| line["id"].as_str().unwrap().to_owned()),
        ),
        ("vector".to_owned(), vectors),
    ];
    for (key, value) in lines[0]["payload"].as_object().unwrap() {
        let field = |line: &Value| line["payload"][key].clone();
        let column: ArrayRef = match value {
            Value::Number(_) => {
                let numbers = lines.iter().map(|line| field(line).as_i64().unwrap());
                Arc::new(arrow_array::Int64Array::from_iter_values(numbers))
            }
            _ => texts(&|line| field(line).as_str().unwrap().to_owned()),
        };
        columns.push((key.clone(), column));
    }
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let small = WriterProperties::builder()
        .set_max_row_group_row_count(Some(50))
        .build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(small)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn the_sample_as_parquet_gives_the_same_records_and_the_same_account() {
    let place = Place::new();
    write_sample(&place.shell.path("sample.parquet"));
    for (from, out) in [("SAMPLE", "a.ndjson"), ("sample.parquet", "b.ndjson")] {
        place
            .run(&format!("transform {from} {out} {MAPPED}"))
            .ends(0);
    }
    assert!(place.shell.read("a.ndjson") == place.shell.read("b.ndjson"));
    let told = place.run(&format!(
        "run sample.parquet vectorize:docs {MAPPED} {WHOLE}"
    ));
    told.ends(0).says("proven: 269 records, verified equal");
    assert_same(&place.held(), &undisturbed());
    let told = place.run(&format!("verify sample.parquet vectorize:docs {MAPPED}"));
    told.ends(0).says("proven: 269 records, verified equal");
}

#[test]
fn every_verb_reads_a_folder_of_them_with_the_columns_that_are_named() {
    let place = Place::new();
    let folder = fixture("folder");
    place
        .run(&format!("plan {folder} vectorize:docs --create --full"))
        .ends(0);
    place
        .run(&format!("transform {folder} out.ndjson --id-column text"))
        .ends(0);
    assert!(
        place
            .shell
            .read("out.ndjson")
            .starts_with(r#"{"id":"text 0 – ä""#)
    );
    place
        .run(&format!(
            "export {folder} docs.archive --vector-column vector"
        ))
        .ends(0);
    place
        .run(&format!("upsert {folder} vectorize:docs --create"))
        .ends(0);
    assert_eq!(place.cloud.vectors("docs").len(), 40);
    place
        .run("run docs.archive vectorize:docs --dir again --overwrite")
        .ends(0);
    place
        .run("run docs.archive vectorize:docs --id-column id")
        .ends(2);
    place
        .run("upsert docs.migration vectorize:docs --id-column id")
        .ends(2);
    place
        .run(&format!(
            "run {folder} vectorize:other --create --file-index kv:files --file-key 'file:{{text}}'"
        ))
        .ends(0);
    assert_eq!(place.entries().len(), 41);
}

#[test]
fn what_32_bits_lose_is_told_by_the_plan_and_at_the_end() {
    let place = Place::new();
    let file = fixture("dataset_f64.parquet");
    for verb in ["plan", "run"] {
        let told = place
            .run(&format!("{verb} {file} vectorize:docs --create"))
            .ends(0);
        let told = told
            .says("the column \"embedding\" holds 64-bit floats, and Vectorize 32-bit ones: 856 of the 1280 numbers");
        let told = told
            .says("in the first 40 rows are not exact in 32 bits; the largest relative error is ");
        if verb == "run" {
            told.says("that were read are not exact");
        }
    }
    let told = place.run(&format!("transform {file} out.ndjson")).ends(0);
    told.says("in the first 40 rows are not exact");
}
