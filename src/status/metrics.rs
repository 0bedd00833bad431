//! Metrics in Prometheus' text format, version 0.0.4. Names, types and labels are a contract: `docs/metrics.md` has them
//! all, and a test compares.

mod families;
mod process;

use std::fmt::{Display, Write as _};

use jiff::Timestamp;

use crate::health::{BOUNDS_MS, Became, Counters, DeviceCounter, Health, Histogram, Severity};
use crate::logs;
use families::FAMILIES;

/// What a response says it is.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All families: name, type, labels and meaning, in the order of the output.
pub fn families() -> Vec<(String, &'static str, &'static str, &'static str)> {
    let fixed = FAMILIES
        .iter()
        .map(|(name, kind, labels, help)| (format!("tracegate_{name}"), *kind, *labels, *help));
    let counters = Counters::HELP.iter().map(|(name, help)| {
        let (name, kind) = counter_name(name);
        (name, kind, "", *help)
    });
    let own = DeviceCounter::ALL.iter().map(|counter| {
        let name = format!("tracegate_per_device_{}_total", counter.as_str());
        (name, "counter", "device", counter.help())
    });
    let process = process::FAMILIES
        .iter()
        .map(|(name, kind, help)| ((*name).to_owned(), *kind, "", *help));
    fixed.chain(counters).chain(own).chain(process).collect()
}

fn counter_name(name: &str) -> (String, &'static str) {
    match Counters::LEVELS.contains(&name) {
        true => (format!("tracegate_{name}"), "gauge"),
        false => (format!("tracegate_{name}_total"), "counter"),
    }
}

/// All metrics of this moment.
#[must_use]
pub fn text(health: &Health) -> String {
    let status = health.status();
    let devices: Vec<_> = health.kinds();
    let devices = devices
        .iter()
        .map(|(name, kind)| (kind.as_str(), health.device_report(name, *kind)));
    let devices: Vec<_> = devices.collect();
    let mut out = Text::default();
    let labels = [
        ("epoch", status.epoch.as_str()),
        ("site", &status.site),
        ("version", status.version),
    ];
    out.family("info", |out| out.sample(&labels, 1));
    out.family("condition", |out| {
        for condition in &status.conditions {
            let labels = [
                ("code", condition.code.as_str()),
                ("severity", condition.severity.as_str()),
                ("subject", &condition.subject),
            ];
            out.sample_once(&labels, 1);
        }
    });
    out.family("conditions", |out| {
        for severity in [Severity::Error, Severity::Warning] {
            let all = status.conditions.iter();
            let count = all.filter(|it| it.severity == severity).count();
            out.sample(&[("severity", severity.as_str())], count);
        }
    });
    let brokers = &status.brokers;
    out.family("broker_up", |out| {
        for broker in brokers {
            out.sample(
                &[("broker", &broker.address)],
                u8::from(broker.state == "up"),
            );
        }
    });
    out.family("broker_connections_total", |out| {
        for broker in brokers {
            out.sample(&[("broker", &broker.address)], broker.connections);
        }
    });
    out.family("broker_failures_total", |out| {
        for broker in brokers {
            out.sample(&[("broker", &broker.address)], broker.failures);
        }
    });
    out.family("broker_ack_age_seconds", |out| {
        out.maybe(&[], status.last_puback_s);
    });
    let buffer = &status.buffer;
    out.family("buffer_bytes", |out| out.sample(&[], buffer.bytes));
    out.family("buffer_max_bytes", |out| out.sample(&[], buffer.max_bytes));
    out.family("buffer_oldest_seconds", |out| {
        out.sample(&[], buffer.oldest_s);
    });
    out.family("buffer_full_in_seconds", |out| {
        out.maybe(&[], buffer.full_in_s);
    });
    out.family("certificate_expiry_seconds", |out| {
        for (holder, certificate) in &status.certificates {
            out.sample(&[("holder", holder)], certificate.days_left * 86_400);
        }
    });
    out.family("device_up", |out| {
        for (kind, report) in &devices {
            out.sample(&of(kind, &report.device), u8::from(report.state == "up"));
        }
    });
    out.family("device_reads_total", |out| {
        for (kind, report) in &devices {
            out.sample(&of(kind, &report.device), report.reads);
        }
    });
    out.family("device_last_read_timestamp_seconds", |out| {
        for (kind, report) in &devices {
            let at = report.last_read.as_ref().and_then(|at| at.parse().ok());
            let at = at.map(Timestamp::as_second);
            out.maybe(&of(kind, &report.device), at);
        }
    });
    out.family("device_clock_behind_seconds", |out| {
        for (name, device) in &status.devices {
            let behind = device.clock_behind_ms.map(|ms| ms as f64 / 1_000.0);
            out.maybe(&[("device", name)], behind);
        }
    });
    out.family("device_reports_late_seconds", |out| {
        for (name, device) in &status.devices {
            let late = device.reports_late_ms.map(|ms| ms as f64 / 1_000.0);
            out.maybe(&[("device", name)], late);
        }
    });
    out.family("antenna_reads_total", |out| {
        for (_, report) in &devices {
            for (antenna, own) in &report.antennas {
                let antenna = antenna.to_string();
                let labels = [("antenna", antenna.as_str()), ("device", &report.device)];
                out.sample(&labels, own.reads);
            }
        }
    });
    let kinds = health.site_kinds();
    out.family("reference_age_seconds", |out| {
        let site = status.reference.as_ref().and_then(|site| site.age_s);
        out.maybe(&[("kind", "site")], site);
        let now = Timestamp::now().as_second();
        for (kind, known) in &kinds {
            let age = now.saturating_sub(known.newest.as_second()).max(0);
            out.sample(&[("kind", kind)], age);
        }
    });
    out.family("reference_records", |out| {
        for (kind, known) in &kinds {
            out.sample(&[("kind", kind)], known.records);
        }
    });
    let config = health.config();
    out.family("config_reload_success", |out| {
        out.sample(&[], u8::from(config.rejected.is_none()));
    });
    out.family("config_loaded_timestamp_seconds", |out| {
        out.sample(&[], config.loaded_at.as_second());
    });
    log_lines(&mut out);
    figures(&mut out, health);
    for (name, help) in Counters::HELP {
        let (full, kind) = counter_name(name);
        out.head(&full, kind, help);
        out.maybe(&[], status.counters.get(name));
    }
    for counter in DeviceCounter::ALL {
        let word = counter.as_str();
        let full = format!("tracegate_per_device_{word}_total");
        out.head(&full, "counter", counter.help());
        for (name, device) in &status.devices {
            out.maybe(&[("device", name)], device.counters.get(word));
        }
    }
    for (name, kind, help) in process::FAMILIES {
        out.head(name, kind, help);
        out.maybe(&[], process::value(name, health.started().as_second()));
    }
    out.text
}

