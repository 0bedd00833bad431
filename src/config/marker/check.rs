//! Whether the settings of each marker go together.

use std::time::Duration;

use tracegate_feed::marker::DETAILS;
use tracegate_gs1::{Ai, Element};

use super::{LineFormat, Marker};
use crate::config::check::{Checker, near_label};
use crate::config::limits::{range, show_time};
use crate::config::scanner::{SERIAL_SETTINGS, line};
use crate::config::units::shown;

/// Settings that say where a marker tells, each with an example.
const TRANSPORTS: &[(&str, &str)] = &[
    (
        "serial",
        "serial = \"usb-…-if00\" (a name in /dev/serial/by-id)",
    ),
    ("tcp", "tcp = \"10.0.4.40:50002\""),
    ("listen", "listen = \"0.0.0.0:9010\""),
    ("udp", "udp = \"0.0.0.0:9011\""),
    ("tail", "tail = \"/mnt/laser_1/marks.csv\""),
    ("drop", "drop = \"/mnt/laser_1/out\""),
];
/// Settings of a connection.
const LIVE_SETTINGS: &[&str] = &["end", "poll_interval", "on_accept", "on_refuse"];
/// Settings of files.
const FILE_SETTINGS: &[&str] = &[
    "format",
    "delimiter",
    "header",
    "columns",
    "result_done",
    "result_failed",
    "result_start",
    "encoding",
];
/// Settings of a log.
const TAIL_SETTINGS: &[&str] = &["begin", "idle_after"];
/// Settings of a folder.
const DROP_SETTINGS: &[&str] = &["suffix", "settle", "processed"];

/// How each marker is reached, and whether its settings go together.
pub(in crate::config) fn check(checker: &mut Checker<'_>) {
    for (name, marker) in &checker.config.marker {
        transport(checker, name, marker);
        words(checker, name, marker);
        limits(checker, name, marker);
    }
}

fn transport(checker: &mut Checker<'_>, name: &str, marker: &Marker) {
    let of = |key| ["marker", name, key];
    let section = ["marker", name];
    let set = checker.one_way(section, TRANSPORTS);
    let [used] = set.as_slice() else { return };
    let foreign: [&[&str]; 4] = match *used {
        "serial" => [FILE_SETTINGS, TAIL_SETTINGS, DROP_SETTINGS, &[]],
        "tail" => [SERIAL_SETTINGS, LIVE_SETTINGS, DROP_SETTINGS, &[]],
        "drop" => [SERIAL_SETTINGS, LIVE_SETTINGS, TAIL_SETTINGS, &["timeout"]],
        _ => [SERIAL_SETTINGS, FILE_SETTINGS, TAIL_SETTINGS, DROP_SETTINGS],
    };
    for settings in foreign {
        checker.no_effect(section, settings, &format!("with `{used}`"));
    }
    for (key, path) in [("tail", &marker.tail), ("drop", &marker.drop)] {
        let is_relative = path.as_ref().is_some_and(|path| !path.path().is_absolute());
        if is_relative && checker.is_set(&of(key)) {
            let title = format!("`{key}` is not absolute");
            let place = checker.tree.at(&of(key));
            checker.error(
                "bad-value",
                title,
                place,
                "",
                "write the whole path, from / on",
            );
        }
    }
}

/// Patterns that can be compiled, details that there are.
fn words(checker: &mut Checker<'_>, name: &str, marker: &Marker) {
    let of = |key| ["marker", name, key];
    if let Err((key, bad)) = marker.rules()
        && checker.is_set(&of(key))
    {
        let help =
            "patterns are regular expressions; example: when_done = ['^DONE (?<serial>\\S+)']";
        let title = format!("`{key}` has a pattern that is none");
        checker.error(
            "bad-value",
            title,
            checker.tree.at(&of(key)),
            &crate::health::tame(&bad),
            help,
        );
    }
    let known = || DETAILS.iter().copied().chain(["result"]);
    for detail in marker
        .columns
        .keys()
        .filter(|it| !known().any(|known| known == it.as_str()))
    {
        let title = format!("`columns` has the unknown detail \"{}\"", shown(detail));
        let place = checker.tree.at(&["marker", name, "columns", detail]);
        let names: Vec<&str> = known().collect();
        let help = format!("details: {}", names.join(", "));
        checker.error(
            "bad-value",
            title,
            place,
            &near_label(detail, known()),
            &help,
        );
    }
    let is_file = marker.tail.is_some() || marker.drop.is_some();
    if is_file && marker.format != LineFormat::Text && checker.is_missing(&of("columns")) {
        let example = match marker.format {
            LineFormat::Json => "{ serial = \"/part/serial\", result = \"/result\" }",
            _ => "{ serial = \"SerialNo\", result = \"Result\" }",
        };
        checker.require(&["marker", name], "columns", example);
    }
    if marker
        .delimiter
        .as_ref()
        .is_some_and(|it| it.chars().count() != 1)
        && checker.is_set(&of("delimiter"))
    {
        let title = "`delimiter` is not one character".to_owned();
        let place = checker.tree.at(&of("delimiter"));
        checker.error(
            "bad-value",
            title,
            place,
            "",
            "example: delimiter = \";\", or \"\\t\" for a tab",
        );
    }
    if let Some(gtin) = &marker.gtin
        && checker.is_set(&of("gtin"))
        && Element::new(Ai::GTIN, format!("{gtin:0>14}")).is_err()
    {
        let title = "`gtin` is no GTIN".to_owned();
        let place = checker.tree.at(&of("gtin"));
        let label = match super::super::slips::check_digit_wanted(gtin) {
            Some(digit) => format!("its check digit, the last one, would be {digit}"),
            None => String::new(),
        };
        let help = "8, 12, 13 or 14 digits, the last of which is the check digit";
        checker.error("bad-value", title, place, &label, help);
    }
    if marker
        .time_format
        .as_ref()
        .is_some_and(|it| it != "unix" && !it.contains('%'))
        && checker.is_set(&of("time_format"))
    {
        let title = "`time_format` is no form of a time".to_owned();
        let place = checker.tree.at(&of("time_format"));
        let help = "\"unix\", or strftime's signs; example: time_format = \"%d.%m.%Y %H:%M:%S\"";
        checker.error("bad-value", title, place, "", help);
    }
    if marker.processed.contains('/') && checker.is_set(&of("processed")) {
        let title = "`processed` is no name of a folder".to_owned();
        let place = checker.tree.at(&of("processed"));
        checker.error(
            "bad-value",
            title,
            place,
            "",
            "it is made in the folder itself; example: processed = \"done\"",
        );
    }
}

fn limits(checker: &mut Checker<'_>, name: &str, marker: &Marker) {
    let of = |key| ["marker", name, key];
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    line(checker, ["marker", name], &marker.connection());
    if !marker.poll_interval.is_zero() {
        let limits = Duration::from_millis(50)..=hour;
        range(
            checker,
            &of("poll_interval"),
            marker.poll_interval,
            limits,
            show_time,
        );
    }
    range(
        checker,
        &of("timeout"),
        marker.timeout,
        second..=hour,
        show_time,
    );
    range(
        checker,
        &of("settle"),
        marker.settle,
        Duration::ZERO..=hour,
        show_time,
    );
    if let Some(after) = marker.idle_after {
        range(
            checker,
            &of("idle_after"),
            after,
            second..=hour * 24 * 7,
            show_time,
        );
    }
}
