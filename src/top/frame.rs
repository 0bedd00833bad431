//! One frame.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{Busy, Sample};
use crate::health::{about, tame};
use crate::story::Moment;

/// The buffer is called high from here on, and full from here on, in percent.
const HIGH: (u64, u64) = (60, 90);
/// Conditions that are shown; the status has them all.
const CONDITIONS: usize = 5;
/// Columns of a name.
const NAME: usize = 16;
/// Narrower than this, devices have no kind.
const ROOMY: usize = 54;
/// Lines that a line is broken into at most; what is wrong takes no more than one on a screen that is lower than this, so
/// that there are figures, too.
const PARTS: usize = 4;
const HIGH_SCREEN: usize = 20;

/// How it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Lines at most.
    pub height: usize,
    /// With colours.
    pub colour: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tint {
    Plain,
    Head,
    Good,
    Warning,
    Bad,
}

/// Words of a line, each with its tint.
type Line = Vec<(Tint, String)>;

/// What the gateway says now, with rates since `before`; `trouble` is why it says no more.
#[must_use]
pub fn frame(before: Option<&Sample>, now: &Sample, trouble: Option<&str>, look: Look) -> String {
    // How fast it was when it fell silent says nothing.
    let before = before.filter(|_| trouble.is_none());
    let mut lines = head(now, trouble);
    let wrong = 1..lines.len();
    lines.push(Vec::new());
    lines.push(totals(before, now));
    lines.push(buffer(&now.status));
    lines.extend(brokers(&now.status));
    lines.push(Vec::new());
    devices(before, now, look.width, &mut lines);
    read_points(now, &mut lines);
    let width = look.width.max(1);
    let parts = |place: usize| match look.height {
        ..HIGH_SCREEN if wrong.contains(&place) => 1,
        _ => PARTS,
    };
    let lines = lines.iter().enumerate();
    let mut lines: Vec<Line> = lines
        .flat_map(|(place, line)| broken(line, width, parts(place)))
        .collect();
    let hidden = lines.len().saturating_sub(look.height);
    if hidden > 0 {
        lines.truncate(look.height.saturating_sub(1));
        lines.push(vec![(Tint::Plain, format!("({} more lines)", hidden + 1))]);
    }
    lines.iter().map(|line| draw(line, look)).collect()
}

fn head(now: &Sample, trouble: Option<&str>) -> Vec<Line> {
    let status = &now.status;
    let title = format!(
        "{}  tracegate {}  {}",
        text(status, "site"),
        text(status, "version"),
        Timestamp::from_millisecond(now.at_ms).map_or_else(
            |_| "?".to_owned(),
            |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
        )
    );
    let mut lines = vec![vec![(Tint::Head, title)]];
    if let Some(trouble) = trouble {
        lines.push(vec![(Tint::Bad, format!("NO ANSWER: {}", tame(trouble)))]);
        let last = "Below is what it said last, at the time above.".to_owned();
        lines.push(vec![(Tint::Warning, last)]);
        return lines;
    }
    let conditions = list(status, "conditions");
    let tint = match conditions.first().map(|it| text(it, "severity")) {
        None => Tint::Good,
        Some(severity) => severity_tint(&severity),
    };
    lines.push(vec![(tint, text(status, "summary"))]);
    for it in conditions.iter().take(CONDITIONS) {
        let severity = text(it, "severity");
        let tint = severity_tint(&severity);
        lines.push(vec![
            (tint, format!("  {severity} {}: ", text(it, "code"))),
            (Tint::Plain, text(it, "text")),
        ]);
    }
    if conditions.len() > CONDITIONS {
        let more = format!(
            "  and {} more: tracegate status",
            conditions.len() - CONDITIONS
        );
        lines.push(vec![(Tint::Plain, more)]);
    }
    lines
}

fn severity_tint(severity: &str) -> Tint {
    match severity {
        "error" => Tint::Bad,
        _ => Tint::Warning,
    }
}

fn totals(before: Option<&Sample>, now: &Sample) -> Line {
    let counted = |sample: &Sample, name: &str| {
        let counters = sample.status.get("counters");
        counters.map_or(0, |counters| number(counters, name))
    };
    let mut line = vec![(Tint::Head, name("rates"))];
    for (name, word) in [
        ("reads", "reads"),
        ("scans", "scans"),
        ("events", "events"),
        ("non_events", "not booked"),
        ("forwarded", "delivered"),
    ] {
        let rate = rate(before, now, |sample| counted(sample, name));
        line.push((Tint::Plain, cell(&format!("{word} {rate}"))));
    }
    line
}

