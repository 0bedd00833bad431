//! The process itself, under the names that Prometheus' own clients use; from /proc, and nothing where there is none.

/// Linux counts a process's time in hundredths for everybody outside the kernel (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Name, type and meaning.
pub(super) const FAMILIES: &[(&str, &str, &str)] = &[
    (
        "process_cpu_seconds_total",
        "counter",
        "Processor time that the gateway has used.",
    ),
    (
        "process_resident_memory_bytes",
        "gauge",
        "Memory of the gateway that is in use.",
    ),
    ("process_threads", "gauge", "Its threads."),
    ("process_open_fds", "gauge", "Its open files and sockets."),
    ("process_max_fds", "gauge", "How many it may open."),
    (
        "process_start_time_seconds",
        "gauge",
        "When it was started, in seconds since 1970.",
    ),
];

/// The value of a family; the start is known to the caller only.
pub(super) fn value(name: &str, started: i64) -> Option<f64> {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/self/{file}")).ok();
    match name {
        "process_cpu_seconds_total" => cpu_seconds(&read("stat")?),
        "process_resident_memory_bytes" => Some(of_status(&read("status")?, "VmRSS:")? * 1_024.0),
        "process_threads" => of_status(&read("status")?, "Threads:"),
        "process_open_fds" => {
            let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
            // One of them is for looking.
            Some(open.saturating_sub(1) as f64)
        }
        "process_max_fds" => {
            let limits = read("limits")?;
            let line = limits.lines().find(|it| it.starts_with("Max open files"))?;
            line.split_whitespace().nth(3)?.parse().ok()
        }
        "process_start_time_seconds" => Some(started as f64),
        _ => None,
    }
}

/// Fields 14 and 15 of proc_pid_stat(5); the name in field 2 may hold anything but ends with the last parenthesis.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn of_status(status: &str, name: &str) -> Option<f64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_known_of_this_process() {
        for (name, _, _) in FAMILIES {
            let value = value(name, 1_700_000_000).unwrap_or_else(|| panic!("{name}"));
            assert!(
                value > 0.0 || *name == "process_cpu_seconds_total",
                "{name}"
            );
        }
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0";
        assert_eq!(cpu_seconds(stat), Some(2.0));
    }
}
