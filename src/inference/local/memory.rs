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

/// The limit of the process's control group, or of any group above it: of version 2, or of version 1 where memory is
/// still counted by that.
fn group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    groups.lines().filter_map(|line| least(limits_file(line)?, |path| fs::read_to_string(path).ok())).min()
}

/// Where a line of /proc/self/cgroup has the group's limit: what stands before the group, the group, and the file.
fn limits_file(line: &str) -> Option<(&'static str, &str, &'static str)> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, group) = rest.split_once(':')?;
    let group = group.trim_end_matches('/');
    match controllers {
        "" => Some(("/sys/fs/cgroup", group, "memory.max")),
        _ => controllers.split(',').any(|name| name == "memory").then_some((
            "/sys/fs/cgroup/memory",
            group,
            "memory.limit_in_bytes",
        )),
    }
}

/// The least limit that `read` finds in the `file` of the group or of one above it. In a container the group may have
/// another name than it is told, and stand at the top.
fn least((root, group, file): (&str, &str, &str), read: impl Fn(String) -> Option<String>) -> Option<u64> {
    let above = group.match_indices('/').map(|(at, _)| &group[..at]);
    let limits = above.chain([group]).filter_map(|group| read(format!("{root}{group}/{file}"))?.trim().parse().ok());
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::{least, limits_file, meminfo, total_bytes};

    #[test]
    fn the_machine_tells_its_memory() {
        let text = "MemTotal:       24599384 kB\nMemFree:          100 kB\n";
        assert_eq!(meminfo(text, "MemTotal:"), Some(24_599_384 * 1024));
        assert_eq!(meminfo(text, "Swap:"), None);
        assert!(total_bytes() > 64 << 20);
    }

    #[test]
    fn the_least_limit_counts() {
        let check = |line: &str, files: &[(&str, &str)], expected: Option<u64>| {
            let read = |path: String| Some(files.iter().find(|(name, _)| *name == path)?.1.to_owned());
            assert_eq!(limits_file(line).and_then(|place| least(place, read)), expected, "{line}");
        };
        let two = [("/sys/fs/cgroup/a/b/memory.max", "max\n"), ("/sys/fs/cgroup/a/memory.max", "4096\n")];
        check("0::/a/b", &two, Some(4096));
        check("0::/", &[("/sys/fs/cgroup/memory.max", "512\n")], Some(512));
        check("0::/a", &two[..1], None);
        let one = [
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1024\n"),
        ];
        check("4:memory:/a", &one, Some(1024));
        check("5:cpu,memory:/elsewhere", &one, Some(9_223_372_036_854_771_712));
        check("1:cpu:/a", &one, None);
        check("nonsense", &one, None);
    }
}
