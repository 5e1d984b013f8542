//! How much memory this process may use.

use std::fs;

/// The memory of the machine, or of the control group that holds this process where that is less, in bytes.
pub fn total_bytes() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| meminfo(&text, "MemTotal:"));
    machine.into_iter().chain(group_limit()).min().unwrap_or(u64::MAX)
}

/// The value of `name` in the text of /proc/meminfo, in bytes.
fn meminfo(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The limit of the process's control group (version 2), or of any group above it.
fn group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mut group = groups.lines().find_map(|line| line.strip_prefix("0::"))?.trim_end_matches('/');
    let mut least = None;
    loop {
        let limit = fs::read_to_string(format!("/sys/fs/cgroup{group}/memory.max")).ok();
        least = least.into_iter().chain(limit.and_then(|text| text.trim().parse::<u64>().ok())).min();
        match group.rfind('/') {
            Some(above) => group = &group[..above],
            None => return least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{meminfo, total_bytes};

    #[test]
    fn the_machine_tells_its_memory() {
        let text = "MemTotal:       24599384 kB\nMemFree:          100 kB\n";
        assert_eq!(meminfo(text, "MemTotal:"), Some(24_599_384 * 1024));
        assert_eq!(meminfo(text, "Swap:"), None);
        assert!(total_bytes() > 64 << 20);
    }
}
