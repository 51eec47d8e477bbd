use proptest::prelude::*;

use super::*;

fn all(mut merged: Merged) -> Vec<(String, Vec<u8>)> {
    let mut told = Vec::new();
    while let Some((text, rest)) = merged.next().unwrap() {
        told.push((text.to_owned(), rest.to_vec()));
    }
    told
}

proptest! {
    /// Texts that share beginnings, are beginnings of others, or are longer than a piece.
    #[test]
    fn rows_come_back_by_text_and_equal_ones_as_they_came(
        texts in prop::collection::vec("[ab\0é]{0,3}|common[a-c]{0,12}|[a-z]{60,90}", 0..200),
        beginning in prop::option::of(Just("all texts begin with this")),
        piece_bytes in 1_usize..2_000,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::with_pieces_of(folder.path(), piece_bytes);
        let rows = texts.iter().enumerate().map(|(place, text)| {
            let text = format!("{}{text}", beginning.unwrap_or_default());
            (text, place.to_string().into_bytes())
        });
        let mut rows: Vec<(String, Vec<u8>)> = rows.collect();
        for (text, rest) in &rows {
            sorter.add(text, rest).unwrap();
        }
        let told = all(sorter.sorted().unwrap());
        rows.sort_by(|one, other| one.0.cmp(&other.0));
        prop_assert_eq!(told, rows);
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn few_rows_want_no_disk() {
    let mut sorter = Sorter::beside(Path::new("/nowhere/at/all"));
    sorter.add("b", b"2").unwrap();
    sorter.add("a", b"").unwrap();
    let told = all(sorter.sorted().unwrap());
    assert_eq!(
        told,
        [("a".to_owned(), vec![]), ("b".to_owned(), b"2".to_vec())]
    );
}

#[test]
fn a_folder_that_is_gone_is_told_when_a_piece_is_full() {
    let mut sorter = Sorter::with_pieces_of(Path::new("/nowhere/at/all"), 1);
    sorter.add("a", b"").unwrap();
    let error = sorter.add("b", b"").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_disk_that_gives_back_less_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut sorter = Sorter::with_pieces_of(folder.path(), 1);
    for text in ["b", "a", "c"] {
        sorter.add(text, b"").unwrap();
    }
    sorter.spilled.as_ref().unwrap().file.set_len(12).unwrap();
    let error = sorter.sorted().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}
