//! How much memory the process took.

/// The most memory this process held.
#[cfg(unix)]
pub(super) fn peak_rss_bytes() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    // What Linux says of a process's usage begins with that of whoever started it.
    let status = std::fs::read_to_string("/proc/self/status");
    if let Some(peak) = status.ok().as_deref().and_then(high_water_bytes) {
        return peak;
    }
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return 0;
    };
    let peak = u64::try_from(usage.max_rss()).unwrap_or(0);
    // Linux counts in KiB, macOS in bytes.
    if cfg!(target_os = "macos") {
        peak
    } else {
        peak * 1_024
    }
}

/// The high-water mark in the text of a process's status, on Linux.
#[cfg(unix)]
fn high_water_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(not(unix))]
pub(super) fn peak_rss_bytes() -> u64 {
    0
}
