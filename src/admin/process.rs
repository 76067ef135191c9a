//! What the system knows of this process: memory, descriptors, time. Read from `/proc`; where there is none, nothing is said.

use std::fs;

/// What the system knows of this process.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// Memory that is resident, in bytes.
    pub(super) resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub(super) open_fds: Option<u64>,
    /// How many there may be.
    pub(super) fds_max: Option<u64>,
}

impl Usage {
    pub(super) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let fds = fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count() as u64);
        Usage {
            resident_bytes: number_behind(&status, "VmRSS:").map(|kib| kib * 1024),
            // The directory itself is one while it is read.
            open_fds: fds.map(|fds| fds.saturating_sub(1)),
            fds_max: number_behind(&limits, "Max open files"),
        }
    }
}

/// The first number behind a label at the beginning of a line.
fn number_behind(text: &str, label: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_proc() {
        let status = "Name:\tficus\nVmRSS:\t   12345 kB\n";
        assert_eq!(number_behind(status, "VmRSS:"), Some(12345));
        assert_eq!(
            number_behind("Max open files            1024                 4096     files", "Max open files"),
            Some(1024)
        );
        assert_eq!(number_behind("", "VmRSS:"), None);
    }
}
