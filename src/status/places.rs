//! Read points, stations and guards, and what happened there last.

use std::time::Duration;

use super::View;
use super::html::Html;
use super::words::{listed, moment};
use crate::health::spoken;
use crate::story::{Answer, AtStation, Guarded, Moment, NotBooked, OpenJob, Passage, Stopped};

/// Movements and loads in the list of all.
const MAX_EVENTS: usize = 50;
/// And of each read point.
const MAX_EACH: usize = 3;
/// Answers of a station.
const MAX_ANSWERS: usize = 5;

pub(super) fn read_points(html: &mut Html, view: &View<'_>) -> bool {
    let (stations, guards) = match &view.recent {
        Some(recent) => (Some(&recent.stations), Some(&recent.guards)),
        None => (None, None),
    };
    html.raw("<div class=\"cards\">");
    for (name, (mode, parts)) in &view.facts.read_points {
        html.raw("<div class=\"card\"><h3>")
            .text(name)
            .raw(" <small>");
        let station = stations.and_then(|all| all.get(name));
        match station.and_then(|station| station.task.as_ref()) {
            Some(task) => html.raw(mode).raw(": ").text(task),
            None => html.raw(mode),
        };
        html.raw("</small></h3><p class=\"dim\">");
        html.text(&parts.join(", ")).raw("</p>");
        if let Some(guard) = guards.and_then(|all| all.get(name)) {
            guarded(html, name, guard);
        }
        if let Some(station) = station {
            at_station(html, view, station);
        }
        let all = happened(view, Some(name));
        match (&view.recent, all.is_empty()) {
            (None, _) => {}
            (_, true) => {
                html.raw("<p>Nothing was booked since the start of the gateway.</p>");
            }
            (_, false) => list(html, view, &all),
        }
        html.raw("</div>");
    }
    html.raw("</div>");
    !view.facts.read_points.is_empty()
}

fn guarded(html: &mut Html, name: &str, guard: &Guarded) {
    html.raw("<details id=\"g-").text(name);
    html.raw("\"><summary>Guard: refuses for ");
    html.number(guard.refuses.len() as u64)
        .raw(" reasons, warns for ");
    html.number(guard.warns.len() as u64)
        .raw("</summary><p><b>Refuses:</b> ");
    listed(html, &guard.refuses);
    html.raw(".</p><p><b>Warns:</b> ");
    listed(html, &guard.warns);
    if guard.refuses != guard.refuses_stale {
        let age = spoken(Duration::from_secs(guard.max_age_s));
        html.raw(".</p><p><b>With data older than ").text(&age);
        html.raw(" refuses:</b> ");
        listed(html, &guard.refuses_stale);
    }
    html.raw(".</p></details>");
}

fn at_station(html: &mut Html, view: &View<'_>, station: &AtStation) {
    let operator = station.operator.as_ref();
    let now = Moment(view.now.as_microsecond());
    let operator = operator.filter(|(_, until)| now.0 < until.0);
    if station.task.is_some() {
        html.raw("<dl><dt>operator</dt><dd>");
        match operator {
            Some((badge, _)) => html.text(badge),
            None => html.raw("nobody"),
        };
        html.raw("</dd><dt>open</dt><dd>");
        match &station.job {
            Some(job) => open(html, view, job),
            None => drop(html.raw("nothing")),
        }
        if let Some(refused) = &station.refused {
            html.raw("</dd><dt>to be cleared</dt><dd class=\"error\">refused ");
            moment(html, view, refused.at);
            html.raw(": ").text(&refused.text);
        }
        html.raw("</dd></dl>");
    }
    if station.answers.is_empty() {
        return;
    }
    html.raw("<h4>Last answers</h4><ul>");
    for answer in station.answers.iter().take(MAX_ANSWERS) {
        said(html, view, answer);
    }
    html.raw("</ul>");
}

fn open(html: &mut Html, view: &View<'_>, job: &OpenJob) {
    if let Some(order) = &job.order {
        html.raw("order ").text(order).raw(", ");
    }
    if let Some(parent) = &job.parent {
        html.raw("with ").text(parent).raw(", ");
    }
    html.number(job.things as u64)
        .raw(if job.things == 1 { " thing" } else { " things" });
    if let Some(newest) = &job.newest {
        html.raw(", the last ").text(newest);
    }
    html.raw("; last scan ");
    moment(html, view, job.touched);
    html.raw(", given up at ");
    moment(html, view, job.ends);
}

