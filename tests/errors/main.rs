//! Bad input, as an operator meets it: every row of `docs/errors.md` is tried on
//! the real binary, which has to say what the row promises, end with its exit
//! code, and write nothing to the account.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/cloud.rs"]
mod cloud;
#[path = "../support/mod.rs"]
mod support;

mod bench;
mod table;

/// Tests that bear the names of rows: each prepares the bench, gives what the
/// binary told, and is held against its row. `wrote` in front of the body stands
/// where the row's situation arises after the first write, or is mended;
/// `making no folder;` in front of all where not even a folder may be made.
macro_rules! rows {
    (making no folder; $($rows:tt)*) => { rows! { @(true) $($rows)* } };
    (@($pure:literal) $(fn $name:ident($bench:ident) $($wrote:ident)? $body:block)*) => {
        pub(crate) const ROWS: &[&str] = &[$(stringify!($name)),*];

        $(#[test]
        fn $name() {
            let mut bench = crate::bench::Bench::new();
            let $bench = &mut bench;
            let told: crate::cli::Told = $body;
            crate::table::find(stringify!($name)).check(&told);
            let wrote = [$(stringify!($wrote))?].contains(&"wrote");
            assert!(wrote || bench.cloud.writes().is_empty(), "{:?}", bench.cloud.writes());
            let made = bench.shell.path("docs.migration").exists();
            assert!(!($pure && made), "a folder was made");
        })*
    };
    ($($rows:tt)*) => { rows! { @(false) $($rows)* } };
}

mod account;
mod file_index;
mod files;
mod folder;
mod jobs;
mod points;
mod qdrant;
mod restore;
mod rollback;
mod settings;
mod upstash;

#[test]
fn every_row_of_the_document_has_a_test_and_every_test_a_row() {
    let tested = [
        settings::ROWS,
        jobs::ROWS,
        account::ROWS,
        qdrant::ROWS,
        restore::ROWS,
        upstash::ROWS,
        files::ROWS,
        points::ROWS,
        folder::ROWS,
        file_index::ROWS,
        rollback::ROWS,
        rollback::nowhere::ROWS,
    ];
    let tested: std::collections::BTreeSet<&str> = tested.concat().into_iter().collect();
    let promised = table::rows().into_iter().map(|row| row.id).collect();
    assert_eq!(tested, promised);
}
