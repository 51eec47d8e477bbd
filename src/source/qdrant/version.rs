//! What a server's version allows. An unknown version allows nothing that is not
//! in every version: older servers ignore conditions that they do not know.

/// Whether a version like `1.18.3` is at least that major and minor one.
pub(super) fn is_since(version: &str, since: (u64, u64)) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.');
    let mut next = || numbers.next()?.parse::<u64>().ok();
    next().zip(next()).is_some_and(|version| version >= since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for (version, since) in [("1.18.3", true), ("v1.11.0-dev", true), ("2.0.0", true)] {
            assert_eq!(is_since(version, (1, 11)), since, "{version}");
        }
        for version in ["1.9.7", "0.12.0", "dev", "1", ""] {
            assert!(!is_since(version, (1, 11)), "{version}");
        }
    }
}
