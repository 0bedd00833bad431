//! Times, sizes and lists, as all parts of the page write them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::View;
use super::html::Html;
use crate::health::about;
use crate::story::Moment;

/// A time in the site's zone, and how long ago that is, or when it will be.
pub(super) fn when(html: &mut Html, view: &View<'_>, at: Option<Timestamp>) {
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

/// The same of what the pipeline says.
pub(super) fn moment(html: &mut Html, view: &View<'_>, at: Moment) {
    when(html, view, Timestamp::from_microsecond(at.0).ok());
}

/// `lot_hold, lot_expired`, or "nothing".
pub(super) fn listed(html: &mut Html, words: &[String]) {
    if words.is_empty() {
        html.raw("nothing");
    }
    for (index, word) in words.iter().enumerate() {
        html.raw(if index > 0 { ", " } else { "" }).text(word);
    }
}

pub(super) fn meter(html: &mut Html, percent: u64) {
    html.raw("<svg class=\"meter\" aria-hidden=\"true\" preserveAspectRatio=\"none\" viewBox=\"0 0 100 1\"><rect height=\"1\" width=\"");
    html.text(&percent.min(100).to_string()).raw("\"/></svg>");
}

/// `1.5 GiB`
pub(super) fn bytes(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_048_576 => (1_024.0, "KiB"),
        1_048_576..1_073_741_824 => (1_048_576.0, "MiB"),
        _ => (1_073_741_824.0, "GiB"),
    };
    format!("{:.1} {name}", bytes as f64 / unit)
}
