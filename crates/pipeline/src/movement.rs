//! Movements as EPCIS 2.0 events.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracegate_epcis::{
    Action, Decimal, Event, EventData, EventTime, Quantity, SensorElement, SensorMetadata,
    SensorReport,
};
use tracegate_feed::active::{Alarm, AlarmKind};
use tracegate_gs1::{Identity, TagIdentity};

use crate::association::{Aggregation, Completeness, Load, LoadRules, Member, Quantities};
use crate::compliance;
use crate::config::{Direction, Step};
use crate::eyes::Says;
use crate::input::MovementEvent;
use crate::mapping;
use crate::remarks::{PREFIX, Remarks, extend};
use crate::sensing::{Reading, SensorConfig, Surroundings};
use crate::time::{Span, Time};
use crate::zone::Change;

mod alert;
mod mark;
mod task;

pub use alert::alert;
pub(crate) use mark::{MarkFacts, mark};
pub(crate) use task::{Noted, Outcome, task, verdict};

/// How times are written: the site's zone, and what is known of the gateway's clock.
#[derive(Debug, Clone)]
pub struct Zone {
    zone: TimeZone,
    /// The gateway's clock.
    pub wall: Wall,
}

/// What is known of the gateway's wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    /// How far it is ahead of the gateway's time line, which never steps within a run.
    pub ahead: Span,
    /// False before a time server has set it: events are marked then.
    pub synchronised: bool,
}

impl Zone {
    /// Which day it is at the site; `None` for times out of all calendars.
    #[must_use]
    pub fn date(&self, at: Time) -> Option<Date> {
        let timestamp = Timestamp::from_microsecond((at + self.wall.ahead).0).ok()?;
        Some(self.zone.to_datetime(timestamp).date())
    }
}

impl Default for Wall {
    fn default() -> Self {
        Self {
            ahead: Span::default(),
            synchronised: true,
        }
    }
}

/// The site's zone, with a clock that is right.
#[must_use]
pub fn zone(name: &str) -> Zone {
    Zone {
        zone: time_zone(name),
        wall: Wall::default(),
    }
}

/// A zone by its name; UTC for one that the bundled database does not know (the config check refuses those).
#[must_use]
pub fn time_zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled()
        .get(name)
        .unwrap_or(TimeZone::UTC)
}

/// What a movement event is made of, besides the objects.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Name of the read point.
    pub read_point: &'a str,
    /// Its URI.
    pub uri: &'a str,
    /// Its business meaning.
    pub step: &'a Step,
    /// The site's zone.
    pub zone: &'a Zone,
    /// When it happened.
    pub at: Time,
    /// What it says of itself.
    pub remarks: Remarks<'a>,
}

impl<'a> Context<'a> {
    /// The same, for what this code says.
    fn of_code(self, code: &'a Identity) -> Self {
        let mut context = self;
        context.remarks.origin.code = Some(code);
        context
    }
}

/// The event of a load that passed a gate.
///
/// One parent with children is an AggregationEvent where the rules say so (OBSERVE, unless the step says otherwise: a gate sees an
/// aggregation, it does not make one); else all are objects of their own.
///
/// # Errors
/// The event would not be valid; the text names the field.
pub fn passage(
    context: Context<'_>,
    direction: Direction,
    load: &Load,
    rules: &LoadRules,
    sensor_elements: Vec<SensorElement>,
) -> Result<MovementEvent, String> {
    let (items, time) = (load.children.len(), event_time(context)?);
    let action = Action::from(context.step.action);
    let counts = counts(&load.children);
    let is_counted =
        |child: &&Member| rules.quantities == Quantities::QuantityList && child.class().is_some();
    let named = load.children.iter().filter(|child| !is_counted(child));
    let mut others: Vec<String> = named.map(|child| child.uri.clone()).collect();
    others.sort_unstable();
    let quantities: Vec<Quantity> = match rules.quantities {
        Quantities::Extension => Vec::new(),
        Quantities::QuantityList => counts.iter().map(quantity).collect(),
    };
    let state = load.contents.as_ref().map(|contents| contents.state);
    let aggregates = match rules.aggregation {
        Aggregation::Always => true,
        Aggregation::Complete => {
            matches!(state, Some(Completeness::Inferred | Completeness::Verified))
        }
        Aggregation::Never => false,
    };
    let mut what = match load.parents.as_slice() {
        [] => format!("{items} items"),
        [parent] if load.children.is_empty() => short(parent).to_owned(),
        [parent] => format!("{} + {items} items", short(parent)),
        many => format!("{} pallets + {items} items", many.len()),
    };
    let mut event = match load.parents.as_slice() {
        [parent] if aggregates && !load.children.is_empty() => {
            EventData::aggregation(time, action, Some(parent.clone()), others, quantities)
        }
        parents => {
            let epcs = parents.iter().cloned().chain(others).collect();
            EventData::object(time, action, epcs, quantities)
        }
    };
    event.sensor_elements = sensor_elements;
    if rules.quantities == Quantities::Extension && !counts.is_empty() {
        extend(&mut event, "quantities", counted(&counts));
    }
    if load.ambiguous {
        extend(&mut event, "ambiguous", true);
    }
    if let Some(contents) = &load.contents {
        let instances = [
            ("missing", &contents.missing),
            ("unexpected", &contents.unexpected),
        ];
        for (name, list) in instances.into_iter().filter(|(_, list)| !list.is_empty()) {
            extend(&mut event, name, list.clone());
        }
        let classes = [
            ("missingQuantities", &contents.short),
            ("unexpectedQuantities", &contents.over),
        ];
        for (name, list) in classes.into_iter().filter(|(_, list)| !list.is_empty()) {
            extend(&mut event, name, counted(list));
        }
    }
    let disposition = state.and_then(Completeness::disposition);
    if let Some(word) = disposition {
        what.push_str(", ");
        what.push_str(word);
    }
    let summary = format!("{:<3} {} {what}", direction.as_str(), context.step.biz_step);
    finish_as(context, event, summary, disposition)
}

