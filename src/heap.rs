//! Free memory that the allocator keeps for itself, given back to the system. glibc
//! holds on to what a stage has freed, piece by piece between what still lives, and a
//! later stage's large bodies lie beside it, not in it.

/// Gives back what is free, where the allocator has a call for that. Walks the whole
/// heap: some milliseconds, for the pause between two stages.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::malloc_trim(0);
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "the one call that nobody offers in safe Rust: docs/decisions/2026-11-21-free-memory.md"
)]
mod glibc {
    use std::ffi::c_int;

    // SAFETY: as malloc_trim(3) declares it. It may be called at any time and by any
    // thread, takes no pointer and touches only memory that nobody has.
    unsafe extern "C" {
        pub(super) safe fn malloc_trim(pad: usize) -> c_int;
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    /// What is resident of the mapping that `address` lies in: other tests run beside
    /// this one, and have most of their memory elsewhere.
    fn resident_kib(address: usize) -> u64 {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or_default();
            if let Some((from, to)) = first.split_once('-') {
                let bound = |hex| usize::from_str_radix(hex, 16).unwrap();
                inside = (bound(from)..bound(to)).contains(&address);
            } else if inside && first == "Rss:" {
                return words.next().unwrap().parse().unwrap();
            }
        }
        panic!("no mapping holds {address:x}");
    }

    #[test]
    fn memory_freed_between_what_still_lives_is_given_back() {
        // 32 MB in small pieces, every eighth of which lives on.
        let mut pieces: Vec<_> = (0..8_000_u32).map(|_| Some(vec![1_u8; 4_096])).collect();
        for (place, piece) in pieces.iter_mut().enumerate() {
            if place % 8 != 0 {
                *piece = None;
            }
        }
        let middle = pieces[4_000].as_ref().unwrap().as_ptr().addr();
        let before = resident_kib(middle);
        give_back();
        let after = resident_kib(middle);
        assert!(after + 10_000 < before, "{before} KiB, then {after} KiB");
        assert_eq!(pieces.iter().flatten().count(), 1_000);
    }
}
