use std::io::Write as _;
use std::path::Path;

use super::*;

const SEEDS: u64 = 200;

/// Writes a file as a whole, as every file of ours is.
fn replace(folder: &Path, content: &[u8]) -> io::Result<()> {
    let (next, path) = (folder.join("file.tmp"), folder.join("file"));
    let mut file = File::create(&next)?;
    file.write_all(content)?;
    file.sync()?;
    rename(&next, &path)?;
    sync_folder(folder)
}

fn content(folder: &Path) -> Option<Vec<u8>> {
    fs::read(folder.join("file")).ok()
}

#[test]
fn a_file_replaced_as_a_whole_is_old_or_new_after_a_crash_at_any_change() {
    for seed in 0..SEEDS {
        let folder = tempfile::tempdir().unwrap();
        let weather = Weather::new(seed);
        let _under = under(weather.clone());
        replace(folder.path(), b"old").unwrap();
        let changes = weather.changes();
        weather.crash_at(changes + 1 + seed % changes);
        replace(folder.path(), b"newer").unwrap_err();
        assert!(weather.has_crashed());
        weather.crash();
        let found = content(folder.path()).unwrap();
        assert!(found == b"old" || found == b"newer", "{found:?}");
        replace(folder.path(), b"newest").unwrap();
        assert_eq!(content(folder.path()).unwrap(), b"newest");
    }
}

#[test]
fn what_was_not_synced_is_whole_torn_spoilt_or_gone_and_what_was_stays() {
    let (mut lengths, mut spoilt, mut gone) = (std::collections::BTreeSet::new(), 0, 0);
    for seed in 0..SEEDS {
        let folder = tempfile::tempdir().unwrap();
        let weather = Weather::new(seed);
        let _under = under(weather.clone());
        let mut file = File::create(&folder.path().join("file")).unwrap();
        file.write_all(b"sure").unwrap();
        file.sync().unwrap();
        if seed % 2 == 0 {
            sync_folder(folder.path()).unwrap();
        }
        file.write_all(b", perhaps").unwrap();
        weather.crash();
        let Some(found) = content(folder.path()) else {
            assert_eq!(seed % 2, 1, "its name was synced");
            gone += 1;
            continue;
        };
        assert_eq!(found[..4], *b"sure");
        lengths.insert(found.len());
        spoilt += usize::from(!b"sure, perhaps".starts_with(&found));
    }
    assert!(lengths.len() > 5, "{lengths:?}");
    assert!(spoilt > 10 && gone > 10, "{spoilt} {gone}");
}

#[test]
fn names_are_undone_from_the_last_backwards_unless_their_folder_was_synced() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..SEEDS {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), "a").unwrap();
        fs::write(path("b"), "b").unwrap();
        let weather = Weather::new(seed);
        let _under = under(weather.clone());
        remove(&path("a")).unwrap();
        rename(&path("b"), &path("a")).unwrap();
        create_folders(&path("c")).unwrap();
        remove_folder(&path("c")).unwrap();
        weather.crash();
        let found = ["a", "b"].map(|name| fs::read_to_string(path(name)).ok());
        outcomes.insert((found, path("c").is_dir()));
    }
    let names = |a: Option<&str>, b: Option<&str>| [a, b].map(|name| name.map(str::to_owned));
    // Making a folder brings its name to the disk, and so those before it.
    let expected = [
        (names(Some("b"), None), true),
        (names(Some("b"), None), false),
    ];
    assert_eq!(outcomes, std::collections::BTreeSet::from(expected));
}

#[test]
fn the_nth_change_fails_alone_and_half_of_a_write_may_land() {
    let folder = tempfile::tempdir().unwrap();
    let weather = Weather::new(1);
    let _under = under(weather.clone());
    weather.fail_at(2, Failure::Full);
    let mut file = File::create(&folder.path().join("file")).unwrap();
    let failed = file.write_all(b"12345678").unwrap_err();
    assert_eq!(Trouble::of(&failed), Trouble::Full);
    assert_eq!(content(folder.path()).unwrap(), b"1234");
    file.write_all(b"56").unwrap();
    assert_eq!(content(folder.path()).unwrap(), b"123456");
    assert_eq!(weather.changes(), 3);
}

#[test]
fn a_lasting_failure_ends_when_it_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let weather = Weather::new(1);
    let _under = under(weather.clone());
    replace(folder.path(), b"old").unwrap();
    weather.fail_from(weather.changes() + 1, Failure::Io);
    for _ in 0..5 {
        let failed = sync_folder(folder.path()).unwrap_err();
        assert_eq!(Trouble::of(&failed), Trouble::Failing);
    }
    weather.clear();
    replace(folder.path(), b"new").unwrap();
}

#[test]
fn a_database_fails_as_sqlite_tells_it() {
    let weather = Weather::new(1);
    let _under = under(weather.clone());
    for (failure, wanted) in [
        (Failure::Full, rusqlite::ErrorCode::DiskFull),
        (Failure::Io, rusqlite::ErrorCode::SystemIoFailure),
    ] {
        weather.fail_at(weather.changes() + 1, failure);
        let failed = database(|| Ok(())).unwrap_err();
        assert_eq!(failed.sqlite_error_code(), Some(wanted));
        database(|| Ok(())).unwrap();
    }
}

#[test]
fn nothing_reaches_the_disk_once_the_world_has_ended_and_other_threads_have_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let weather = Weather::new(1);
    let guard = under(weather.clone());
    weather.crash_at(1);
    for _ in 0..3 {
        let _ = replace(folder.path(), b"never");
    }
    let elsewhere = folder.path().join("elsewhere");
    std::thread::scope(|scope| {
        scope.spawn(|| create_folders(&elsewhere).unwrap());
    });
    assert!(elsewhere.is_dir());
    drop(guard);
    assert_eq!(content(folder.path()), None);
    replace(folder.path(), b"now").unwrap();
    assert_eq!(weather.changes(), 3);
}

#[test]
fn folders_are_made_with_those_above_them_private_to_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/b/c");
    create_folders(&inner).unwrap();
    create_folders(&inner).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    assert!(create_folders(&folder.path().join("file/below")).is_err());
    assert!(create_folders(&folder.path().join("file")).is_err());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&inner).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[test]
fn a_folder_whose_maker_was_killed_before_its_name_was_synced_is_synced_by_the_next() {
    for seed in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("made");
        let weather = Weather::new(seed);
        let _under = under(weather.clone());
        // Made, and killed at the sync of the folder above.
        weather.crash_at(2);
        create_folders(&folder).unwrap_err();
        weather.clear();
        create_folders(&folder).unwrap();
        weather.crash();
        assert!(folder.is_dir(), "seed {seed}");
    }
}
