//! A survey for people.

use std::fmt::Write as _;

use super::{Histogram, Outcome, Survey};

/// As text: what was read, what was made of it, what to change.
#[must_use]
pub fn render(survey: &Survey) -> String {
    let mut text = format!(
        "{}: passes: {}, tags taken through: {}, tags that stand about: {}\n\n",
        survey.read_point, survey.passes, survey.goods, survey.strays
    );
    // Writing to a String cannot fail.
    for antenna in &survey.antennas {
        let (read, all) = antenna.read;
        let median = antenna.median_peak.map_or_else(String::new, |peak| {
            format!(", median of their peaks {peak} dBm")
        });
        let _ = writeln!(
            text,
            "{}/{} ({}): read the goods in {read} of {all} passes of a tag{median}",
            antenna.device, antenna.antenna, antenna.side
        );
        text += &bars(&antenna.goods, &antenna.strays);
    }
    if let Some(seconds) = survey.heard_again_s {
        let _ = writeln!(
            text,
            "slow air: a tag in the field is heard again on the same side only after {seconds:.1} s, so that times are longer than \
             configured; if its reader reads in session 1, 2 or 3, set session = 0: see \"When the air is slow\" in docs/tuning.md"
        );
    }
    text += &outcome("as it is configured", &survey.now);
    if survey.proposals.is_empty() {
        text += "\nnothing to change\n";
        return text;
    }
    if survey.then != survey.now {
        text += &outcome("with what is proposed for the read point", &survey.then);
    }
    text += "\nproposed:\n";
    let mut section = "";
    for proposal in &survey.proposals {
        if proposal.section != section {
            section = &proposal.section;
            let _ = writeln!(text, "\n{section}");
        }
        let _ = writeln!(text, "# {}\n{}", proposal.reason, proposal.line);
    }
    text
}

fn bars(goods: &Histogram, strays: &Histogram) -> String {
    let levels: std::collections::BTreeSet<i8> =
        goods.keys().chain(strays.keys()).copied().collect();
    let count = |histogram: &Histogram, level| histogram.get(&level).copied().unwrap_or(0);
    let most = levels
        .iter()
        .map(|level| count(goods, *level).max(count(strays, *level)))
        .max();
    let most = most.unwrap_or(1).max(1);
    let mut text = String::new();
    for level in levels.into_iter().rev() {
        let bar = |sign: &str, count: u64| {
            let width = usize::try_from(count.saturating_mul(30).div_ceil(most)).unwrap_or(30);
            sign.repeat(width)
        };
        let (passed, stood) = (count(goods, level), count(strays, level));
        let _ = writeln!(
            text,
            "  {level:>4} dBm  {passed:>7} goods {stood:>7} about  {}{}",
            bar("#", passed),
            bar(".", stood)
        );
    }
    text
}

fn outcome(title: &str, outcome: &Outcome) -> String {
    let [inward, outward] = outcome.told;
    let row = |name: &str, [as_in, as_out, missed]: [usize; 3]| {
        format!("  went {name:<4} {as_in:>8} {as_out:>8} {missed:>11}\n")
    };
    format!(
        "\n{title}:\n            told in told out  not booked\n{}{}  movements that were none: {}\n",
        row("in", inward),
        row("out", outward),
        outcome.extra
    )
}