fn buffer(status: &Value) -> Line {
    let buffer = status.get("buffer").cloned().unwrap_or_default();
    let percent = number(&buffer, "percent");
    let (tint, word) = match percent {
        it if it >= HIGH.1 => (Tint::Bad, " (nearly full)"),
        it if it >= HIGH.0 => (Tint::Warning, " (high)"),
        _ => (Tint::Plain, ""),
    };
    let counters = status.get("counters").cloned().unwrap_or_default();
    let waiting = number(&counters, "waiting");
    let mut line = vec![
        (Tint::Head, name("buffer")),
        (tint, cell(&format!("{percent} % used{word}"))),
        (Tint::Plain, cell(&format!("{waiting} waiting"))),
    ];
    if waiting > 0 {
        let oldest = about(number(&buffer, "oldest_s"));
        line.push((Tint::Plain, cell(&format!("the oldest for {oldest}"))));
    }
    match buffer.get("full_in_s").and_then(Value::as_u64) {
        Some(seconds) => line.push((
            Tint::Warning,
            cell(&format!("GROWING: full in about {}", about(seconds))),
        )),
        None => line.push((Tint::Plain, cell("it does not grow"))),
    }
    let letters = number(&counters, "dead_letters");
    if letters > 0 {
        line.push((Tint::Warning, cell(&format!("{letters} SET ASIDE"))));
    }
    line
}

fn brokers(status: &Value) -> Vec<Line> {
    let told = status.get("last_puback_s").and_then(Value::as_u64);
    let line = |broker: &Value| {
        let state = text(broker, "state");
        let mut line = vec![
            (Tint::Head, name("broker")),
            (Tint::Plain, format!("{}  ", text(broker, "address"))),
            (state_tint(&state), state.clone()),
        ];
        if let Some(reason) = broker.get("reason").and_then(Value::as_str) {
            line.push((Tint::Plain, format!(": {}", tame(reason))));
        }
        if let (Some(seconds), "up") = (told, state.as_str()) {
            let ago = about(seconds);
            line.push((Tint::Plain, format!(", last acknowledgement {ago} ago")));
        }
        line
    };
    list(status, "brokers").iter().map(line).collect()
}

fn state_tint(state: &str) -> Tint {
    match state {
        "up" => Tint::Good,
        "down" => Tint::Bad,
        _ => Tint::Warning,
    }
}

fn devices(before: Option<&Sample>, now: &Sample, width: usize, lines: &mut Vec<Line>) {
    if now.devices.is_empty() {
        return;
    }
    let kind = |kind: &str| match width {
        ROOMY.. => format!("{kind:<10}"),
        _ => String::new(),
    };
    let rate_columns = if width < ROOMY { 7 } else { 8 };
    let title = format!(
        "{}{}{:<9}{:>rate_columns$}{:>8}",
        name("DEVICE"),
        kind("KIND"),
        "STATE",
        "/s",
        "/min"
    );
    lines.push(vec![(Tint::Head, title)]);
    for (device, busy) in &now.devices {
        let state = text(&busy.report, "state");
        let all = rate(before, now, |sample| reads(sample, device));
        lines.push(vec![
            (
                Tint::Plain,
                name(device) + &kind(&text(&busy.report, "kind")),
            ),
            (state_tint(&state), format!("{state:<9}")),
            (
                Tint::Plain,
                format!("{all:>rate_columns$}{:>8}", busy.last_minute),
            ),
        ]);
        lines.extend(antennas(before, now, device, busy, width));
        let reason = busy.report.get("reason").and_then(Value::as_str);
        let problems = list(&busy.report, "problems");
        let problems = problems.iter().filter_map(Value::as_str);
        for problem in reason.into_iter().chain(problems) {
            lines.push(vec![(Tint::Warning, format!("  ! {}", tame(problem)))]);
        }
    }
    lines.push(Vec::new());
}

/// As many in a line as fit.
fn antennas(
    before: Option<&Sample>,
    now: &Sample,
    device: &str,
    busy: &Busy,
    width: usize,
) -> Vec<Line> {
    const COLUMN: usize = 16;
    let antennas = busy.report.get("antennas").and_then(Value::as_object);
    let mut numbers: Vec<(u16, &Value)> = antennas
        .into_iter()
        .flatten()
        .filter_map(|(number, antenna)| Some((number.parse().ok()?, antenna)))
        .collect();
    numbers.sort_by_key(|(number, _)| *number);
    let cells = numbers.iter().map(|(number, antenna)| {
        let rate = rate(before, now, |sample| antenna_reads(sample, device, *number));
        match antenna.get("problem") {
            Some(_) => (
                Tint::Warning,
                format!("{:<COLUMN$}", format!("{number}: {rate} WEAK")),
            ),
            None => (
                Tint::Plain,
                format!("{:<COLUMN$}", format!("{number}: {rate}")),
            ),
        }
    });
    let cells: Vec<_> = cells.collect();
    let fit = (width.saturating_sub(NAME) / COLUMN).max(1);
    let line = |cells: &[(Tint, String)]| {
        let mut line = vec![(Tint::Plain, name("  antennas /s"))];
        line.extend_from_slice(cells);
        line
    };
    cells.chunks(fit).map(line).collect()
}