fn said(html: &mut Html, view: &View<'_>, answer: &Answer) {
    let class = match answer.verdict.as_str() {
        "accepted" => "good",
        "refused" => "error",
        "pending" => "dim",
        _ => "warning",
    };
    html.raw("<li>");
    moment(html, view, answer.at);
    html.raw(" <b class=\"").raw(class).raw("\">");
    html.text(&answer.verdict).raw("</b> ").text(&answer.text);
    if let Some(rule) = &answer.rule {
        html.raw(" (").text(rule).raw(")");
    }
    html.raw(" <span class=\"dim\">").text(&answer.device);
    if let Some(operator) = &answer.operator {
        html.raw(", operator ").text(operator);
    }
    html.raw("</span></li>");
}

pub(super) fn events(html: &mut Html, view: &View<'_>) -> bool {
    let all = happened(view, None);
    html.raw("<div class=\"card\">");
    match (&view.recent, all.is_empty()) {
        (None, _) => drop(html.raw("<p>Not known at this moment: the gateway is busy.</p>")),
        (_, true) => drop(html.raw("<p>None since the start of the gateway.</p>")),
        (_, false) => {
            html.raw(
                "<table class=\"events\"><caption>The newest first; tracegate why TAG tells the story of one tag</caption><thead><tr>\
                 <th scope=\"col\">when</th><th scope=\"col\">where</th><th scope=\"col\">what, and why</th></tr></thead><tbody>",
            );
            for it in all.iter().take(MAX_EVENTS) {
                html.raw("<tr><td>");
                moment(html, view, it.at());
                html.raw("</td><th scope=\"row\">").text(it.read_point());
                html.raw("</th><td>");
                it.tell(html);
                html.raw("</td></tr>");
            }
            html.raw("</tbody></table>");
        }
    }
    html.raw("</div>");
    true
}

/// A movement that was booked, a load that was not, or something that was to leave and may not.
#[derive(Clone, Copy)]
enum Happened<'a> {
    Booked(&'a Passage),
    Not(&'a NotBooked),
    Stopped(&'a Stopped),
}

impl Happened<'_> {
    const fn at(&self) -> Moment {
        match self {
            Self::Booked(it) => it.at,
            Self::Not(it) => it.at,
            Self::Stopped(it) => it.at,
        }
    }

    fn read_point(&self) -> &str {
        match self {
            Self::Booked(it) => &it.read_point,
            Self::Not(it) => &it.read_point,
            Self::Stopped(it) => &it.read_point,
        }
    }

    fn tell(&self, html: &mut Html) {
        let eyes = match self {
            Self::Booked(passage) => {
                if passage.alert {
                    html.raw("<b class=\"error\">may not leave</b>, ");
                }
                html.text(passage.summary.trim());
                passage.eyes.as_deref()
            }
            Self::Not(load) => {
                html.raw("<b class=\"warning\">not booked</b>, ");
                html.text(&load.direction).raw(", ");
                html.number(load.tags as u64);
                html.raw(if load.tags == 1 { " tag: " } else { " tags: " });
                html.text(&load.text).raw(". <span class=\"dim\">");
                html.text(&load.advice).raw("</span>");
                load.eyes.as_deref()
            }
            Self::Stopped(it) => {
                html.raw("<b class=\"error\">may not leave</b>, ");
                html.text(&it.thing).raw(": ").text(&it.text);
                html.raw(" (").text(&it.rule).raw(")");
                None
            }
        };
        if let Some(eyes) = eyes {
            html.raw(" <span class=\"dim\">photo-eyes: ").text(eyes);
            html.raw("</span>");
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
    let stopped = recent.alerts.iter().map(Happened::Stopped);
    let all = booked.chain(not).chain(stopped);
    let mut all: Vec<_> = all
        .filter(|it| at.is_none_or(|at| at == it.read_point()))
        .collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.at()));
    all
}

fn list(html: &mut Html, view: &View<'_>, all: &[Happened<'_>]) {
    html.raw("<h4>Last events</h4><ul>");
    for it in all.iter().take(MAX_EACH) {
        html.raw("<li>");
        moment(html, view, it.at());
        html.raw(" ");
        it.tell(html);
        html.raw("</li>");
    }
    html.raw("</ul>");
}
