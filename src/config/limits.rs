//! Ranges of numbers and times, and limits that depend on each other.

use std::time::Duration;

use super::check::Checker;
use super::llrp::Llrp;
use super::model::{Mode, ReadPoint};
use super::tags::Antennas;
use super::units::{ByteSize, Dbm, show_duration};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    for (name, llrp) in &config.llrp {
        let of = |key| ["llrp", name.as_str(), key];
        optional(checker, &of("port"), llrp.port, 1..=u16::MAX, show_number);
        range(checker, &of("session"), llrp.session, 0..=3, show_number);
        range(
            checker,
            &of("tag_population"),
            llrp.tag_population,
            1..=32_000,
            show_number,
        );
        range(
            checker,
            &of("keepalive"),
            llrp.keepalive,
            ms(1000)..=ms(10 * MINUTE_MS),
            show_time,
        );
        antennas(checker, name, &llrp.antennas);
        timing(checker, name, llrp);
    }
    for (name, read_point) in &config.read_point {
        tuning(checker, name, read_point);
    }
    range(
        checker,
        &["mqtt", "window"],
        config.mqtt.window,
        1..=1000,
        show_number,
    );
    range(
        checker,
        &["mqtt", "batch_events"],
        config.mqtt.batch_events,
        1..=1000,
        show_number,
    );
    range(
        checker,
        &["mqtt", "batch_size"],
        config.mqtt.batch_size,
        ByteSize(1 << 10)..=ByteSize(16 << 20),
        |size| size.to_string(),
    );
    optional(
        checker,
        &["mqtt", "message_expiry"],
        config.mqtt.message_expiry,
        ms(1000)..=ms(365 * 24 * HOUR_MS),
        show_time,
    );
    range(
        checker,
        &["mqtt", "attempts"],
        config.mqtt.attempts,
        0..=10_000,
        show_number,
    );
    range(
        checker,
        &["mqtt", "keep_alive"],
        config.mqtt.keep_alive,
        ms(5000)..=ms(18 * HOUR_MS),
        show_time,
    );
    range(
        checker,
        &["mqtt", "device_interval"],
        config.mqtt.device_interval,
        ms(1000)..=ms(HOUR_MS),
        show_time,
    );
    range(
        checker,
        &["mqtt", "ack_timeout"],
        config.mqtt.ack_timeout,
        ms(5000)..=ms(HOUR_MS),
        show_time,
    );
    range(
        checker,
        &["mqtt", "ack_ahead"],
        config.mqtt.ack_ahead,
        1..=1_000_000,
        show_number,
    );
    range(
        checker,
        &["buffer", "max_size"],
        config.buffer.max_size,
        ByteSize(16 << 20)..=ByteSize(1 << 40),
        |size| size.to_string(),
    );
    // Less than four of its logs, and the buffer might not be able to delete any more.
    range(
        checker,
        &["buffer", "keep_free"],
        config.buffer.keep_free,
        ByteSize(4 << 20)..=ByteSize(1 << 40),
        |size| size.to_string(),
    );
    range(
        checker,
        &["buffer", "give_up_after"],
        config.buffer.give_up_after,
        ms(10_000)..=ms(24 * HOUR_MS),
        show_time,
    );
    range(
        checker,
        &["buffer", "keep_sent"],
        config.buffer.keep_sent,
        ms(0)..=ms(365 * 24 * HOUR_MS),
        show_time,
    );
    range(
        checker,
        &["buffer", "keep_sent_size"],
        config.buffer.keep_sent_size,
        ByteSize(1 << 20)..=ByteSize(1 << 40),
        |size| size.to_string(),
    );
    range(
        checker,
        &["buffer", "telemetry_share"],
        config.buffer.telemetry_share,
        0.01..=0.5,
        show_number,
    );
    let directory = config.buffer.directory.path();
    let socket = config.control.socket.as_ref();
    for (path, is_absolute, example) in [
        (
            ["buffer", "directory"],
            directory.is_absolute(),
            "example: \"/var/lib/tracegate\"",
        ),
        (
            ["control", "socket"],
            socket.is_none_or(|socket| socket.path().is_absolute()),
            "example: \"/run/tracegate/control.sock\"",
        ),
    ] {
        if !is_absolute && checker.is_set(&path) {
            let (place, [_, key]) = (checker.tree.at(&path), path);
            let title = format!("`{key}` has a bad value");
            let label = "expected a path that starts with /";
            checker.error("bad-value", title, place, label, example);
        }
    }
}

pub(super) fn show_number<T: ToString>(number: &T) -> String {
    number.to_string()
}

pub(super) fn show_time(time: &Duration) -> String {
    format!("\"{}\"", show_duration(*time))
}

/// One value, where it was written, against its range.
pub(super) fn range<T: PartialOrd>(
    checker: &mut Checker<'_>,
    path: &[&str],
    value: T,
    range: std::ops::RangeInclusive<T>,
    show: impl Fn(&T) -> String,
) {
    if !checker.is_set(path) || range.contains(&value) {
        return;
    }
    let key = path.last().copied().unwrap_or_default();
    let label = format!("expected {} to {}", show(range.start()), show(range.end()));
    let place = checker.tree.at(path);
    checker.error(
        "out-of-range",
        format!("`{key}` is out of range"),
        place,
        &label,
        "",
    );
}

