use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;

use parquet::file::metadata::ParquetMetaDataReader;
use proptest::prelude::*;

use super::*;

fn fixture(name: &str) -> File {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/parquet");
    File::open(folder.join(name)).unwrap()
}

/// A file that is a footer and what stands around it.
fn with_footer(footer: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"PAR1").unwrap();
    file.write_all(footer).unwrap();
    let length = u32::try_from(footer.len()).unwrap();
    file.write_all(&length.to_le_bytes()).unwrap();
    file.write_all(b"PAR1").unwrap();
    file.rewind().unwrap();
    file
}

/// A footer whose schema is so many groups, each in the one before.
fn nested(levels: usize) -> Vec<u8> {
    let mut footer = vec![0x29, 0xfc]; // Field 2, a list of structs, its length to follow.
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
    footer
}

#[test]
fn a_schema_that_nests_without_end_is_refused_before_it_is_built() {
    for levels in [MAX_DEPTH, 1_000, 200_000] {
        let told = check_footer(&with_footer(&nested(levels))).unwrap_err();
        let depth = levels + 1;
        let wanted = format!("its schema nests {depth} levels deep; up to 64 are read");
        assert_eq!(told.to_string(), wanted);
    }
    assert!(check_footer(&with_footer(&nested(MAX_DEPTH - 1))).is_ok());
}

#[test]
fn a_footer_that_is_no_footer_is_refused_or_left_to_its_reader() {
    assert!(check_footer(&with_footer(&[0xff; 40])).is_err());
    let mut short = tempfile::tempfile().unwrap();
    assert!(check_footer(&short).is_ok());
    short.write_all(b"\xff\xff\xff\xffPAR1").unwrap();
    assert!(check_footer(&short).is_ok());
}

#[test]
fn files_of_every_writer_are_within_the_bounds() {
    for name in [
        "types",
        "duckdb",
        "pandas",
        "dataset_f64",
        "f32_list_snappy",
        "f32_large_list_zstd",
    ] {
        let file = fixture(&format!("{name}.parquet"));
        check_footer(&file).unwrap();
        let metadata = ParquetMetaDataReader::new()
            .parse_and_finish(&file)
            .unwrap();
        let row_bytes = check_pages(&file, metadata.row_groups()).unwrap();
        let group = metadata.row_group(0);
        let told = group.total_byte_size().unsigned_abs() / group.num_rows().unsigned_abs();
        assert!(
            row_bytes >= told / 4 && row_bytes < 20 * told + 100,
            "{name}: {row_bytes}, {told}"
        );
    }
}

/// A page's header with these sizes, as data of the first form.
fn page(uncompressed: u32, compressed: u32, values: u32) -> Vec<u8> {
    let mut header = Vec::new();
    let number = |head: u8, number: u32, header: &mut Vec<u8>| {
        header.push(head);
        let mut left = u64::from(number) * 2;
        while left >= 0x80 {
            header.push(0x80 | (left & 0x7f) as u8);
            left >>= 7;
        }
        header.push(left as u8);
    };
    number(0x15, 0, &mut header);
    number(0x15, uncompressed, &mut header);
    number(0x15, compressed, &mut header);
    header.push(0x2c);
    number(0x15, values, &mut header);
    header.extend([0x15, 0x00, 0x00, 0x00]);
    header
}

#[test]
fn a_page_that_says_it_is_enormous_is_refused() {
    let read = |bytes: &[u8]| check_page(&PageHeader::read(bytes).unwrap().0);
    assert_eq!(read(&page(4_096, 100, 1_000)).unwrap(), 8_000);
    assert_eq!(read(&page(40_960, 100, 1_000)).unwrap(), 40_960);
    let told = read(&page(300 << 20, 100, 10)).unwrap_err().to_string();
    assert!(
        told.contains("a page has 314572800 bytes without compression"),
        "{told}"
    );
    let told = read(&page(100, 100, 2_000_000_000))
        .unwrap_err()
        .to_string();
    assert!(told.contains("a page has 2000000000 values"), "{told}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (schema_depth(&bytes), PageHeader::read(&bytes));
        let _ = check_footer(&with_footer(&bytes));
    }
}

/// Their reader takes a known field for what it should be, whatever it says it is, and
/// then reads on in what is no header: for half a minute, in `fuzz/seeds/parquet/slow_*`.
#[test]
fn a_page_header_with_a_field_of_another_kind_is_refused() {
    // The kind of page, both sizes, and the page's own head.
    let header = |head: &[u8]| [&[0x15, 0x00, 0x15, 0x08, 0x15, 0x08], head, &[0x00]].concat();
    let data = [0x2c, 0x15, 0x02, 0x15, 0x00, 0x15, 0x00, 0x15, 0x00, 0x00];
    assert_eq!(PageHeader::read(&header(&data)).unwrap().0.values, 1);
    let mut no_number = data;
    no_number[3] = 0x18; // Its encoding, as an empty text.
    let no_struct = [0x35, 0x00]; // The head of an index page, as a number.
    for head in [&no_number[..], &no_struct] {
        assert_eq!(PageHeader::read(&header(head)), Err(wire::Malformed));
    }
}
