//! Lines for people, and why a read does not count.

use tracegate_pipeline::config::ReadPointConfig;
use tracegate_pipeline::fate::Fate;
use tracegate_pipeline::filter::Unfit;
use tracegate_pipeline::input::EpcKey;

use super::line::{Line, Sighting};
use super::view::{View, min_rssi, tuning};
use crate::health::tame;
use crate::story;

/// A decision about a read, in a word.
pub(super) const fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Taken => "taken",
        Fate::Parked => "parked",
        Fate::Carrier => "carrier",
        Fate::Weak => "weak",
        Fate::Ignored => "ignored",
        Fate::Unfit(Unfit::CutOff) => "cut_off",
        Fate::Unfit(Unfit::Iso) => "iso",
        Fate::Unfit(Unfit::Blank) => "blank",
        Fate::Unfit(Unfit::Unknown) => "unknown",
        Fate::Unassigned => "unassigned",
        Fate::Late => "late",
        Fate::Elsewhere => "elsewhere",
    }
}

/// Why reads do not simply count.
pub(super) fn why(
    fate: Fate,
    view: &View,
    read_point: Option<&ReadPointConfig>,
    (key, pc): (&EpcKey, Option<u16>),
    port: (&str, u16),
) -> Option<String> {
    Some(match fate {
        Fate::Taken => return None,
        Fate::Parked => {
            "it has been here for a while: parked stock, which is not booked before it moves".into()
        }
        Fate::Carrier => {
            "it is a carrier ([tags] carrier): evidence of a load, never part of it".into()
        }
        Fate::Weak => match read_point.and_then(min_rssi) {
            Some(least) => format!("weaker than min_rssi ({least} dBm)"),
            None => "weaker than min_rssi".into(),
        },
        Fate::Ignored => story::ignored(&view.config.tags, key, pc),
        Fate::Unfit(Unfit::CutOff) => {
            "the read is not whole: the tag announces more bits than came".into()
        }
        Fate::Unfit(Unfit::Iso) => {
            "an ISO tag, which [tags] iso does not allow, and no pattern names it".into()
        }
        Fate::Unfit(Unfit::Blank) => "its memory is empty: nobody has written the tag".into(),
        Fate::Unfit(Unfit::Unknown) => {
            "no EPC of a known scheme, and with [tags] strict only those count, and what a pattern names".into()
        }
        Fate::Unassigned => format!(
            "antenna {}/{} belongs to no read point; name it in one",
            port.0, port.1
        ),
        Fate::Late => "it came after its time was decided; it may still amend a load".into(),
        Fate::Elsewhere => "another receiver hears its tag better: it is there".into(),
    })
}

/// Why a tag was taken for a ghost.
pub(super) fn ghost(read_point: &ReadPointConfig) -> String {
    match tuning(read_point) {
        Some(tuning) => format!(
            "read fewer than min_reads ({}) times within appear_within ({} ms): a stray read, or a tag that barely answers",
            tuning.min_reads,
            tuning.appear_within.0 / 1_000
        ),
        None => "read too few times to count".to_owned(),
    }
}

/// A line for people, with its end; times in this zone.
#[must_use]
pub fn render(line: &Line, zone: &str) -> String {
    let (at, text) = match line {
        Line::Read(it) => (it.at, sighting(it)),
        Line::Ghost {
            at,
            read_point,
            tag,
            why,
            ..
        } => (*at, format!("{read_point}  {tag}  ghost: {why}")),
        Line::Scan {
            at,
            device,
            code,
            verdict,
            text,
            ..
        } => {
            let text = text
                .as_ref()
                .map_or_else(String::new, |it| format!(": {it}"));
            (*at, format!("{device}  scan {code:?}  {verdict}{text}"))
        }
        Line::Event(it) => {
            let (verb, summary) = (if it.alert { "told" } else { "booked" }, it.summary.trim());
            let eyes = eyes(it.eyes.as_deref());
            let text = format!(
                "{}  {verb}: {summary} (event {}){eyes}",
                it.read_point, it.event_id
            );
            (it.at, text)
        }
        Line::NotBooked(it) => {
            let eyes = eyes(it.eyes.as_deref());
            let text = format!(
                "{}  not booked, {}: {}: {}{eyes}. {}",
                it.read_point, it.direction, it.reason, it.text, it.advice
            );
            (it.at, text)
        }
        Line::Alert {
            at,
            read_point,
            thing,
            text,
        } => (*at, format!("{read_point}  ALERT {thing}: {text}")),
        Line::Device { at, device, up } => {
            let state = if *up { "connected" } else { "lost" };
            (*at, format!("{device}  {state}"))
        }
        Line::Input {
            at,
            device,
            port,
            high,
        } => {
            let level = if *high { "high" } else { "low" };
            (*at, format!("{device}  input {port} is {level}"))
        }
        Line::Gap { lost } => {
            return format!(
                "-- here up to {lost} reads and decisions are missing: this command was too slow\n"
            );
        }
    };
    format!("{}  {}\n", story::clock(at, zone), tame(&text))
}

fn eyes(eyes: Option<&str>) -> String {
    eyes.map_or_else(String::new, |eyes| format!("; {eyes}"))
}

fn sighting(it: &Sighting) -> String {
    let place = match (&it.read_point, &it.side) {
        (Some(read_point), Some(side)) => format!("{read_point} {side}"),
        (Some(read_point), None) => read_point.clone(),
        (None, _) => "no read point".to_owned(),
    };
    let rssi = it
        .rssi
        .map_or_else(String::new, |rssi| format!("  {rssi} dBm"));
    let fate = match (&it.fate, &it.why) {
        (Some(fate), Some(why)) => format!("  {fate}: {why}"),
        (Some(fate), None) => format!("  {fate}"),
        (None, _) => String::new(),
    };
    let times = if it.reads == 1 { "read" } else { "reads" };
    format!(
        "{}/{}  {place}  {}  {} {times}{rssi}{fate}",
        it.device, it.antenna, it.tag, it.reads
    )
}
