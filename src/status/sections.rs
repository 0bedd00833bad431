//! The parts of the page.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::html::Html;
use super::{Shown, View, chart};
use crate::health::{DeviceKind, about, spoken};
use crate::story::{Moment, NotBooked, Passage};

/// Movements and loads in the list of all.
const MAX_EVENTS: usize = 50;
/// And of each read point.
const MAX_EACH: usize = 3;

pub(super) fn conditions(html: &mut Html, view: &View<'_>) {
    if view.conditions().is_empty() {
        return;
    }
    html.raw("<section id=\"conditions\" class=\"card\"><ul>");
    for condition in view.conditions() {
        let severity = condition.severity.as_str();
        html.raw("<li><span class=\"code ").raw(severity).raw("\">");
        html.text(condition.code.as_str())
            .raw("</span> <span class=\"dim\">");
        html.raw(severity).raw(", since ");
        when(html, view, condition.since.parse().ok());
        html.raw("</span><br>").text(&condition.text);
        html.raw("<p class=\"do\"><b>What to do:</b> ");
        html.text(condition.what_to_do).raw("</p></li>");
    }
    html.raw("</ul></section>");
}

pub(super) fn delivery(html: &mut Html, view: &View<'_>) {
    html.raw("<h2>Delivery</h2><div class=\"cards\"><section class=\"card\"><h3>Buffer <small>");
    let buffer = &view.status.buffer;
    html.text(&format!("{} %", buffer.percent))
        .raw("</small></h3>");
    meter(html, buffer.percent);
    html.raw("<dl><dt>waiting</dt><dd>");
    html.number(view.counted("waiting"))
        .raw(" events</dd><dt>oldest</dt><dd>");
    match (view.counted("waiting"), buffer.oldest_s) {
        (0, _) => html.raw("none waits"),
        (_, seconds) => html.text(&format!("waits for {}", about(seconds))),
    };
    html.raw("</dd><dt>disk</dt><dd>")
        .text(&bytes(buffer.bytes));
    html.raw(" of ")
        .text(&bytes(buffer.max_bytes))
        .raw("</dd><dt>full</dt><dd>");
    match buffer.full_in_s {
        Some(seconds) => html.text(&format!("in about {}", about(seconds))),
        None => html.raw("it does not grow"),
    };
    html.raw("</dd><dt>set aside</dt><dd>")
        .number(view.counted("dead_letters"));
    html.raw("</dd></dl></section>");
    for broker in &view.status.brokers {
        html.raw("<section class=\"card\"><h3>Broker <small class=\"");
        html.raw(broker.state)
            .raw("\">")
            .raw(broker.state)
            .raw("</small></h3><p>");
        html.text(&broker.address).raw("</p>");
        if let Some(reason) = &broker.reason {
            html.raw("<p>").text(reason).raw("</p>");
        }
        html.raw("<dl><dt>connections</dt><dd>")
            .number(broker.connections);
        html.raw("</dd><dt>failures</dt><dd>")
            .number(broker.failures);
        html.raw("</dd></dl></section>");
    }
    html.raw("<section class=\"card\"><h3>Since start</h3><dl><dt>stored</dt><dd>");
    html.number(view.counted("events"))
        .raw(" events</dd><dt>delivered</dt><dd>");
    html.number(view.counted("forwarded")).raw(" events");
    if let Some(seconds) = view.status.last_puback_s {
        html.text(&format!(", the last {} ago", about(seconds)));
    }
    html.raw("</dd><dt>not booked</dt><dd>");
    html.number(view.counted("non_events"))
        .raw(" loads</dd><dt>reads</dt><dd>");
    html.number(view.counted("reads"))
        .raw("</dd><dt>scans</dt><dd>");
    html.number(view.counted("scans"))
        .raw("</dd></dl></section></div>");
}

pub(super) fn devices(html: &mut Html, view: &View<'_>) {
    if view.devices.is_empty() {
        return;
    }
    html.raw("<h2>Devices</h2><div class=\"cards\">");
    for shown in &view.devices {
        device(html, view, shown);
    }
    html.raw("</div>");
}

fn device(html: &mut Html, view: &View<'_>, (report, minute, antennas): &Shown) {
    html.raw("<section class=\"card\"><h3>")
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
    let highest = antennas.values().flatten().max().copied().unwrap_or(0);
    for (antenna, counts) in antennas {
        let all: u64 = counts.iter().sum();
        let label = format!("antenna {antenna}: {all} reads in six hours");
        html.raw("<div class=\"antenna\"><span>")
            .text(&antenna.to_string())
            .raw("</span>");
        chart::bars(html, counts, highest, &label);
        html.raw("<span>").number(all).raw(" reads</span></div>");
    }
    if !antennas.is_empty() {
        html.raw("<p class=\"dim\">antennas, reads in the last six hours</p>");
    }
    html.raw("</section>");
}

pub(super) fn read_points(html: &mut Html, view: &View<'_>) {
    if view.facts.read_points.is_empty() {
        return;
    }
    html.raw("<h2>Read points and stations</h2><div class=\"cards\">");
    for (name, (mode, parts)) in &view.facts.read_points {
        html.raw("<section class=\"card\"><h3>")
            .text(name)
            .raw(" <small>");
        html.raw(mode).raw("</small></h3><p class=\"dim\">");
        html.text(&parts.join(", ")).raw("</p>");
        let all = happened(view, Some(name));
        match all.is_empty() {
            true => drop(html.raw("<p>Nothing happened since the start of the gateway.</p>")),
            false => list(html, view, &all, false, MAX_EACH),
        }
        html.raw("</section>");
    }
    html.raw("</div>");
}

