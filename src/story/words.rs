//! Stories in whole sentences, each with what to do.

use std::fmt::Write as _;

use jiff::Timestamp;
use tracegate_pipeline::config::{Direction, Tuning};
use tracegate_pipeline::filter::{Pattern, TagRules};
use tracegate_pipeline::input::{EpcKey, NonEvent, NonEventReason};
use tracegate_pipeline::movement::time_zone;

use super::book::identity;
use super::{Moment, NotBooked, SeenAt, Story};
use crate::health::tame;

/// Why `[tags]` does not want a tag.
pub(crate) fn ignored(rules: &TagRules, key: &EpcKey, pc: Option<u16>) -> String {
    let identity = identity(key, pc);
    let matching = |patterns: &[Pattern]| {
        let mut patterns = patterns.iter();
        patterns
            .find(|it| it.matches(&key.epc, usize::from(key.bit_len), &identity))
            .cloned()
    };
    match matching(&rules.ignore) {
        _ if matching(&rules.person).is_some() => {
            "it is the badge of a person ([tags] person), and these are never told".to_owned()
        }
        None if matching(&rules.reference).is_some() => {
            "it is fixed to the building ([tags] reference) and tells how well its antenna reads"
                .to_owned()
        }
        Some(pattern) => format!(
            "it matches \"{pattern}\" in [tags] ignore; take the pattern out, or make it narrower, if such tags are to count"
        ),
        None if identity.epc().is_none() => format!(
            "it is no valid EPC ({}), and [tags] cargo names only others; is it encoded rightly? `tracegate decode` says what is wrong with it",
            identity.uri()
        ),
        None => "it matches no pattern of [tags] cargo; add one for it if such tags are goods"
            .to_owned(),
    }
}

/// A load that was not booked, as it is told.
pub(super) fn not_booked(load: &NonEvent, tuning: Option<&Tuning>) -> NotBooked {
    NotBooked {
        at: load.at.into(),
        read_point: load.read_point.clone(),
        direction: load.direction.map_or("here", Direction::as_str).to_owned(),
        reason: load.reason.as_str().to_owned(),
        text: match load.mark.as_ref().and_then(|mark| mark.code.as_deref()) {
            Some(code) => format!("{}: {}", reason(load.reason, load.tags, tuning), tame(code)),
            None => reason(load.reason, load.tags, tuning),
        },
        eyes: load.eyes.as_str().map(str::to_owned),
        advice: advice(load.reason).to_owned(),
        tags: load.tags,
    }
}

/// A rule that refused a load, in words.
#[must_use]
pub fn reason(reason: NonEventReason, tags: usize, tuning: Option<&Tuning>) -> String {
    let some = match tags {
        0 => "no tag".to_owned(),
        1 => "only 1 tag".to_owned(),
        many => format!("only {many} tags"),
    };
    let configured = |value: fn(&Tuning) -> String| match tuning {
        Some(tuning) => format!(" ({})", value(tuning)),
        None => String::new(),
    };
    match reason {
        NonEventReason::FewTags => match tuning {
            Some(tuning) if tags >= tuning.min_tags => format!(
                "of {tags} tags that seemed to change sides too few clearly did, and min_tags is {}",
                tuning.min_tags
            ),
            Some(tuning) => format!(
                "{some} clearly changed sides, and min_tags is {}",
                tuning.min_tags
            ),
            None => format!("{some} clearly changed sides, fewer than min_tags"),
        },
        NonEventReason::Anti => {
            "at the same time more tags changed sides the other way".to_owned()
        }
        NonEventReason::Ratio => format!(
            "most of the tags that were read there stayed on their side: fewer changed it than flip_ratio asks for{}",
            configured(|tuning| format!("{:.0} %", tuning.flip_ratio * 100.0))
        ),
        NonEventReason::Unclear => {
            "what was read of its tags on the two sides, taken together, does not clearly tell this way"
                .to_owned()
        }
        NonEventReason::Rearm => format!(
            "all its tags were booked this way a moment ago, within rearm{}",
            configured(|tuning| format!("{:.0} s", tuning.rearm.seconds()))
        ),
        NonEventReason::Eye => {
            "photo-eyes speak against it, and its tags alone do not clearly tell it: stock that stands there, or something that drove by".to_owned()
        }
        NonEventReason::Untagged => "something went through, and no tag was read".to_owned(),
        NonEventReason::Invalid => "its event would not have been valid EPCIS".to_owned(),
        NonEventReason::Neighbour => "another gate heard it louder, or has booked it".to_owned(),
        NonEventReason::MarkFailed => "the marker failed to mark it".to_owned(),
        NonEventReason::MarkUnidentified => {
            "the mark does not say which thing it is on".to_owned()
        }
        NonEventReason::ScanRefused => "a rule of the station's guard refused the scan".to_owned(),
        NonEventReason::ScanCancelled => {
            "the scans were taken back, or nobody went on with them".to_owned()
        }
        _ => "another rule refused it".to_owned(),
    }
}

