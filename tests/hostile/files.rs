//! Files that are larger within than they look.

use std::io::Write as _;

use crate::cli::Shell;
use crate::ended;
use crate::server::bomb;

fn run(name: &str, content: &[u8]) -> crate::cli::Told {
    let shell = Shell::new();
    shell.write(name, content);
    shell.run(&format!("run {name} vectorize:docs --create --sandbox"))
}

#[test]
fn a_line_that_unpacks_to_a_gigabyte_is_refused_at_its_bound() {
    let words = ["line 1: it is longer than 64 MiB"];
    ended(&run("points.ndjson.gz", &bomb()), 1, &words);
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    for _ in 0..1024 {
        encoder.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    ended(
        &run("points.ndjson.zst", &encoder.finish().unwrap()),
        1,
        &words,
    );
}

#[test]
fn payloads_that_nest_without_end_are_refused() {
    let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    let line = format!("{{\"id\":1,\"vector\":[1,2],\"payload\":{{\"a\":{deep}}}}}\n");
    ended(
        &run("points.ndjson", line.as_bytes()),
        1,
        &["line 1", "recursion limit exceeded"],
    );
}

#[test]
fn an_object_of_very_many_keys_is_refused_at_once() {
    let keys: String = (0..300_000).map(|key| format!("\"{key}\":0,")).collect();
    let line = format!("{{{keys}\"id\":1,\"vector\":[1,2]}}\n");
    ended(
        &run("points.ndjson", line.as_bytes()),
        1,
        &["line 1", "more than 1000 keys"],
    );
}

/// A footer whose schema is so many groups, each within the one before.
fn nested_schema(levels: u32) -> Vec<u8> {
    let mut footer = vec![0x29, 0xfc];
    let mut length = levels + 1;
    while length >= 0x80 {
        footer.push(0x80 | (length & 0x7f) as u8);
        length >>= 7;
    }
    footer.push(length as u8);
    for _ in 0..levels {
        footer.extend([0x35, 0x04, 0x18, 0x01, b'a', 0x15, 0x02, 0x00]);
    }
    footer.extend([0x15, 0x02, 0x25, 0x00, 0x18, 0x01, b'b', 0x00, 0x00]);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    [b"PAR1".as_slice(), &footer, &length, b"PAR1"].concat()
}

#[test]
fn a_schema_that_nests_without_end_is_refused() {
    let words = [
        "cannot be read as Parquet",
        "its schema nests 500001 levels deep",
    ];
    ended(&run("points.parquet", &nested_schema(500_000)), 1, &words);
}

#[test]
fn a_map_program_over_a_text_that_nests_without_end_rejects_the_point() {
    let text = "[".repeat(1_000_000);
    let vector = vec!["0.5"; 32].join(",");
    let shell = Shell::new();
    let line = format!("{{\"id\":1,\"vector\":[{vector}],\"payload\":{{\"a\":\"{text}\"}}}}\n");
    shell.write("points.ndjson", line);
    let told =
        shell.run("run points.ndjson vectorize:docs --create --sandbox --map '{a: .a | fromjson}'");
    ended(&told, 7, &["nests deeper than 128 levels"]);
}