fn read_points(now: &Sample, lines: &mut Vec<Line>) {
    let passages = &now.recent.passages;
    let loads = &now.recent.non_events;
    let names: BTreeSet<&str> = passages
        .iter()
        .map(|it| it.read_point.as_str())
        .chain(loads.iter().map(|it| it.read_point.as_str()))
        .collect();
    if names.is_empty() {
        return;
    }
    let title = format!("{}LAST", name("READ POINT"));
    lines.push(vec![(Tint::Head, title)]);
    for place in names {
        let ago = |at: Moment| {
            let ms = now.at_ms.saturating_sub(at.0 / 1_000);
            format!("{} ago", about(u64::try_from(ms / 1_000).unwrap_or(0)))
        };
        // The newest come first.
        if let Some(it) = passages.iter().find(|it| it.read_point == place) {
            let said = format!("{}: {}", ago(it.at), tame(it.summary.trim()));
            lines.push(vec![(Tint::Plain, name(place)), (Tint::Plain, said)]);
        }
        if let Some(it) = loads.iter().find(|it| it.read_point == place) {
            let said = format!("{}, {}: {}", ago(it.at), it.direction, tame(&it.text));
            lines.push(vec![
                (Tint::Plain, name(place)),
                (Tint::Warning, "not booked ".to_owned()),
                (Tint::Plain, said),
            ]);
        }
    }
}

fn reads(sample: &Sample, device: &str) -> u64 {
    let busy = sample.devices.get(device);
    busy.map_or(0, |it| number(&it.report, "reads"))
}

fn antenna_reads(sample: &Sample, device: &str, antenna: u16) -> u64 {
    let busy = sample.devices.get(device);
    let antennas = busy.and_then(|it| it.report.get("antennas"));
    let antenna = antennas.and_then(|it| it.get(antenna.to_string()));
    antenna.map_or(0, |it| number(it, "reads"))
}

/// So many a second; a dash while only one sample is known, or the gateway was started anew between the two.
fn rate(before: Option<&Sample>, now: &Sample, of: impl Fn(&Sample) -> u64) -> String {
    let rate = before.and_then(|before| {
        let ms = u64::try_from(now.at_ms.saturating_sub(before.at_ms)).ok();
        let count = of(now).checked_sub(of(before))?;
        Some(count as f64 * 1_000.0 / ms.filter(|ms| *ms > 0)? as f64)
    });
    rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1}"))
}

/// Words that stay in one line, and the room behind them.
fn cell(text: &str) -> String {
    text.replace(' ', "\u{a0}") + "   "
}

fn name(name: &str) -> String {
    let mut cut: String = tame(name).chars().take(NAME - 1).collect();
    cut.extend(std::iter::repeat_n(
        ' ',
        NAME.saturating_sub(cut.chars().count()),
    ));
    cut
}

fn text(value: &Value, key: &str) -> String {
    tame(value.get(key).and_then(Value::as_str).unwrap_or("?"))
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or(0)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    let list = value.get(key).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

/// A line as several, no wider than there is room, broken between words; what does not fit into so many is cut.
fn broken(line: &Line, width: usize, parts: usize) -> Vec<Line> {
    let mut rest: Vec<(Tint, char)> = line
        .iter()
        .flat_map(|(tint, text)| text.chars().map(|letter| (*tint, letter)))
        .collect();
    while rest.last().is_some_and(|(_, letter)| *letter == ' ') {
        rest.pop();
    }
    let indent = match line.first() {
        // Under the words, not under the name before them.
        Some((_, text)) if line.len() > 1 && text.chars().count() == NAME => NAME,
        _ => 4,
    };
    let indent = indent.min(width / 3);
    let mut lines = Vec::new();
    while rest.len() > width {
        if lines.len() + 1 == parts {
            rest.truncate(width.saturating_sub(1));
            rest.push((Tint::Plain, '…'));
            break;
        }
        let mut words = rest.iter().take(width + 1).enumerate().skip(indent + 1);
        let blank = words.rfind(|(_, (_, letter))| *letter == ' ');
        let more = rest.split_off(blank.map_or(width, |(at, _)| at));
        lines.push(joined(&rest));
        rest = std::iter::repeat_n((Tint::Plain, ' '), indent)
            .chain(more.into_iter().skip_while(|(_, letter)| *letter == ' '))
            .collect();
    }
    lines.push(joined(&rest));
    lines
}

/// Neighbours of one tint put together.
fn joined(letters: &[(Tint, char)]) -> Line {
    let same = letters.chunk_by(|(one, _), (other, _)| one == other);
    let part = |part: &[(Tint, char)]| {
        let tint = part.first().map_or(Tint::Plain, |(tint, _)| *tint);
        (tint, part.iter().map(|(_, letter)| letter).collect())
    };
    same.map(part).collect()
}

/// A line with its end.
fn draw(line: &Line, look: Look) -> String {
    let mut out = String::new();
    for (tint, text) in line {
        let text = text.replace('\u{a0}', " ");
        let colour = match tint {
            _ if !look.colour => None,
            Tint::Plain => None,
            Tint::Head => Some("1"),
            Tint::Good => Some("32"),
            Tint::Warning => Some("33"),
            Tint::Bad => Some("1;31"),
        };
        match colour {
            Some(colour) => out += &format!("\x1b[{colour}m{text}\x1b[0m"),
            None => out += &text,
        }
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}