/// What to do about a rule that refused a load.
#[must_use]
pub fn advice(reason: NonEventReason) -> &'static str {
    match reason {
        NonEventReason::FewTags => {
            "If loads of so few tags are to count, lower min_tags; if there were more, see why the others were not read on both sides: `tracegate survey` shows it."
        }
        NonEventReason::Anti => {
            "If two loads met in the door that is as it should be; if it was one, its tags seem to go both ways: are the sides of the antennas right?"
        }
        NonEventReason::Ratio => {
            "If goods stand near the door, move them or raise min_rssi; if the load did pass, lower flip_ratio."
        }
        NonEventReason::Unclear => {
            "Antennas of both sides see it alike: turn them further apart, or lower their power."
        }
        NonEventReason::Rearm => {
            "If goods really pass twice within this time, lower rearm; else there is nothing to do."
        }
        NonEventReason::Eye => {
            "If it did pass, see whether the photo-eyes see all that passes, and whether `outside` and `inside` are swapped in photo_eyes."
        }
        NonEventReason::Untagged => {
            "If it was a load, see whether its tags are there and face the antennas; people and empty trucks pass like this, too."
        }
        NonEventReason::Neighbour => {
            "If it did pass here, lower the power of the other gate's antennas, or turn them away from this door."
        }
        NonEventReason::MarkFailed => {
            "Look at the marker: its display tells why; mark the thing again."
        }
        NonEventReason::MarkUnidentified => {
            "Have the marker tell a GS1 code, or a serial number, and set gtin in [marker]."
        }
        NonEventReason::ScanRefused => {
            "The log says which rule; if it is wrong, correct what the site says of the lot or order."
        }
        NonEventReason::ScanCancelled => {
            "If it was to be booked, scan it again and confirm it; idle is how long the station waits."
        }
        NonEventReason::Invalid => {
            "Check biz_step and its like in the configuration, and report it with the log."
        }
        _ => "See the log.",
    }
}

fn seen(eyes: &Option<String>) -> String {
    let seen = eyes.as_deref();
    seen.map_or_else(String::new, |eyes| format!("; {eyes}"))
}

/// A story for people.
#[must_use]
pub fn render(story: &Story) -> String {
    let mut text = tame(&story.identity);
    if let Some(epc) = &story.epc {
        text = format!("{epc}  {text}");
    }
    text.push('\n');
    for seen in &story.sightings {
        text += &sighting(seen, &story.time_zone);
    }
    let passages = story.passages.iter().map(|it| {
        let line = format!(
            "{}: {} (event {}){}",
            if it.alert { "told" } else { "booked" },
            tame(it.summary.trim()),
            it.event_id,
            seen(&it.eyes)
        );
        (it.at, &it.read_point, line)
    });
    let loads = story.non_events.iter().map(|it| {
        let line = format!(
            "not booked, {}: {}: {}{}. {}",
            it.direction,
            it.reason,
            it.text,
            seen(&it.eyes),
            it.advice
        );
        (it.at, &it.read_point, line)
    });
    let mut all: Vec<_> = passages.chain(loads).collect();
    all.sort();
    for (at, read_point, line) in all {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  {} {read_point}: {line}",
            clock(at, &story.time_zone)
        );
    }
    if let Some(verdict) = verdict(story) {
        let _ = writeln!(text, "  {verdict}");
    }
    text
}

