//! Parts of an archive that another version wrote: what is made of their points here
//! has other bytes.

use std::fs::File;
use std::path::PathBuf;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::source::Source;
use crate::source::file::{self, ColumnChoice};
use crate::stages::adopt::{adopt, adoptable};

/// The same points, as another encoder writes them.
fn encode_otherwise(path: &Path) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let properties = WriterProperties::builder()
        .set_created_by("another version".to_owned())
        .set_max_row_group_row_count(Some(2))
        .build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
}

/// An archive of one part as another version writes it; its root and its part.
async fn of_another_version(folder: &Path) -> (PathBuf, PathBuf) {
    fs::create_dir(folder).unwrap();
    let generation = exported(folder, &[9, 4], Resuming::Anywhere, &[]).await;
    let part = generation
        .folder()
        .join(&generation.manifest().parts[0].file);
    encode_otherwise(&part);
    let bytes = fs::read(&part).unwrap();
    let sha256 = Sha256::digest(&bytes);
    let digits: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = generation.folder().join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["parts"][0]["sha256"] = digits.into();
    manifest["parts"][0]["bytes"] = json!(bytes.len());
    fs::write(&path, manifest.to_string()).unwrap();
    (folder.join("archive"), part)
}

/// A migration folder that has the parts of `source`.
fn adopting(folder: &Path, source: &dyn Source) -> (Migration, Generation) {
    fs::create_dir(folder).unwrap();
    let migration = migration(folder);
    let writer = migration.archive.write(source.facts(), migration.clock);
    let writer = writer.unwrap();
    let other = adoptable(source, &writer).unwrap();
    let adopted = adopt(&migration, other, writer).unwrap();
    (migration, adopted)
}

fn open(root: &Path) -> Box<dyn Source> {
    file::open(root, &ColumnChoice::default()).unwrap()
}

#[test]
fn a_part_that_this_version_would_write_otherwise_is_copied_from_the_archive_it_came_from() {
    let dir = tempfile::tempdir().unwrap();
    paused(async {
        let (root, theirs) = of_another_version(&dir.path().join("theirs")).await;
        let mut source = open(&root);
        let (migration, adopted) = adopting(&dir.path().join("ours"), &*source);
        let ours = adopted.folder().join(&adopted.manifest().parts[0].file);
        let sealed = fs::read(&theirs).unwrap();
        assert!(fs::read(&ours).unwrap() == sealed);

        fs::write(&ours, "damaged").unwrap();
        mend(&migration, &adopted, Some(&mut *source))
            .await
            .unwrap();
        assert!(fs::read(&ours).unwrap() == sealed);
        fs::remove_file(&ours).unwrap();
        mend(&migration, &adopted, Some(&mut *source))
            .await
            .unwrap();
        assert!(fs::read(&ours).unwrap() == sealed);

        let points = adopted.read(0..u64::MAX).unwrap();
        let points = points.map(|read| ReadPoint {
            point: read.unwrap().1,
            resume: None,
        });
        let encoded = adopted.rewrite_part(0, points).unwrap();
        assert_eq!(encoded, Rewritten::Different, "the part is of this version");
    });
}

#[test]
fn a_part_that_changes_under_the_copy_is_not_put_into_place() {
    let dir = tempfile::tempdir().unwrap();
    paused(async {
        let (root, theirs) = of_another_version(&dir.path().join("theirs")).await;
        let mut source = open(&root);
        let (migration, adopted) = adopting(&dir.path().join("ours"), &*source);
        let ours = adopted.folder().join(&adopted.manifest().parts[0].file);
        fs::write(&ours, "damaged").unwrap();
        let mut content = fs::read(&theirs).unwrap();
        content[100] ^= 1;
        fs::write(&theirs, content).unwrap();
        let refused = mend(&migration, &adopted, Some(&mut *source))
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains(theirs.to_str().unwrap()),
            "{refused}"
        );
        assert_eq!(fs::read(&ours).unwrap(), b"damaged");
    });
}
