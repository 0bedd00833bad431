//! Devices and their antennas.

use super::html::Html;
use super::words::when;
use super::{Shown, View, chart};
use crate::health::{AntennaReport, DeviceKind};

pub(super) fn all(html: &mut Html, view: &View<'_>) -> bool {
    if view.devices.is_empty() {
        html.raw("<div class=\"card\"><p>None is configured. Scanners that are plugged in, and readers in the network, are shown by <code>tracegate discover</code>, ready to paste into <code>");
        html.text(&view.facts.file.display().to_string());
        html.raw("</code>; then <code>tracegate check</code> and <code>tracegate reload</code>.</p></div>");
        return true;
    }
    html.raw("<div class=\"cards\">");
    for shown in &view.devices {
        device(html, view, shown);
    }
    html.raw("</div>");
    true
}

fn device(html: &mut Html, view: &View<'_>, shown: &Shown) {
    let (report, minute, antennas) = shown;
    html.raw("<div class=\"card\"><h3>")
        .text(&report.device)
        .raw(" <small>");
    html.raw(report.kind.as_str())
        .raw("</small></h3><p><b class=\"");
    html.raw(report.state)
        .raw("\">")
        .raw(report.state)
        .raw("</b> since ");
    when(html, view, report.since.parse().ok());
    html.raw("</p>");
    if let Some(reason) = &report.reason {
        html.raw("<p>").text(reason).raw("</p>");
    }
    if let Some(advice) = &report.what_to_do {
        html.raw("<p class=\"dim\">").text(advice).raw("</p>");
    }
    for problem in &report.problems {
        html.raw("<p class=\"warning\">").text(problem).raw("</p>");
    }
    for limit in &report.limits {
        html.raw("<p class=\"dim\">").text(limit).raw("</p>");
    }
    let rate = match report.kind {
        DeviceKind::Reader | DeviceKind::Receiver => Some("reads/min"),
        DeviceKind::Scanner => Some("scans/min"),
        DeviceKind::Marker => Some("marks/min"),
        // It shows, and reads nothing.
        DeviceKind::Light => None,
    };
    if let Some(rate) = rate {
        html.raw("<dl><dt>")
            .raw(rate)
            .raw("</dt><dd>")
            .number(*minute)
            .raw("</dd><dt>last</dt><dd>");
        match report.last_read.as_ref().and_then(|at| at.parse().ok()) {
            Some(at) => when(html, view, Some(at)),
            None => drop(html.raw("none since the start of the gateway")),
        }
        html.raw("</dd></dl>");
    }
    if !antennas.is_empty() || !report.antennas.is_empty() {
        charts(html, shown);
        numbers(html, shown);
    }
    html.raw("</div>");
}

/// A row each, with its picture; the picture says in words what it shows.
fn charts(html: &mut Html, (report, _, antennas): &Shown) {
    html.raw(
        "<table class=\"antennas\"><caption>Reads of the last six hours</caption><thead><tr><th scope=\"col\">antenna</th>\
         <th scope=\"col\">six hours ago … now</th><th scope=\"col\">reads</th></tr></thead><tbody>",
    );
    let highest = antennas.values().flatten().max().copied().unwrap_or(0);
    let nothing = Vec::new();
    for (antenna, AntennaReport { problem, .. }) in &report.antennas {
        let counts = antennas.get(antenna).unwrap_or(&nothing);
        let all: u64 = counts.iter().sum();
        html.raw("<tr><th scope=\"row\">")
            .text(&antenna.to_string());
        html.raw("</th><td>");
        let hours: Vec<String> = by_hour(counts).map(|it| it.to_string()).collect();
        let label = format!(
            "antenna {antenna}: {all} reads in six hours; hour by hour: {}",
            hours.join(", ")
        );
        chart::bars(html, counts, highest, &label);
        html.raw("</td><td>").number(all).raw("</td></tr>");
        if let Some(problem) = problem {
            html.raw("<tr><td colspan=\"3\" class=\"warning\">");
            html.text(problem).raw("</td></tr>");
        }
    }
    html.raw("</tbody></table>");
}

/// The same as figures.
fn numbers(html: &mut Html, (report, _, antennas): &Shown) {
    html.raw("<details id=\"n-").text(&report.device);
    html.raw(
        "\"><summary>as figures</summary><table class=\"figures\"><caption>Reads in each hour, up to now</caption><thead><tr>\
         <th scope=\"col\">antenna</th>",
    );
    for hour in ["-6 h", "-5 h", "-4 h", "-3 h", "-2 h", "-1 h"] {
        html.raw("<th scope=\"col\">").raw(hour).raw("</th>");
    }
    html.raw("</tr></thead><tbody>");
    for (antenna, counts) in antennas {
        html.raw("<tr><th scope=\"row\">")
            .text(&antenna.to_string());
        html.raw("</th>");
        for count in by_hour(counts) {
            html.raw("<td>").number(count).raw("</td>");
        }
        html.raw("</tr>");
    }
    html.raw("</tbody></table></details>");
}

/// Sums of twelve times five minutes.
fn by_hour(counts: &[u64]) -> impl Iterator<Item = u64> {
    counts.chunks(12).map(|hour| hour.iter().sum())
}
