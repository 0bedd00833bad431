//! Reads over time as a small picture: bars of an inline SVG, with no style of its own.

use super::html::Html;

/// Width of a bar and of the gap after it, and height of the picture, in its own units.
const BAR: (u64, u64, u64) = (3, 1, 28);

/// Bars of `counts`, scaled by `highest`. Something is never drawn as nothing.
pub(super) fn bars(html: &mut Html, counts: &[u64], highest: u64, label: &str) {
    let (width, gap, height) = BAR;
    let step = width + gap;
    html.raw("<svg class=\"bars\" role=\"img\" preserveAspectRatio=\"none\" viewBox=\"0 0 ");
    html.text(&(step * counts.len() as u64).to_string());
    html.raw(" ").text(&height.to_string()).raw("\"><title>");
    html.text(label).raw("</title><path d=\"");
    let highest = highest.max(1);
    for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let tall = (u128::from(*count) * u128::from(height) / u128::from(highest)) as u64;
        let tall = tall.clamp(1, height);
        let x = index as u64 * step;
        html.text(&format!("M{x} {height}v-{tall}h{width}v{tall}z"));
    }
    html.raw("\"/></svg>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_read_is_seen_beside_a_million() {
        let mut html = Html::default();
        bars(
            &mut html,
            &[0, 1, 1_000_000, u64::MAX],
            1_000_000,
            "antenna 1",
        );
        assert_eq!(
            html.finish(),
            "<svg class=\"bars\" role=\"img\" preserveAspectRatio=\"none\" viewBox=\"0 0 16 28\"><title>antenna 1</title><path d=\"M4 28v-1h3v1zM8 28v-28h3v28zM12 28v-28h3v28z\"/></svg>"
        );
    }
}