/// The event of things that came to a zone, left it, or have stood there for a time.
///
/// # Errors
/// The event would not be valid; the text names the field.
pub fn presence(
    context: Context<'_>,
    change: &Change,
    members: &[Member],
) -> Result<MovementEvent, String> {
    let mut epcs: Vec<String> = members.iter().map(|member| member.uri.clone()).collect();
    epcs.sort_unstable();
    epcs.dedup();
    let what = match epcs.as_slice() {
        [only] => short(only).to_owned(),
        many => format!("{} items", many.len()),
    };
    let action = context.step.action.into();
    let mut event = EventData::object(event_time(context)?, action, epcs, Vec::new());
    let counts = counts(members);
    if !counts.is_empty() {
        extend(&mut event, "quantities", counted(&counts));
    }
    extend(&mut event, "presence", change.as_str());
    if let Change::Dwell(time) = change {
        extend(&mut event, "dwellSeconds", time.0 / 1_000_000);
    }
    let summary = format!("{} {} {what}", change.as_str(), context.step.biz_step);
    finish(context, event, summary)
}

/// The event of an active tag's alarm: an observation of its thing with the value that is out of its limit (EPCIS 2.0
/// §7.3.7.3, `exception`).
///
/// # Errors
/// The event would not be valid; the text names the field.
pub fn alarm(
    context: Context<'_>,
    tag: &TagIdentity,
    alarm: &Alarm,
) -> Result<MovementEvent, String> {
    let (time, uri, what) = (event_time(context)?, tag.uri(), alarm.kind.as_str());
    let (kind, uom) = match alarm.kind {
        AlarmKind::TemperatureHigh | AlarmKind::TemperatureLow => ("Temperature", Some("CEL")),
        AlarmKind::HumidityHigh | AlarmKind::HumidityLow => ("RelativeHumidity", Some("P1")),
        AlarmKind::LowBattery if alarm.in_mv => ("Voltage", Some("2Z")),
        AlarmKind::LowBattery if alarm.value.is_some() => ("Dimensionless", Some("P1")),
        AlarmKind::LowBattery | AlarmKind::Tamper => ("Dimensionless", None),
    };
    let report = SensorReport {
        exception: Some("ALARM_CONDITION".to_owned()),
        value: alarm.value.and_then(|value| value.text().parse().ok()),
        boolean_value: alarm.value.is_none().then_some(true),
        string_value: Some(what.to_owned()),
        uom: uom.map(str::to_owned),
        ..SensorReport::of(kind)
    };
    let metadata = SensorMetadata {
        time: Some(time),
        device_id: Some(uri.clone()),
        ..SensorMetadata::default()
    };
    let summary = format!("alarm {what} {}", short(&uri));
    let mut event = EventData::object(time, Action::Observe, vec![uri], Vec::new());
    event.sensor_elements = vec![SensorElement {
        metadata,
        reports: vec![report],
        ..SensorElement::default()
    }];
    extend(&mut event, "alarm", what);
    if let Some(limit) = alarm.limit {
        extend(&mut event, "alarmLimit", limit.text());
    }
    finish(context, event, summary)
}

/// Goods by class, with their lot where it is known.
fn counts(members: &[Member]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for class in members.iter().filter_map(Member::class) {
        *counts.entry(class).or_default() += 1;
    }
    counts
}

fn quantity((class, count): (&String, &u64)) -> Quantity {
    Quantity {
        epc_class: class.clone(),
        quantity: count.to_string().parse().ok(),
        uom: None,
    }
}

/// Amounts of classes as an extension field: what EPCIS calls a quantity element, in our own namespace.
fn counted(counts: &BTreeMap<String, u64>) -> Value {
    let entry = |(class, count): (&String, &u64)| {
        Value::Object(Map::from_iter([
            (format!("{PREFIX}:epcClass"), Value::from(class.clone())),
            (format!("{PREFIX}:quantity"), Value::from(*count)),
        ]))
    };
    counts.iter().map(entry).collect()
}