/// As [`range`], for a setting without a value of its own.
pub(super) fn optional<T: PartialOrd>(
    checker: &mut Checker<'_>,
    path: &[&str],
    value: Option<T>,
    within: std::ops::RangeInclusive<T>,
    show: impl Fn(&T) -> String,
) {
    if let Some(value) = value {
        range(checker, path, value, within, show);
    }
}

fn antennas(checker: &mut Checker<'_>, name: &str, antennas: &Antennas) {
    let Antennas::Ports(ports) = antennas else {
        return;
    };
    let path = ["llrp", name, "antennas"];
    if ports.is_empty() && checker.is_set(&path) {
        let place = checker.tree.at(&path);
        let help = "list the ports to use; without this setting all antennas are used";
        checker.error("missing", "`antennas` is empty".to_owned(), place, "", help);
    }
    for (port, power) in ports {
        if let Some(power) = power {
            let port = port.to_string();
            let path = ["llrp", name, "antennas", port.as_str()];
            let (min, max) = (Dbm::from_hundredths(-1000), Dbm::from_hundredths(3600));
            range(checker, &path, *power, min..=max, |level| {
                format!("\"{level}\"")
            });
        }
    }
}

/// When a reader reads, and how well it hears.
fn timing(checker: &mut Checker<'_>, name: &str, llrp: &Llrp) {
    let hour = ms(10)..=ms(HOUR_MS);
    if let Some(trigger) = &llrp.trigger {
        let of = |key| ["llrp", name, "trigger", key];
        range(checker, &of("gpi"), trigger.gpi, 1..=32, show_number);
        optional(
            checker,
            &of("timeout"),
            trigger.timeout,
            hour.clone(),
            show_time,
        );
    }
    if let Some(cycle) = &llrp.duty_cycle {
        let of = |key| ["llrp", name, "duty_cycle", key];
        range(checker, &of("on"), cycle.on, hour.clone(), show_time);
        range(checker, &of("off"), cycle.off, hour, show_time);
    }
    for (port, sensitivity) in &llrp.receive_sensitivity {
        let port = port.to_string();
        let path = ["llrp", name, "receive_sensitivity", port.as_str()];
        range(checker, &path, sensitivity.0, 0..=128, |level| {
            format!("\"{level} dB\"")
        });
    }
}

fn tuning(checker: &mut Checker<'_>, name: &str, read_point: &ReadPoint) {
    let of = |key| ["read_point", name, key];
    if read_point.mode == Mode::Station || !checker.is_set(&of("mode")) {
        return;
    }
    let (min, max) = (Dbm::from_hundredths(-12_000), Dbm::from_hundredths(0));
    optional(
        checker,
        &of("min_rssi"),
        read_point.min_rssi,
        min..=max,
        |level| format!("\"{level}\""),
    );
    let times = [
        ("dedup", read_point.dedup, 0, 10_000),
        ("appear_within", read_point.appear_within, 50, MINUTE_MS),
        ("lost_after", read_point.lost_after, 100, 10 * MINUTE_MS),
        ("side_tau", read_point.side_tau, 10, MINUTE_MS),
        ("side_hold", read_point.side_hold, 0, MINUTE_MS),
        ("load_gap", read_point.load_gap, 0, 5 * MINUTE_MS),
        ("settle", read_point.settle, 0, 5 * MINUTE_MS),
        ("rearm", read_point.rearm, 0, HOUR_MS),
        (
            "allowed_lateness",
            read_point.allowed_lateness,
            0,
            10 * MINUTE_MS,
        ),
        ("down_grace", read_point.down_grace, 0, HOUR_MS),
    ];
    for (key, value, min, max) in times {
        optional(checker, &of(key), value, ms(min)..=ms(max), show_time);
    }
    optional(
        checker,
        &of("min_reads"),
        read_point.min_reads,
        1..=1000,
        show_number,
    );
    optional(
        checker,
        &of("min_tags"),
        read_point.min_tags,
        1..=10_000,
        show_number,
    );
    optional(
        checker,
        &of("side_level"),
        read_point.side_level,
        0.0..=1.0,
        show_number,
    );
    optional(
        checker,
        &of("flip_ratio"),
        read_point.flip_ratio,
        0.0..=1.0,
        show_number,
    );

    // Either may be the default.
    let tuning = read_point.tuning();
    // A tag whose repeated reads are dropped for longer than it takes to be gone would come and go all the time.
    let both_good = !checker.tree.is_bad(&of("dedup")) && !checker.tree.is_bad(&of("lost_after"));
    if both_good && tuning.dedup >= tuning.lost_after {
        let set = if checker.tree.has(&of("dedup")) {
            "dedup"
        } else {
            "lost_after"
        };
        let label = format!(
            "dedup is {}, lost_after is {}",
            show_duration(tuning.dedup.into()),
            show_duration(tuning.lost_after.into())
        );
        let title = "`dedup` must be shorter than `lost_after`".to_owned();
        let help = "otherwise a tag that stands still is taken for gone between two reads";
        checker.error("conflict", title, checker.tree.at(&of(set)), &label, help);
    }
}