fn log_lines(out: &mut Text) {
    let counts = logs::counts();
    for (name, of) in [
        (
            "log_lines_total",
            (|it| it.lines) as fn(&logs::Count) -> u64,
        ),
        ("log_lines_left_out_total", |it| it.left_out),
    ] {
        out.family(name, |out| {
            for (code, level, count) in &counts {
                let level = level.to_ascii_lowercase();
                out.sample(&[("code", code), ("level", &level)], of(count));
            }
        });
    }
    out.family("log_lines_lost_total", |out| out.sample(&[], logs::lost()));
}

fn figures(out: &mut Text, health: &Health) {
    let (disks, queues) = (health.disks(), health.queues());
    out.family("disk_free_bytes", |out| {
        for (disk, room) in &disks {
            out.sample(&[("disk", disk.as_str())], room.free);
        }
    });
    out.family("disk_size_bytes", |out| {
        for (disk, room) in &disks {
            out.sample(&[("disk", disk.as_str())], room.size);
        }
    });
    out.family("queue_length", |out| {
        for (name, queue) in &queues {
            out.sample(&[("queue", name)], queue.length);
        }
    });
    out.family("queue_capacity", |out| {
        for (name, queue) in &queues {
            out.sample(&[("queue", name)], queue.capacity);
        }
    });
    out.family("queue_most", |out| {
        for (name, queue) in &queues {
            out.sample(&[("queue", name)], queue.most);
        }
    });
    let became = health.at_read_points();
    out.family("read_point_movements_total", |out| {
        for (name, what, count) in &became {
            if *what == Became::Movement {
                out.sample(&[("read_point", name)], count);
            }
        }
    });
    out.family("read_point_non_events_total", |out| {
        for (name, what, count) in &became {
            if let Became::NonEvent(reason) = what {
                out.sample(&[("read_point", name), ("reason", reason)], count);
            }
        }
    });
    out.family("scanner_verdicts_total", |out| {
        for (name, what, count) in &became {
            if let Became::Verdict(verdict) = what {
                out.sample(&[("device", name), ("verdict", verdict)], count);
            }
        }
    });
    let (decided, delivered) = health.latencies();
    out.histogram("decision_seconds", &decided);
    out.histogram("delivery_seconds", &delivered);
}

fn of<'a>(kind: &'a str, device: &'a str) -> [(&'static str, &'a str); 2] {
    [("device", device), ("kind", kind)]
}

#[derive(Default)]
struct Text {
    text: String,
    family: String,
    seen: Vec<String>,
}

impl Text {
    /// A family of [`FAMILIES`].
    fn family(&mut self, name: &str, samples: impl FnOnce(&mut Self)) {
        if let Some((name, kind, _, help)) = FAMILIES.iter().find(|it| it.0 == name) {
            self.head(&format!("tracegate_{name}"), kind, help);
            samples(self);
        }
    }

    /// A family of which each sample counts what was not above its bound.
    fn histogram(&mut self, name: &str, histogram: &Histogram) {
        self.family(name, |out| {
            let family = out.family.clone();
            let bounds = BOUNDS_MS
                .iter()
                .map(|ms| (*ms as f64 / 1_000.0).to_string());
            let bounds = bounds.chain(std::iter::once("+Inf".to_owned()));
            let mut count = 0;
            out.family = format!("{family}_bucket");
            for (class, bound) in histogram.classes.iter().zip(bounds) {
                count += class;
                out.sample(&[("le", &bound)], count);
            }
            out.family = format!("{family}_sum");
            out.sample(&[], histogram.sum.as_secs_f64());
            out.family = format!("{family}_count");
            out.sample(&[], count);
        });
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        name.clone_into(&mut self.family);
        self.seen.clear();
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {}", escape(help, false));
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escape(value, true)))
            .collect();
        let labels = match labels.as_slice() {
            [] => String::new(),
            some => format!("{{{}}}", some.join(",")),
        };
        let _ = writeln!(self.text, "{}{labels} {value}", self.family);
    }

    /// A sample unless there is one with these labels: two certificates may be near their end.
    fn sample_once(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let key = format!("{labels:?}");
        if !self.seen.contains(&key) {
            self.seen.push(key);
            self.sample(labels, value);
        }
    }

    fn maybe(&mut self, labels: &[(&str, &str)], value: Option<impl Display>) {
        if let Some(value) = value {
            self.sample(labels, value);
        }
    }
}

/// Backslash and line feed; in a label's value the quote as well.
fn escape(text: &str, is_label: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    match is_label {
        true => text.replace('"', "\\\""),
        false => text,
    }
}