fn sighting(seen: &SeenAt, time_zone: &str) -> String {
    let place = match (&seen.read_point, &seen.side) {
        (Some(read_point), Some(side)) => format!("{read_point}, {side}"),
        (Some(read_point), None) => read_point.clone(),
        (None, _) => "in no read point".to_owned(),
    };
    let peak = seen
        .peak_rssi
        .map_or_else(String::new, |peak| format!(", strongest {peak} dBm"));
    let weak = match (seen.weak, seen.min_rssi) {
        (0, _) | (_, None) => String::new(),
        (weak, Some(least)) => format!(", {weak} of them weaker than min_rssi ({least} dBm)"),
    };
    let parked = if seen.resident {
        format!("; parked since {}", clock(seen.since, time_zone))
    } else {
        String::new()
    };
    format!(
        "  {} to {} antenna {}/{} ({place}): {} read{}{peak}{weak}{parked}\n",
        clock(seen.first, time_zone),
        clock(seen.last, time_zone),
        seen.device,
        seen.antenna,
        seen.reads,
        if seen.reads == 1 { "" } else { "s" },
    )
}

/// Why nothing came of the reads, where no load says it.
fn verdict(story: &Story) -> Option<String> {
    if let Some(why) = &story.ignored {
        return Some(format!("Its reads count for nothing: {}.", tame(why)));
    }
    if story.sightings.is_empty()
        || story.passages.iter().any(|it| !it.alert)
        || !story.non_events.is_empty()
    {
        return None;
    }
    let placed: Vec<&SeenAt> = story
        .sightings
        .iter()
        .filter(|seen| seen.read_point.is_some())
        .collect();
    if placed.is_empty() {
        return Some(
            "No load was made of it: its antennas belong to no read point; name them in `inside` or `outside` of one."
                .to_owned(),
        );
    }
    let placed: Vec<&SeenAt> = placed
        .into_iter()
        .filter(|seen| seen.side.is_some())
        .collect();
    let Some(first) = placed.first() else {
        return Some(
            "Nothing was told of it yet: it came a moment ago, or was read too seldom (min_reads; of an active tag some beacons)."
                .to_owned(),
        );
    };
    if placed.iter().all(|seen| seen.weak == seen.reads) {
        return Some(
            "No load was made of it: all its reads were weaker than min_rssi. If it was a load, raise the power or lower min_rssi."
                .to_owned(),
        );
    }
    let strong = || placed.iter().filter(|seen| seen.weak < seen.reads);
    if strong().any(|seen| seen.resident) {
        return Some(
            "No load was made of it: it stands there, and parked stock is not booked until it moves."
                .to_owned(),
        );
    }
    if strong().all(|seen| seen.side == first.side) {
        return Some(format!(
            "No load was made of it: it was read from one side only ({}). Did it stay there? If it passed, see why the antennas of the other side did not read it: power, aim, cables.",
            first.side.as_deref().unwrap_or("?")
        ));
    }
    Some(
        "No load was made of it yet: it was read from both sides and has not clearly changed from one to the other. Right after a passage, ask again in a few seconds."
            .to_owned(),
    )
}

/// Date and time of day in the site's zone.
#[must_use]
pub fn clock(at: Moment, zone: &str) -> String {
    Timestamp::from_microsecond(at.0).map_or_else(
        |_| "?".to_owned(),
        |at| {
            let local = at.to_zoned(time_zone(zone));
            local.strftime("%Y-%m-%d %H:%M:%S").to_string()
        },
    )
}
