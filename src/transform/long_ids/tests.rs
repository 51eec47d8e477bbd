use proptest::prelude::*;

use super::*;
use crate::record::VectorId;

const PAGE: &str = include_str!("../../../docs/mapping.md");

/// Computed by the page's TypeScript (Node 20) and Python (3), which agree.
fn vectors() -> [(String, &'static str); 4] {
    [
        (
            "x".repeat(65),
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx~9537c5fdf120482f7d58d25e9ed583f5",
        ),
        (
            "docs/handbook/2026/travel-and-expenses/annex-b/forms/page-two.md_12".to_owned(),
            "docs/handbook/2026/travel-and-e~a61e02d25c4887c67b96afcd50f99071",
        ),
        (
            "日本語".repeat(8),
            "日本語日本語日本語日~c95d19e7f289e447163c2e690316429c",
        ),
        (
            "e".repeat(30) + &"é".repeat(20),
            "eeeeeeeeeeeeeeeeeeeeeeeeeeeeee~521a11edabf3357b2a866078433ec526",
        ),
    ]
}

#[test]
fn the_documented_vectors_hold() {
    for (long, short) in vectors() {
        assert_eq!(short_id(&long), short);
        assert!(PAGE.contains(&format!("| `{short}` |")), "{short}");
    }
}

#[test]
fn an_id_that_fits_is_written_as_it_is() {
    let longest = "x".repeat(64);
    for policy in [LongIds::Reject, LongIds::Hash] {
        assert_eq!(policy.written(&longest), longest);
    }
    let long = "x".repeat(65);
    assert_eq!(LongIds::Reject.written(&long), long);
    assert_eq!(LongIds::Hash.written(&long), short_id(&long));
}

#[test]
fn words_are_read_and_written_alike() {
    for word in ["reject", "hash"] {
        assert_eq!(word.parse::<LongIds>().unwrap().to_string(), word);
        assert_eq!(
            serde_json::to_value(word.parse::<LongIds>().unwrap()).unwrap(),
            word
        );
    }
    assert!("short".parse::<LongIds>().is_err());
}

proptest! {
    #[test]
    fn a_short_id_fits_is_recognised_and_begins_as_the_long_one(
        id in proptest::collection::vec(any::<char>(), 65..100),
    ) {
        let id: String = id.into_iter().collect();
        let short = short_id(&id);
        prop_assert!((61..=64).contains(&short.len()));
        prop_assert!(VectorId::new(short.as_str()).is_ok());
        prop_assert!(id.starts_with(&short[..short.len() - 33]));
        prop_assert!(LongIds::Hash.may_have_written(&short));
        prop_assert!(!LongIds::Reject.may_have_written(&short));
    }

    #[test]
    fn ids_that_differ_only_at_their_ends_stay_apart(a in "[a-z]{1,8}", b in "[a-z]{1,8}") {
        prop_assume!(a != b);
        let begin = "x".repeat(64);
        prop_assert_ne!(short_id(&format!("{begin}{a}")), short_id(&format!("{begin}{b}")));
    }
}
