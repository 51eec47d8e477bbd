//! Reading and writing an archive, beside Parquet alone.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray as _;
use cf_migrate::archive::{Archive, Generation, MAX_ROW_GROUP_BYTES};
use cf_migrate::clock::Clock;
use cf_migrate::point::{Payload, Point};
use cf_migrate::source::{ReadPoint, SourceFacts};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use tempfile::TempDir;

use crate::DIMENSIONS;
use crate::data;
use crate::measure::{Part, cpu_of, memory_copy};

const POINTS: usize = 4_000;
/// A megabyte of points, as the archive reads and writes them.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_ROWS: usize = BATCH_BYTES / (4 * DIMENSIONS + 1_024);

/// Parts → points.
pub(crate) fn read(name: &'static str) -> Part {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let generation = written(folder.path(), data::points(POINTS, DIMENSIONS));
    let (bare, parsed) = (generation.clone(), generation.clone());
    let copied = memory_copy(fs::read(part(&generation)).expect("the part is there"));
    Part::new(name, (POINTS, "vector"), move || {
        cpu_of(|| {
            let points = generation.read(0..u64::MAX).expect("the archive is sound");
            points.for_each(|point| drop(point.expect("the archive is sound")));
        })
    })
    .beside("bare Parquet read", move || {
        cpu_of(|| batches(&bare).map(|batch| batch.num_rows()).sum::<usize>())
    })
    .beside("that and parsed payloads", move || {
        cpu_of(|| batches(&parsed).for_each(|batch| parse_payloads(&batch)))
    })
    .beside("memory copy", with(folder, copied))
}

/// Points → sealed parts.
pub(crate) fn write(name: &'static str) -> Part {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let points = data::points(POINTS, DIMENSIONS);
    let generation = written(&folder.path().join("first"), points.clone());
    let rows: Vec<RecordBatch> = batches(&generation).collect();
    let content = fs::read(part(&generation)).expect("the part is there");
    let [ours, bare, disk] = ["ours", "bare", "disk"].map(|name| folder.path().join(name));
    Part::new(name, (POINTS, "vector"), move || {
        let points = points.clone();
        let cpu = cpu_of(|| written(&ours, points));
        fs::remove_dir_all(&ours).expect("the folder can be removed");
        cpu
    })
    .beside("bare Parquet write", move || {
        cpu_of(|| write_bare(&bare, &rows))
    })
    .beside(
        "disk write",
        with(folder, move || {
            cpu_of(|| {
                let mut file = File::create(&disk).expect("the file can be written");
                file.write_all(&content).expect("space left");
                file.sync_all().expect("space left");
            })
        }),
    )
}

/// A round that keeps the folder in which it works.
fn with(folder: TempDir, mut round: impl FnMut() -> f64) -> impl FnMut() -> f64 {
    move || {
        let _kept = &folder;
        round()
    }
}

fn written(root: &Path, points: Vec<Point>) -> Generation {
    let facts = SourceFacts {
        name: "bench".to_owned(),
        identity: "bench".to_owned(),
        shape: data::shape(DIMENSIONS),
        warnings: Vec::new(),
    };
    let archive = Archive::at(root);
    let mut writer = archive
        .begin(&facts, Clock::real())
        .expect("the folder can be written");
    for point in points {
        let read = ReadPoint {
            point,
            resume: None,
        };
        writer.push(&read).expect("the point fits");
    }
    writer.finish(None).expect("space left")
}

/// The only part's path.
fn part(generation: &Generation) -> std::path::PathBuf {
    let [part] = generation.manifest().parts.as_slice() else {
        panic!("so few points are one part");
    };
    generation.folder().join(&part.file)
}

fn batches(generation: &Generation) -> impl Iterator<Item = RecordBatch> {
    let file = File::open(part(generation)).expect("the part is there");
    ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
        .expect("it is Parquet")
        .map(|batch| batch.expect("the part is sound"))
}

fn parse_payloads(batch: &RecordBatch) {
    let payloads = batch.column(4).as_string::<i32>();
    for text in payloads.iter().flatten() {
        let payload: Payload = serde_json::from_str(text).expect("a payload is JSON");
        drop(std::hint::black_box(payload));
    }
}

/// With the settings of an archive (`docs/archive.md`), but no checksum.
fn write_bare(path: &Path, rows: &[RecordBatch]) {
    let file = File::create(path).expect("the file can be written");
    let mut writer = ArrowWriter::try_new(file, rows[0].schema(), Some(properties()))
        .expect("the schema can be written");
    for (position, batch) in rows.iter().enumerate() {
        if position > 0 && position % (MAX_ROW_GROUP_BYTES / BATCH_BYTES) == 0 {
            writer.flush().expect("space left");
        }
        writer.write(batch).expect("space left");
    }
    let file = writer.into_inner().expect("space left");
    file.sync_all().expect("space left");
}

fn properties() -> WriterProperties {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is a zstd level"));
    let vector = ["vector", "list", "element"].map(str::to_owned).to_vec();
    WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(None)
        .set_compression(zstd)
        .set_column_dictionary_enabled(ColumnPath::from("id_kind"), true)
        .set_column_dictionary_enabled(ColumnPath::from("namespace"), true)
        .set_column_compression(ColumnPath::new(vector), Compression::UNCOMPRESSED)
        .build()
}
