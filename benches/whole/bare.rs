//! What cannot be saved, each in a process of its own: the same collection scrolled,
//! formatted and written with nothing around it.

use std::fs::File;
use std::process::Command;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use qdrant_client::Qdrant;
use qdrant_client::qdrant::{PointId, ScrollPointsBuilder};

use crate::doubles::qdrant::Formula;
use crate::support::cost;

/// Vectors that are made beforehand and used over and over, so that making them is
/// not measured.
const MADE: u64 = 1_000;
/// Points of a page: about 4 MB.
const PAGE: u32 = 512;
const ROW_GROUP_BYTES: usize = 16 << 20;

/// What is measured bare.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bare {
    /// Scrolling through the client crate.
    Scroll,
    /// Formatting numbers with the fastest crate.
    Format,
    /// Writing the columns with the Parquet crate, and syncing.
    Archive,
}

const WORDS: [(&str, Bare); 3] = [
    ("bare-scroll", Bare::Scroll),
    ("bare-format", Bare::Format),
    ("bare-archive", Bare::Archive),
];

impl Bare {
    /// Runs it in a process of its own; CPU seconds.
    pub(super) fn measure(self, points: u64, dimensions: usize, url: &str) -> f64 {
        let word = WORDS[self as usize].0;
        let own = std::env::current_exe().expect("this program is somewhere");
        let mut command = Command::new(own);
        command.args([word, &points.to_string(), &dimensions.to_string(), url]);
        let output = command.output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stdout);
        told.trim().parse().unwrap_or_else(|_| {
            panic!(
                "{word} ended with {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }
}

/// The part this process is to play, where it was started for one.
pub(super) fn asked_for() -> Option<Bare> {
    let word = std::env::args().nth(1)?;
    WORDS
        .into_iter()
        .find(|(name, _)| *name == word)
        .map(|(_, bare)| bare)
}

/// Plays it, and prints its CPU seconds.
pub(super) fn play(bare: Bare) {
    let words: Vec<String> = std::env::args().skip(2).collect();
    let number = |at: usize| words[at].parse().expect("a number");
    let formula = Formula::new(number(0), usize::try_from(number(1)).expect("few"), 7);
    let seconds = match bare {
        Bare::Scroll => scroll(&words[2]),
        Bare::Format => format(&formula),
        Bare::Archive => archive(&formula),
    };
    crate::support::say(&seconds.to_string());
}

fn scroll(url: &str) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let before = cost::own_cpu();
    runtime.block_on(async {
        let client = Qdrant::from_url(url)
            .skip_compatibility_check()
            .build()
            .expect("a client");
        let mut offset: Option<PointId> = None;
        loop {
            let mut request = ScrollPointsBuilder::new(crate::COLLECTION)
                .limit(PAGE)
                .with_payload(true)
                .with_vectors(true);
            if let Some(offset) = offset.take() {
                request = request.offset(offset);
            }
            let page = client.scroll(request).await.expect("the double answers");
            offset = page.next_page_offset;
            if offset.is_none() {
                break;
            }
        }
    });
    cost::own_cpu() - before
}

fn vectors(formula: &Formula) -> Vec<Vec<f32>> {
    (0..MADE.min(formula.count()))
        .map(|number| formula.vector(number))
        .collect()
}

fn format(formula: &Formula) -> f64 {
    let vectors = vectors(formula);
    let mut text = Vec::with_capacity(16 * formula.dimensions());
    let mut buffer = zmij::Buffer::new();
    let before = cost::own_cpu();
    for vector in vectors.iter().cycle().take(count(formula)) {
        text.clear();
        for value in vector {
            text.extend_from_slice(buffer.format_finite(*value).as_bytes());
            text.push(b',');
        }
        std::hint::black_box(&text);
    }
    cost::own_cpu() - before
}

fn archive(formula: &Formula) -> f64 {
    let vectors = vectors(formula);
    let ids: Vec<String> = formula.ids(0..vectors.len() as u64).collect();
    let payloads = ids.iter().map(|id| {
        let point = formula.point(id).expect("it is one of them");
        point["payload"].to_string()
    });
    let payloads: Vec<String> = payloads.collect();
    let schema = schema(formula.dimensions());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = File::create(folder.path().join("bare.parquet")).expect("space left");
    let before = cost::own_cpu();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties()))
        .expect("the columns can be written");
    let rows = (1 << 20) / (4 * formula.dimensions()).max(1);
    let all: Vec<usize> = (0..vectors.len()).cycle().take(count(formula)).collect();
    let mut group = 0;
    for rows in all.chunks(rows.max(1)) {
        let mut columns = Columns::default();
        for row in rows {
            columns.push(&ids[*row], &vectors[*row], &payloads[*row]);
        }
        let batch = columns.batch(&schema, formula.dimensions());
        group += batch.get_array_memory_size();
        writer.write(&batch).expect("space left");
        if group > ROW_GROUP_BYTES {
            writer.flush().expect("space left");
            group = 0;
        }
    }
    let file = writer.into_inner().expect("space left");
    file.sync_all().expect("space left");
    cost::own_cpu() - before
}

fn count(formula: &Formula) -> usize {
    usize::try_from(formula.count()).expect("it fits")
}

#[derive(Default)]
struct Columns {
    ids: StringBuilder,
    values: Vec<f32>,
    payloads: StringBuilder,
}

impl Columns {
    fn push(&mut self, id: &str, vector: &[f32], payload: &str) {
        self.ids.append_value(id);
        self.values.extend_from_slice(vector);
        self.payloads.append_value(payload);
    }

    fn batch(mut self, schema: &Arc<Schema>, dimensions: usize) -> RecordBatch {
        let length = i32::try_from(dimensions).expect("dimensions are few");
        let values = Arc::new(Float32Array::from(self.values));
        let vectors = FixedSizeListArray::try_new(element(), length, values, None);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.ids.finish()),
            Arc::new(vectors.expect("whole vectors")),
            Arc::new(self.payloads.finish()),
        ];
        RecordBatch::try_new(Arc::clone(schema), columns).expect("columns of the schema")
    }
}

fn element() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Float32, false))
}

fn schema(dimensions: usize) -> Arc<Schema> {
    let length = i32::try_from(dimensions).expect("dimensions are few");
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Utf8, false),
        Field::new("vector", DataType::FixedSizeList(element(), length), true),
        Field::new("payload", DataType::Utf8, false),
    ]))
}

/// As docs/archive.md has them.
fn properties() -> WriterProperties {
    let path = ["vector", "list", "element"].map(str::to_owned);
    WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(None)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is one")))
        .set_column_compression(ColumnPath::new(path.to_vec()), Compression::UNCOMPRESSED)
        .build()
}
