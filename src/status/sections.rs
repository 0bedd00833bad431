//! What is wrong, delivery, the site's data and the configuration.

use std::time::Duration;

use super::View;
use super::html::Html;
use super::words::{bytes, listed, meter, when};
use crate::health::{Stops, about, spoken};

/// What is wrong with a configuration, in bytes; `tracegate check` shows all of it.
const MAX_DIAGNOSTICS: usize = 16 * 1024;

pub(super) fn conditions(html: &mut Html, view: &View<'_>) -> bool {
    html.raw("<ul class=\"card\">");
    for condition in view.conditions() {
        let severity = condition.severity.as_str();
        html.raw("<li><span class=\"code ").raw(severity).raw("\">");
        html.text(condition.code.as_str())
            .raw("</span> <span class=\"dim\">");
        html.raw(severity).raw(", since ");
        when(html, view, condition.since.parse().ok());
        html.raw("</span><p>").text(&condition.text);
        html.raw("</p><p class=\"do\"><b>What to do:</b> ");
        html.text(condition.what_to_do).raw("</p></li>");
    }
    html.raw("</ul>");
    !view.conditions().is_empty()
}

pub(super) fn delivery(html: &mut Html, view: &View<'_>) -> bool {
    html.raw("<div class=\"cards\"><div class=\"card\"><h3>Buffer <small>");
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
    let is_stopped = view
        .conditions()
        .iter()
        .any(|it| it.code.stops() == Stops::Storing);
    match buffer.full_in_s {
        _ if is_stopped => html.raw("<b class=\"error\">now: nothing can be stored</b>"),
        Some(seconds) => html.text(&format!("in about {}", about(seconds))),
        None => html.raw("it does not grow"),
    };
    html.raw("</dd><dt>set aside</dt><dd>")
        .number(view.counted("dead_letters"));
    html.raw("</dd></dl></div>");
    for broker in &view.status.brokers {
        html.raw("<div class=\"card\"><h3>Broker <small class=\"");
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
        html.raw("</dd></dl></div>");
    }
    html.raw("<div class=\"card\"><h3>Since start</h3><dl><dt>stored</dt><dd>");
    html.number(view.counted("events"))
        .raw(" events</dd><dt>delivered</dt><dd>");
    html.number(view.counted("forwarded")).raw(" events");
    // Other messages are acknowledged, too.
    if let Some(seconds) = view
        .status
        .last_puback_s
        .filter(|_| view.counted("forwarded") > 0)
    {
        html.text(&format!(", the last {} ago", about(seconds)));
    }
    html.raw("</dd><dt>not booked</dt><dd>");
    html.number(view.counted("non_events"))
        .raw(" loads</dd><dt>reads</dt><dd>");
    html.number(view.counted("reads"))
        .raw("</dd><dt>scans</dt><dd>");
    html.number(view.counted("scans"))
        .raw("</dd></dl></div></div>");
    true
}

pub(super) fn reference(html: &mut Html, view: &View<'_>) -> bool {
    let site = view.status.reference.as_ref();
    html.raw("<div class=\"card\">");
    if let Some(site) = site {
        html.raw("<dl><dt>current</dt><dd>");
        match site.age_s {
            Some(seconds) => html.text(&spoken(Duration::from_secs(seconds))).raw(" ago"),
            None => html.raw("nobody has told"),
        };
        if site.stale {
            html.raw(": <b class=\"warning\">too old</b>");
        }
        html.raw("</dd><dt>records</dt><dd>").number(site.records);
        if let Some(snapshot) = &site.snapshot {
            html.raw("</dd><dt>snapshot</dt><dd>").text(snapshot);
        }
        if let Some(problem) = &site.problem {
            html.raw("</dd><dt>refused</dt><dd class=\"warning\">");
            html.text(problem);
        }
        html.raw("</dd></dl>");
    }
    if !view.kinds.is_empty() {
        html.raw(
            "<table><caption>What is known, by kind</caption><thead><tr><th scope=\"col\">kind</th><th scope=\"col\">records</th>\
             <th scope=\"col\">last changed</th></tr></thead><tbody>",
        );
        for (kind, known) in &view.kinds {
            html.raw("<tr><th scope=\"row\">").raw(kind);
            html.raw("</th><td>").number(known.records).raw("</td><td>");
            when(html, view, Some(known.newest));
            html.raw("</td></tr>");
        }
        html.raw("</tbody></table>");
    }
    html.raw("</div>");
    site.is_some() || !view.kinds.is_empty()
}

pub(super) fn configuration(html: &mut Html, view: &View<'_>) -> bool {
    let facts = view.facts;
    html.raw("<div class=\"card\"><dl><dt>file</dt><dd>");
    // Until a configuration was noted it is the one of the start.
    let (file, loaded) = match view.config.file.as_os_str().is_empty() {
        true => (&facts.file, facts.loaded),
        false => (&view.config.file, view.config.loaded_at),
    };
    html.text(&file.display().to_string());
    html.raw("</dd><dt>loaded</dt><dd>");
    when(html, view, Some(loaded));
    if view.config.last_good {
        html.raw("</dd><dt>in force</dt><dd class=\"warning\">the last good copy: the file was rejected at the start");
    }
    if !view.config.waits.is_empty() {
        html.raw("</dd><dt>waits for a restart</dt><dd class=\"warning\">");
        listed(html, &view.config.waits);
    }
    html.raw("</dd><dt>buffer</dt><dd>");
    html.text(&facts.buffer.display().to_string());
    html.raw("</dd><dt>lots and pallets</dt><dd>");
    html.number(view.counted("references"))
        .raw(" facts about what is around</dd>");
    for (holder, certificate) in &view.status.certificates {
        html.raw("<dt>certificate</dt><dd>").text(holder);
        html.raw(": ")
            .text(&format!("{} days left", certificate.days_left))
            .raw("</dd>");
    }
    html.raw("</dl>");
    if let Some(rejected) = &view.config.rejected {
        html.raw("<h3>The file as it is now was rejected ");
        when(html, view, Some(rejected.at));
        html.raw("</h3><pre tabindex=\"0\">");
        html.lines(&rejected.rendered, MAX_DIAGNOSTICS)
            .raw("</pre>");
    }
    html.raw("</div>");
    true
}
