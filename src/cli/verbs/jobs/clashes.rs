//! What two jobs cannot both do. Only what is certain beforehand: whether ids of two
//! jobs for one index meet, the plan of the second one finds out.

use std::path::{Path, PathBuf};

use super::Prepared;
use crate::error::Error;

/// The key of the count, where a job says nothing.
type CountPlace<'a> = (&'a str, &'a str);

/// Refuses the first two jobs that cannot both be done, naming them.
pub(super) fn check_all(jobs: &[Prepared]) -> Result<(), Error> {
    for (place, job) in jobs.iter().enumerate() {
        for other in &jobs[..place] {
            check(other, job)?;
        }
    }
    Ok(())
}

/// Refuses two jobs that cannot both be done.
pub(super) fn check(one: &Prepared, other: &Prepared) -> Result<(), Error> {
    let clash = same_folder(one, other)
        .or_else(|| same_index(one, other))
        .or_else(|| same_count(one, other));
    match clash {
        None => Ok(()),
        Some((what, advice)) => Err(Error::usage(format!(
            "the jobs {} and {} {what}",
            one.name, other.name
        ))
        .advise(advice)),
    }
}

type Clash = Option<(String, &'static str)>;

fn same_folder(one: &Prepared, other: &Prepared) -> Clash {
    let (first, second) = (whole(&one.dir), whole(&other.dir));
    if !first.starts_with(&second) && !second.starts_with(&first) {
        return None;
    }
    let what = match first == second {
        true => format!("both work in the folder {}", one.dir.display()),
        false => format!(
            "work in the folders {} and {}, one in the other",
            one.dir.display(),
            other.dir.display()
        ),
    };
    Some((
        what,
        "give one of them another dir: a folder is one migration's",
    ))
}

/// The path without what is another way to write it, also where it is not there yet.
fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path
        .ancestors()
        .find_map(|above| Some((above, above.canonicalize().ok()?)));
    match there {
        Some((above, real)) => match path.strip_prefix(above) {
            Ok(rest) if rest.as_os_str().is_empty() => real,
            Ok(rest) => real.join(rest),
            Err(_) => path,
        },
        None => path,
    }
}

fn same_index(one: &Prepared, other: &Prepared) -> Clash {
    if one.index != other.index || account(one) != account(other) {
        return None;
    }
    let differ = |ours: Option<String>, theirs: Option<String>| matches!((ours, theirs), (Some(ours), Some(theirs)) if ours != theirs);
    let dims = |job: &Prepared| job.mapping.dims.map(|dims| dims.to_string());
    let metric = |job: &Prepared| job.mapping.metric.map(|metric| format!("{metric:?}"));
    let overwrites = |job: &Prepared| job.wanted.options.permissions.overwrite;
    let (what, advice) = if differ(dims(one), dims(other)) {
        ("with another dims", "an index has one number of dimensions")
    } else if differ(metric(one), metric(other)) {
        ("with another metric", "an index has one metric")
    } else if overwrites(one) || overwrites(other) {
        (
            "with overwrite",
            "leave out overwrite, so that ids of both are refused by the plan instead of replaced in turn",
        )
    } else {
        return None;
    };
    Some((
        format!("both write to vectorize:{}, {what}", one.index),
        advice,
    ))
}

/// Two indexes have two counts.
fn same_count(one: &Prepared, other: &Prepared) -> Clash {
    if one.index == other.index || account(one) != account(other) {
        return None;
    }
    let place = |job: &'_ Prepared| -> Option<(String, String)> {
        let (namespace, key): CountPlace<'_> = job.file_index.as_ref()?.count_place();
        Some((namespace.to_owned(), key.to_owned()))
    };
    let (namespace, key) = place(one).filter(|place_of| Some(place_of) == place(other).as_ref())?;
    Some((
        format!("both keep the number of vectors in {key} of kv:{namespace}, for two indexes"),
        "give one of them another file-index, or another count-key",
    ))
}

/// Where the job's index is: the account, or the folder of its sandbox.
fn account(job: &Prepared) -> Option<String> {
    if let Some(place) = &job.setup.global.sandbox {
        let place = place.clone().unwrap_or_else(|| job.dir.join("sandbox"));
        return Some(whole(&place).display().to_string());
    }
    let settings = job.setup.settings.cloudflare().ok()?;
    let place = settings.base_url.trim_end_matches('/');
    Some(format!("{place} {}", settings.account_id))
}
