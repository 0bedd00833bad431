//! The page: its frame, its first line and the order of its parts.

use super::html::Html;
use super::{View, sections};
use crate::health::Severity;

/// Colours and columns; for phones, too.
pub(super) const STYLE: &str = include_str!("style.css");
/// Renews the contents.
pub(super) const SCRIPT: &str = include_str!("live.js");

/// The whole page.
pub(super) fn whole(view: &View<'_>) -> String {
    let mut html = Html::default();
    html.raw(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript><title>",
    );
    html.text(&view.status.site);
    html.raw(
        " - Tracegate</title><link rel=\"stylesheet\" href=\"/style.css\">\
         <link rel=\"icon\" href=\"data:,\"><script src=\"/live.js\" defer></script></head><body><header><span><b>",
    );
    html.text(&view.status.site);
    html.raw("</b> Tracegate ").text(view.status.version);
    html.raw("</span><span id=\"link\"></span></header><main>");
    fill(&mut html, view);
    html.raw(
        "</main><footer>Read-only: nothing can be changed here. <a href=\"/metrics\">Metrics</a></footer></body></html>\n",
    );
    html.finish()
}

/// What changes.
pub(super) fn contents(view: &View<'_>) -> String {
    let mut html = Html::default();
    fill(&mut html, view);
    html.finish()
}

fn fill(html: &mut Html, view: &View<'_>) {
    let worst = view.conditions().iter().map(|it| it.severity).min();
    html.raw("<h1 class=\"").raw(match worst {
        None => "good",
        Some(Severity::Warning) => "warning",
        Some(Severity::Error) => "error",
    });
    html.raw("\">").text(&view.headline).raw("</h1>");
    sections::conditions(html, view);
    sections::delivery(html, view);
    sections::devices(html, view);
    sections::read_points(html, view);
    sections::events(html, view);
    sections::configuration(html, view);
}