/// The event of one scan.
///
/// # Errors
/// The label names no object (neither SSCC nor GTIN), or the event would not be valid; the text says which.
pub fn scan(context: Context<'_>, identity: &Identity) -> Result<MovementEvent, String> {
    let (time, context) = (event_time(context)?, context.of_code(identity));
    let action = Action::from(context.step.action);
    let (what, mut event) = if let Some(uri) = identity.instance_uri() {
        (
            short(&uri).to_owned(),
            EventData::object(time, action, vec![uri], Vec::new()),
        )
    } else if let Some(class) = identity.class_uri() {
        let quantity = identity.quantity();
        let what = match &quantity {
            Some(count) => format!("{} × {count}", short(&class)),
            None => short(&class).to_owned(),
        };
        let quantity = quantity
            .map(|count| count.to_string().parse::<Decimal>())
            .transpose()
            .map_err(|error| error.to_string())?;
        let quantity = Quantity {
            epc_class: class,
            quantity,
            uom: None,
        };
        (
            what,
            EventData::object(time, action, Vec::new(), vec![quantity]),
        )
    } else {
        return Err("the label names neither a GTIN (01) nor an SSCC (00)".to_owned());
    };
    mapping::describe(identity, &mut event);
    finish(context, event, format!("{} {what}", context.step.biz_step))
}

/// What one tag of a load measured, as part of the load's event; `None` if there is nothing to tell.
#[must_use]
pub fn sensor_element(
    context: Context<'_>,
    tag: &TagIdentity,
    surroundings: &Surroundings,
    sensors: &[SensorConfig],
) -> Option<SensorElement> {
    let known = |reading: &Reading| Some((*reading, sensors.get(usize::from(reading.sensor))?));
    let mut reports: Vec<SensorReport> = surroundings
        .readings
        .iter()
        .filter_map(known)
        .map(|(reading, sensor)| report(reading, sensor))
        .collect();
    if surroundings.alarm {
        reports.push(SensorReport {
            exception: Some("ALARM_CONDITION".to_owned()),
            string_value: Some("XPC_W1 sensor alarm".to_owned()),
            ..SensorReport::of("Dimensionless")
        });
    }
    let (first, last) = surroundings.span;
    let metadata = SensorMetadata {
        start_time: at(context.zone, first).ok(),
        end_time: at(context.zone, last).ok(),
        device_id: Some(tag.uri()),
        ..SensorMetadata::default()
    };
    (!reports.is_empty()).then(|| SensorElement {
        metadata,
        reports,
        ..SensorElement::default()
    })
}

fn report(reading: Reading, sensor: &SensorConfig) -> SensorReport {
    let value = |raw| sensor.value(raw).parse().ok();
    let several = |raw| (reading.count > 1).then(|| value(raw)).flatten();
    SensorReport {
        value: value(reading.last),
        min_value: several(reading.range.0),
        max_value: several(reading.range.1),
        uom: sensor.unit.clone(),
        ..SensorReport::of(sensor.measurement.as_str())
    }
}

fn event_time(context: Context<'_>) -> Result<EventTime, String> {
    at(context.zone, context.at)
}

fn at(zone: &Zone, time: Time) -> Result<EventTime, String> {
    let time = time + zone.wall.ahead;
    let timestamp = Timestamp::from_microsecond(time.0).map_err(|error| error.to_string())?;
    let seconds = zone.zone.to_offset(timestamp).seconds();
    EventTime::new(time.0, i16::try_from(seconds / 60).unwrap_or(0))
        .map_err(|error| error.to_string())
}

/// Adds where and why, and closes the event.
fn finish(context: Context<'_>, data: EventData, summary: String) -> Result<MovementEvent, String> {
    finish_as(context, data, summary, None)
}

/// As [`finish`], with a disposition that was found out, if there is one, instead of the configured one.
fn finish_as(
    context: Context<'_>,
    mut data: EventData,
    summary: String,
    disposition: Option<&str>,
) -> Result<MovementEvent, String> {
    let step = context.step;
    step.write(context.remarks.origin, &mut data);
    if let Some(found) = disposition {
        data.disposition = Some(found.to_owned());
    }
    data.read_point = Some(context.uri.to_owned());
    let missing = compliance::missing(step, &data);
    let incomplete = !missing.is_empty();
    if incomplete {
        extend(&mut data, "missingElements", missing);
    }
    let wall = context.zone.wall;
    context.remarks.write(context.read_point, wall, &mut data);
    let event = Event::new(data).map_err(|error| error.to_string())?;
    let summary = match context.remarks.verdict {
        Some(verdict) => format!("{summary}; {}", verdict.text()),
        None => summary,
    };
    Ok(MovementEvent {
        id: event.id(),
        read_point: context.read_point.to_owned(),
        at: context.at + wall.ahead,
        uncertainty: Default::default(),
        json: event.to_json(),
        summary,
        eyes: Says::Nothing,
        incomplete,
    })
}

/// The part of a Digital Link that people read.
fn short(uri: &str) -> &str {
    uri.strip_prefix("https://id.gs1.org/").unwrap_or(uri)
}