pub(super) fn events(html: &mut Html, view: &View<'_>) {
    html.raw("<h2>Last events</h2><section class=\"card\">");
    let all = happened(view, None);
    match (&view.recent, all.is_empty()) {
        (None, _) => drop(html.raw("<p>Not known at this moment: the gateway is busy.</p>")),
        (_, true) => drop(html.raw("<p>None since the start of the gateway.</p>")),
        (_, false) => list(html, view, &all, true, MAX_EVENTS),
    }
    html.raw("</section>");
}

pub(super) fn configuration(html: &mut Html, view: &View<'_>) {
    let facts = view.facts;
    html.raw("<h2>Configuration</h2><section class=\"card\"><dl><dt>file</dt><dd>");
    html.text(&facts.file.display().to_string());
    html.raw("</dd><dt>loaded</dt><dd>");
    when(html, view, Some(facts.loaded));
    html.raw("</dd><dt>buffer</dt><dd>");
    html.text(&facts.buffer.display().to_string());
    html.raw("</dd><dt>lots and pallets</dt><dd>");
    html.number(view.counted("references"))
        .raw(" facts about what is around</dd>");
    if let Some(site) = &view.status.reference {
        html.raw("<dt>site's data</dt><dd>");
        html.number(site.records).raw(" records, ");
        match site.age_s {
            Some(seconds) => html.text(&format!("{} old", spoken(Duration::from_secs(seconds)))),
            None => html.raw("of unknown age"),
        };
        if site.stale {
            html.raw(": <b>too old</b>");
        }
        html.raw("</dd>");
    }
    for (holder, certificate) in &view.status.certificates {
        html.raw("<dt>certificate</dt><dd>").text(holder);
        html.raw(": ")
            .text(&format!("{} days left", certificate.days_left))
            .raw("</dd>");
    }
    html.raw("</dl></section>");
}

/// A movement that was booked, or a load that was not.
#[derive(Clone, Copy)]
enum Happened<'a> {
    Booked(&'a Passage),
    Not(&'a NotBooked),
}

impl Happened<'_> {
    const fn at(&self) -> Moment {
        match self {
            Self::Booked(it) => it.at,
            Self::Not(it) => it.at,
        }
    }

    fn read_point(&self) -> &str {
        match self {
            Self::Booked(it) => &it.read_point,
            Self::Not(it) => &it.read_point,
        }
    }
}

/// What happened, at one read point or at all, the newest first.
fn happened<'a>(view: &'a View<'_>, at: Option<&str>) -> Vec<Happened<'a>> {
    let Some(recent) = &view.recent else {
        return Vec::new();
    };
    let booked = recent.passages.iter().map(Happened::Booked);
    let not = recent.non_events.iter().map(Happened::Not);
    let all = booked.chain(not);
    let mut all: Vec<_> = all
        .filter(|it| at.is_none_or(|at| at == it.read_point()))
        .collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.at()));
    all
}

fn list(html: &mut Html, view: &View<'_>, all: &[Happened<'_>], named: bool, most: usize) {
    html.raw("<ul>");
    for it in all.iter().take(most) {
        html.raw("<li>");
        when(html, view, Timestamp::from_microsecond(it.at().0).ok());
        html.raw(" ");
        if named {
            html.raw("<b>").text(it.read_point()).raw("</b> ");
        }
        match it {
            Happened::Booked(passage) => html.text(passage.summary.trim()),
            Happened::Not(load) => {
                html.raw("<span class=\"warning\">not booked</span>, ");
                html.text(&load.direction).raw(", ");
                html.number(load.tags as u64).raw(" tags: ");
                html.text(&load.text).raw(". <span class=\"dim\">");
                html.text(&load.advice).raw("</span>")
            }
        };
        html.raw("</li>");
    }
    html.raw("</ul>");
}

/// A time in the site's zone, and how long ago that is.
fn when(html: &mut Html, view: &View<'_>, at: Option<Timestamp>) {
    let Some(at) = at else {
        html.raw("?");
        return;
    };
    let zone = TimeZone::get(&view.facts.time_zone).unwrap_or(TimeZone::UTC);
    let (local, today) = (at.to_zoned(zone.clone()), view.now.to_zoned(zone));
    let form = match local.date() == today.date() {
        true => "%H:%M:%S",
        false => "%Y-%m-%d %H:%M",
    };
    let ago = view.now.as_second().saturating_sub(at.as_second());
    html.raw("<time datetime=\"")
        .text(&at.to_string())
        .raw("\">");
    html.text(&local.strftime(form).to_string());
    if let Ok(ago @ 0..) = u64::try_from(ago) {
        html.text(&format!(" ({} ago)", about(ago)));
    }
    html.raw("</time>");
}

fn meter(html: &mut Html, percent: u64) {
    html.raw("<svg class=\"meter\" role=\"img\" preserveAspectRatio=\"none\" viewBox=\"0 0 100 1\"><rect height=\"1\" width=\"");
    html.text(&percent.min(100).to_string()).raw("\"/></svg>");
}

/// `1.5 GiB`
fn bytes(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_048_576 => (1_024.0, "KiB"),
        1_048_576..1_073_741_824 => (1_048_576.0, "MiB"),
        _ => (1_073_741_824.0, "GiB"),
    };
    format!("{:.1} {name}", bytes as f64 / unit)
}
