//! A reader of Prometheus' text format (version 0.0.4), written from its description and stricter than Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::health::{Became, DeviceCounter};
use crate::status::metrics::{families, text};

type Labels = BTreeMap<String, String>;

#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    samples: Vec<(Labels, f64)>,
}

/// Families by name, in their order.
fn parse(text: &str) -> Vec<(String, Family)> {
    assert!(text.ends_with('\n'), "the last line ends, too");
    let mut families: Vec<(String, Family)> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(is_name(name), "{name}");
            assert!(families.iter().all(|(it, _)| it != name), "{name} twice");
            let family = Family {
                help: help.to_owned(),
                ..Family::default()
            };
            families.push((name.to_owned(), family));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let (last, family) = families.last_mut().unwrap();
            assert_eq!(last, name, "TYPE follows HELP");
            assert!(family.kind.is_empty() && family.samples.is_empty());
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            kind.clone_into(&mut family.kind);
        } else {
            let (name, labels, value) = sample(line);
            let (last, family) = families.last_mut().unwrap();
            let of_histogram = ["_bucket", "_sum", "_count"].iter();
            let of_histogram = of_histogram.map(|it| format!("{last}{it}"));
            match &*family.kind {
                "histogram" => assert!(of_histogram.into_iter().any(|it| it == name), "{name}"),
                _ => assert_eq!(*last, name, "samples stand below their family"),
            }
            if family.kind == "histogram" && !name.ends_with("_bucket") {
                // Both repeat what the classes say but for the time.
                assert!(labels.is_empty());
                if name.ends_with("_count") {
                    let all = family.samples.last().map(|it| it.1);
                    assert_eq!(all, Some(value), "{line}");
                }
                continue;
            }
            assert!(!family.kind.is_empty());
            assert!(
                family.samples.iter().all(|(it, _)| *it != labels),
                "{line} twice"
            );
            family.samples.push((labels, value));
        }
    }
    families
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        let mut inner = inner;
        loop {
            let (label, after) = inner.split_once("=\"").unwrap();
            assert!(is_name(label), "{line}");
            let mut value = String::new();
            let mut chars = after.char_indices();
            let close = loop {
                match chars.next().unwrap() {
                    (_, '\\') => match chars.next().unwrap().1 {
                        'n' => value.push('\n'),
                        c @ ('\\' | '"') => value.push(c),
                        c => panic!("\\{c} in {line}"),
                    },
                    (at, '"') => break at,
                    (_, c) => value.push(c),
                }
            };
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            inner = &after[close + 1..];
            match inner.split_at(1) {
                (",", more) => inner = more,
                ("}", more) => break rest = more,
                _ => panic!("{line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap();
    (name.to_owned(), labels, value.parse().unwrap())
}

fn value(families: &[(String, Family)], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: Labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let (_, family) = families.iter().find(|(it, _)| it == name).unwrap();
    let found = family.samples.iter().find(|(it, _)| *it == labels);
    found.map(|(_, value)| *value)
}

#[test]
fn what_is_written_is_what_was_promised_and_others_can_read_it() {
    let health = healthy();
    health.reads("dock_1", Some(2), 7);
    health.counters().reads.add(7);
    health.counters().waiting.set(3);
    for counter in DeviceCounter::ALL {
        health.count("dock_1", *counter, 1);
    }
    let wild = "a\\b \"c\" d";
    health.know(wild, DeviceKind::Scanner);
    health.device(wild, DeviceState::Up);
    health.problem(
        "dock_1",
        Problem::Antenna(3),
        Some("antenna 3 is disconnected"),
    );
    health.decided(std::time::Duration::from_millis(300));
    health.became("dock_1", Became::NonEvent("unclear"));
    health.became("pack_1", Became::Verdict("refused"));
    health.queue("inputs", 3, 256);
    let read = parse(&text(&health));
    let promised = families();
    let names = |name: &String| name.clone();
    assert_eq!(
        read.iter().map(|(name, _)| names(name)).collect::<Vec<_>>(),
        promised.iter().map(|it| names(&it.0)).collect::<Vec<_>>()
    );
    for ((name, family), (_, kind, labels, help)) in read.iter().zip(&promised) {
        assert_eq!((&*family.kind, &*family.help), (*kind, *help), "{name}");
        for (found, _) in &family.samples {
            let found: BTreeSet<&str> = found.keys().map(String::as_str).collect();
            let labels = labels.split(", ").filter(|it| !it.is_empty());
            assert_eq!(found, labels.collect(), "{name}");
        }
    }
    let under = |le| value(&read, "tracegate_decision_seconds", &[("le", le)]);
    assert_eq!(
        (under("0.25"), under("0.5"), under("+Inf")),
        (Some(0.0), Some(1.0), Some(1.0))
    );
    let unclear = [("read_point", "dock_1"), ("reason", "unclear")];
    assert_eq!(
        value(&read, "tracegate_read_point_non_events_total", &unclear),
        Some(1.0)
    );
    let refused = [("device", "pack_1"), ("verdict", "refused")];
    assert_eq!(
        value(&read, "tracegate_scanner_verdicts_total", &refused),
        Some(1.0)
    );
    let dock = [("device", "dock_1"), ("kind", "reader")];
    assert_eq!(value(&read, "tracegate_device_up", &dock), Some(1.0));
    assert_eq!(
        value(&read, "tracegate_device_reads_total", &dock),
        Some(7.0)
    );
    let antenna = [("antenna", "2"), ("device", "dock_1")];
    assert_eq!(
        value(&read, "tracegate_antenna_reads_total", &antenna),
        Some(7.0)
    );
    assert_eq!(value(&read, "tracegate_reads_total", &[]), Some(7.0));
    assert_eq!(value(&read, "tracegate_waiting", &[]), Some(3.0));
    let down = [
        ("code", "ANTENNA-DOWN"),
        ("severity", "error"),
        ("subject", "dock_1/3"),
    ];
    assert_eq!(value(&read, "tracegate_condition", &down), Some(1.0));
    let errors = [("severity", "error")];
    assert_eq!(value(&read, "tracegate_conditions", &errors), Some(1.0));
    let odd = [("device", wild), ("kind", "scanner")];
    assert_eq!(value(&read, "tracegate_device_up", &odd), Some(1.0));
    let of_dock = [("device", "dock_1")];
    for counter in DeviceCounter::ALL {
        let name = format!("tracegate_per_device_{}_total", counter.as_str());
        assert_eq!(value(&read, &name, &of_dock), Some(1.0), "{name}");
    }
}
