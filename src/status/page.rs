//! The page: its frame, its first line and the order of its parts.

use super::html::Html;
use super::{View, devices, places, sections};
use crate::health::{Severity, Stops};

/// Colours and columns; for phones, too.
pub(super) const STYLE: &str = include_str!("style.css");
/// Renews the contents.
pub(super) const SCRIPT: &str = include_str!("live.js");

/// A part: its id, its heading, and what fills it, unless there is nothing to tell.
type Part = (&'static str, &'static str, fn(&mut Html, &View<'_>) -> bool);

/// The parts, in their order.
const PARTS: &[Part] = &[
    ("conditions", "What is wrong", sections::conditions),
    ("delivery", "Delivery", sections::delivery),
    ("devices", "Devices", devices::all),
    (
        "read-points",
        "Read points and stations",
        places::read_points,
    ),
    ("events", "Last events", places::events),
    ("reference", "The site's data", sections::reference),
    ("configuration", "Configuration", sections::configuration),
];

/// The whole page.
pub(super) fn whole(view: &View<'_>) -> String {
    let mut html = Html::default();
    html.raw(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript><title>",
    );
    html.text(&title(view));
    html.raw(
        "</title><link rel=\"stylesheet\" href=\"/style.css\"><link rel=\"icon\" href=\"/icon.svg\">\
         <script src=\"/live.js\" defer></script></head><body><header><span><b>",
    );
    html.text(&view.status.site);
    html.raw("</b> Tracegate ").text(view.status.version);
    html.raw("</span><span id=\"link\" role=\"status\"></span></header><main>");
    fill(&mut html, view);
    html.raw(
        "</main><footer>Read-only: nothing can be changed here. <a href=\"/metrics\">Metrics</a> · <a href=\"/bundle.tar.gz\" download>Bundle for support</a></footer></body></html>\n",
    );
    html.finish()
}

/// What changes.
pub(super) fn contents(view: &View<'_>) -> String {
    let mut html = Html::default();
    fill(&mut html, view);
    html.finish()
}

/// What a browser's tab shows: the state first, because tabs are narrow.
fn title(view: &View<'_>) -> String {
    let stops = view.conditions().iter().map(|it| it.code.stops()).min();
    let word = match stops {
        None if view.devices.is_empty() => "LOOK",
        None => "OK",
        Some(Stops::Storing) => "STOPPED",
        Some(Stops::Delivery) => "NOT DELIVERED",
        Some(Stops::Reading) => "NOT READ",
        Some(Stops::Nothing) => "LOOK",
    };
    format!("{word} - {} - Tracegate", view.status.site)
}

fn fill(html: &mut Html, view: &View<'_>) {
    let worst = view.conditions().iter().map(|it| it.severity).min();
    html.raw("<h1 id=\"state\" aria-live=\"polite\" class=\"")
        .raw(match worst {
            None if view.devices.is_empty() => "warning",
            None => "good",
            Some(Severity::Warning) => "warning",
            Some(Severity::Error) => "error",
        });
    html.raw("\" data-title=\"").text(&title(view));
    html.raw("\">").text(&view.headline).raw("</h1>");
    let told = PARTS.iter().filter_map(|(id, heading, fill)| {
        let mut part = Html::default();
        fill(&mut part, view).then_some((id, heading, part))
    });
    let told: Vec<_> = told.collect();
    html.raw("<nav id=\"parts\" aria-label=\"Parts of this page\"><ul>");
    for (id, heading, _) in &told {
        html.raw("<li><a href=\"#").raw(id).raw("\">");
        html.raw(heading).raw("</a></li>");
    }
    html.raw("</ul></nav>");
    for (id, heading, part) in told {
        html.raw("<section id=\"").raw(id);
        html.raw("\" aria-labelledby=\"h-").raw(id);
        html.raw("\"><h2 id=\"h-").raw(id).raw("\">");
        html.raw(heading).raw("</h2>").part(part);
        html.raw("</section>");
    }
}
