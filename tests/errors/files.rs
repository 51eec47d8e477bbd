//! Files that points are read from.

use std::io::Write as _;

use serde_json::json;

use crate::bench::{Bench, point, with_vector};
use crate::cli::{Told, sample};

fn run_file(bench: &Bench, name: &str, content: impl AsRef<[u8]>) -> Told {
    bench.shell.write(name, content);
    bench.run(&format!("run {name} vectorize:docs --create"))
}

/// Its first two thirds.
fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() * 2 / 3);
    bytes
}

/// A file of `fixtures/parquet`.
fn parquet(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/parquet");
    std::fs::read(std::path::Path::new(folder).join(name)).unwrap()
}

fn points() -> Vec<u8> {
    std::fs::read(sample()).unwrap()
}

rows! {
    fn file_missing(bench) {
        bench.run("run nothing.ndjson vectorize:docs --create")
    }

    fn file_empty(bench) {
        run_file(bench, "points.ndjson", "\n\n")
    }

    fn file_not_json(bench) {
        run_file(bench, "points.ndjson", format!("{}\nid,text\n", point(1, &json!({}))))
    }

    fn file_json_array(bench) {
        run_file(bench, "points.ndjson", json!([point(1, &json!({}))]).to_string())
    }

    fn file_line_of_many_keys(bench) {
        let keys: String = (0..2_000).map(|key| format!("\"{key}\":0,")).collect();
        run_file(bench, "points.ndjson", format!("{{{keys}\"id\":1}}"))
    }

    fn file_cut_off(bench) {
        run_file(bench, "points.ndjson", cut(points()))
    }

    fn file_gzip_cut_off(bench) {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&points()).unwrap();
        run_file(bench, "points.ndjson.gz", cut(gzip.finish().unwrap()))
    }

    fn file_zstd_cut_off(bench) {
        let zstd = zstd::encode_all(&*points(), 1).unwrap();
        run_file(bench, "points.ndjson.zst", cut(zstd))
    }

    fn parquet_compressed(bench) {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&parquet("f32_list_none.parquet")).unwrap();
        run_file(bench, "points.parquet.gz", gzip.finish().unwrap())
    }

    fn parquet_damaged(bench) {
        run_file(bench, "points.parquet", cut(parquet("f32_list_none.parquet")))
    }

    fn parquet_schema_deep(bench) {
        run_file(bench, "points.parquet", nested_schema(1_000))
    }

    fn parquet_brotli(bench) {
        run_file(bench, "points.parquet", parquet("f32_list_brotli.parquet"))
    }

    fn parquet_archive_part(bench) {
        bench.run(&format!("export {} docs.archive", sample())).ends(0);
        bench.run("run docs.archive/0001/part-000001.parquet vectorize:docs --create")
    }

    fn parquet_without_id(bench) {
        run_file(bench, "points.parquet", parquet("other_id.parquet"))
    }

    fn parquet_without_vector(bench) {
        run_file(bench, "points.parquet", parquet("integers.parquet"))
    }

    fn parquet_vectors_several(bench) {
        run_file(bench, "points.parquet", parquet("several.parquet"))
    }

    fn parquet_column_unknown(bench) {
        bench.shell.write("points.parquet", parquet("several.parquet"));
        bench.run("run points.parquet vectorize:docs --create --vector-column text")
    }

    fn parquet_id_type(bench) {
        run_file(bench, "points.parquet", parquet("float_id.parquet"))
    }

    fn parquet_payload_type(bench) {
        run_file(bench, "points.parquet", parquet("interval.parquet"))
    }

    fn parquet_id_null(bench) {
        run_file(bench, "points.parquet", parquet("null_id.parquet"))
    }

    fn parquet_lengths_differ(bench) {
        run_file(bench, "points.parquet", parquet("unequal.parquet"))
    }

    fn parquet_nan(bench) {
        run_file(bench, "points.parquet", parquet("nan.parquet"))
    }

    fn parquet_vectors_null(bench) {
        run_file(bench, "points.parquet", parquet("no_vectors.parquet"))
    }

    fn parquet_same_ids(bench) {
        run_file(bench, "points.parquet", parquet("duplicates.parquet"))
    }

    fn parquet_other_columns(bench) wrote {
        run_file(bench, "points.parquet", parquet("dataset_f64.parquet")).ends(0);
        bench.run("run points.parquet vectorize:docs --id-column text")
    }

    fn columns_without_parquet(bench) {
        bench.run(&format!("run {} vectorize:docs --create --id-column id", sample()))
    }

    fn file_id_wrong_type(bench) {
        run_file(bench, "points.ndjson", point(json!([1]), &json!({})).to_string())
    }

    fn file_vector_wrong_type(bench) {
        run_file(bench, "points.ndjson", with_vector("\"0.1, 0.2\""))
    }

    fn file_payload_wrong_type(bench) {
        run_file(bench, "points.ndjson", point(1, &json!("text")).to_string())
    }

    fn file_number_wrong_type(bench) {
        run_file(bench, "points.ndjson", with_vector(r#"[0.1, "0.2"]"#))
    }

    fn file_nan(bench) {
        run_file(bench, "points.ndjson", with_vector("[0.1, NaN]"))
    }

    fn file_number_beyond(bench) {
        run_file(bench, "points.ndjson", with_vector("[0.1, 1e39]"))
    }

    fn file_lengths_differ(bench) {
        let short = with_vector("[0.1, 0.2]");
        run_file(bench, "points.ndjson", format!("{}\n{short}\n", point(1, &json!({}))))
    }

    fn file_without_vector(bench) {
        run_file(bench, "points.ndjson", r#"{"id": 1, "payload": {}}"#)
    }

    fn file_dimensions_too_few(bench) {
        run_file(bench, "points.ndjson", with_vector("[0.1, 0.2]"))
    }

    fn dims_beyond_source(bench) {
        bench.run_lines(&[point(1, &json!({}))], "--create --dims 64")
    }

    fn dims_of_few(bench) {
        bench.run_text(&with_vector("[0.1, 0.2]"), "--create --dims 32")
    }

    fn folder_without_archive(bench) {
        std::fs::create_dir(bench.shell.path("folder")).unwrap();
        bench.run("run folder vectorize:docs --create")
    }

    fn path_no_file(bench) {
        bench.run("run /dev/null vectorize:docs --create")
    }
}

/// A Parquet file whose schema is so many groups (up to 16,382), each within the one
/// before: a footer and nothing else.
fn nested_schema(levels: u16) -> Vec<u8> {
    let [low, high] = [(levels + 1) & 0x7f | 0x80, (levels + 1) >> 7].map(|part| part as u8);
    // A list of structs: name, number of children.
    let mut footer = vec![0x29, 0xfc, low, high];
    for _ in 0..levels {
        footer.extend([0x35, 0x04, 0x18, 0x01, b'a', 0x15, 0x02, 0x00]);
    }
    footer.extend([0x15, 0x02, 0x25, 0x00, 0x18, 0x01, b'b', 0x00, 0x00]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1".as_slice(), &footer, &length, b"PAR1"].concat()
}
