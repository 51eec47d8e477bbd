//! One file's entry: what it should be and what it is. Pure.

use std::collections::HashSet;

use crate::cloudflare::KvValue;
use crate::ledger::FileEntry;

/// Whether entries are to expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Never: an entry that expires strands its file's vectors.
    Never,
    /// After a time that was asked for.
    Wanted,
}

/// How an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As it should be.
    Same,
    /// Not there.
    Missing,
    /// There, with other ids, another order, or an unwanted expiry.
    Different,
    /// There, and no array of ids.
    Unreadable,
    /// Listed, and reading it gave nothing: KV caches the absence of a key that
    /// was read before it was written, for a minute or more.
    Unread,
}

/// A file's entry, compared.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The key.
    pub key: String,
    /// How it stands.
    pub standing: Standing,
    /// What it should hold: our ids in order, then ids of others that exist.
    pub expected: Vec<String>,
    /// What it holds.
    pub stored: Option<KvValue>,
    /// Ids of others that it holds and the index does not.
    pub dropped: Vec<String>,
}

impl Compared {
    pub(super) fn absent(file: FileEntry) -> Self {
        Self {
            key: file.key,
            standing: Standing::Missing,
            expected: file.ids,
            stored: None,
            dropped: Vec::new(),
        }
    }

    pub(super) fn unread(file: FileEntry) -> Self {
        Self {
            standing: Standing::Unread,
            ..Self::absent(file)
        }
    }

    pub(super) fn unreadable(file: FileEntry, stored: KvValue) -> Self {
        Self {
            standing: Standing::Unreadable,
            stored: Some(stored),
            ..Self::absent(file)
        }
    }

    /// `kept` are those of the entry's foreign ids that exist.
    pub(super) fn with(
        file: FileEntry,
        stored: KvValue,
        ids: &[String],
        kept: &[String],
        expiry: Expiry,
    ) -> Self {
        let (ours, kept): (HashSet<&String>, HashSet<&String>) =
            (file.ids.iter().collect(), kept.iter().collect());
        let (stay, dropped): (Vec<_>, Vec<_>) = ids
            .iter()
            .filter(|id| !ours.contains(id))
            .cloned()
            .partition(|id| kept.contains(id));
        let mut expected = file.ids.clone();
        expected.extend(stay);
        let expires = stored.expiration.is_some();
        let same = expected == ids && expires == (expiry == Expiry::Wanted);
        let standing = if same {
            Standing::Same
        } else {
            Standing::Different
        };
        Self {
            key: file.key,
            standing,
            expected,
            stored: Some(stored),
            dropped,
        }
    }
}

/// The ids of an entry's text; none when it is no JSON array of texts.
pub fn parse_ids(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &[&str]) -> Vec<String> {
        list.iter().map(|id| (*id).to_owned()).collect()
    }

    fn compare(ours: &[&str], held: &[&str], kept: &[&str], expiration: Option<u64>) -> Compared {
        let file = FileEntry {
            key: "file:a".into(),
            ids: ids(ours),
        };
        let value = super::super::entry_text(&ids(held));
        let stored = KvValue {
            value,
            metadata: None,
            expiration,
        };
        Compared::with(file, stored, &ids(held), &ids(kept), Expiry::Never)
    }

    #[test]
    fn ids_of_others_stay_behind_ours_where_they_exist() {
        let compared = compare(&["a_0", "a_1"], &["x", "a_1", "gone"], &["x"], None);
        assert_eq!(compared.standing, Standing::Different);
        assert_eq!(compared.expected, ids(&["a_0", "a_1", "x"]));
        assert_eq!(compared.dropped, ids(&["gone"]));
    }

    #[test]
    fn an_entry_that_is_right_stays_right() {
        let compared = compare(&["a_0", "a_1"], &["a_0", "a_1", "x"], &["x"], None);
        assert_eq!(compared.standing, Standing::Same);
        assert!(compared.dropped.is_empty());
    }

    #[test]
    fn order_and_an_unwanted_expiry_count_as_different() {
        assert_eq!(
            compare(&["a_0", "a_1"], &["a_1", "a_0"], &[], None).standing,
            Standing::Different
        );
        assert_eq!(
            compare(&["a_0"], &["a_0"], &[], Some(1)).standing,
            Standing::Different
        );
    }

    #[test]
    fn what_is_no_list_of_ids_is_told_from_one() {
        assert_eq!(parse_ids(r#"["a","b"]"#), Some(ids(&["a", "b"])));
        for text in ["", "{}", "[1]", "\"a\"", "null", "[\"a\""] {
            assert_eq!(parse_ids(text), None, "{text}");
        }
    }
}
