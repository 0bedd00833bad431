//! Movements as EPCIS 2.0 events.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use tracegate_epcis::{
    Action, BizTransaction, Decimal, Event, EventData, EventTime, Quantity, SensorElement,
    SensorMetadata, SensorReport,
};
use tracegate_gs1::{Ai, Identity, TagIdentity};

use crate::config::{Direction, Step};
use crate::input::MovementEvent;
use crate::remarks::Remarks;
use crate::sensing::{Reading, SensorConfig, Surroundings};
use crate::time::{Span, Time};

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

impl Default for Wall {
    fn default() -> Self {
        Self {
            ahead: Span::default(),
            synchronised: true,
        }
    }
}

/// The site's zone, with a clock that is right; UTC for a name that the bundled database does not know (the config check
/// refuses those).
#[must_use]
pub fn zone(name: &str) -> Zone {
    let zone = TimeZoneDatabase::bundled().get(name);
    Zone {
        zone: zone.unwrap_or(TimeZone::UTC),
        wall: Wall::default(),
    }
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

/// The event of a load that passed a gate.
///
/// One SSCC among the tags is the parent of the others (AggregationEvent, OBSERVE: a gate sees an aggregation, it does not
/// make one); without one, or with several, all are objects of their own.
///
/// # Errors
/// The event would not be valid; the text names the field.
pub fn passage(
    context: Context<'_>,
    direction: Direction,
    tags: &[TagIdentity],
    sensor_elements: Vec<SensorElement>,
) -> Result<MovementEvent, String> {
    let mut parents: Vec<String> = tags
        .iter()
        .filter(|tag| is_sscc(tag))
        .map(TagIdentity::uri)
        .collect();
    let mut others: Vec<String> = tags
        .iter()
        .filter(|tag| !is_sscc(tag))
        .map(TagIdentity::uri)
        .collect();
    for list in [&mut parents, &mut others] {
        list.sort_unstable();
        list.dedup();
    }
    let (items, time) = (others.len(), event_time(context)?);
    let (what, mut event) = match parents.as_slice() {
        [parent] if !others.is_empty() => {
            let parent = parent.clone();
            let what = format!("{} + {items} items", short(&parent));
            (
                what,
                EventData::aggregation(time, Action::Observe, Some(parent), others, Vec::new()),
            )
        }
        _ => {
            let what = match parents.as_slice() {
                [parent] => short(parent).to_owned(),
                [] => format!("{items} items"),
                many => format!("{} pallets + {items} items", many.len()),
            };
            let epcs = parents.into_iter().chain(others).collect();
            (
                what,
                EventData::object(time, Action::Observe, epcs, Vec::new()),
            )
        }
    };
    event.sensor_elements = sensor_elements;
    finish(
        context,
        event,
        format!("{:<3} {} {what}", direction.as_str(), context.step.biz_step),
    )
}

/// The event of one scan.
///
/// # Errors
/// The label names no object (neither SSCC nor GTIN), or the event would not be valid; the text says which.
pub fn scan(context: Context<'_>, identity: &Identity) -> Result<MovementEvent, String> {
    let time = event_time(context)?;
    let (what, event) = if let Some(uri) = identity.instance_uri() {
        (
            short(&uri).to_owned(),
            EventData::object(time, Action::Observe, vec![uri], Vec::new()),
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
            EventData::object(time, Action::Observe, Vec::new(), vec![quantity]),
        )
    } else {
        return Err("the label names neither a GTIN (01) nor an SSCC (00)".to_owned());
    };
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
fn finish(
    context: Context<'_>,
    mut data: EventData,
    summary: String,
) -> Result<MovementEvent, String> {
    let step = context.step;
    data.biz_step = Some(step.biz_step.clone());
    data.disposition.clone_from(&step.disposition);
    data.read_point = Some(context.uri.to_owned());
    data.biz_location.clone_from(&step.biz_location);
    let transaction = step.biz_transaction.clone();
    data.biz_transactions = transaction
        .map(|(kind, id)| BizTransaction { kind, id })
        .into_iter()
        .collect();
    let wall = context.zone.wall;
    context.remarks.write(context.read_point, wall, &mut data);
    let event = Event::new(data).map_err(|error| error.to_string())?;
    Ok(MovementEvent {
        id: event.id(),
        read_point: context.read_point.to_owned(),
        at: context.at + wall.ahead,
        uncertainty: Default::default(),
        json: event.to_json(),
        summary,
    })
}

fn is_sscc(tag: &TagIdentity) -> bool {
    matches!(tag, TagIdentity::Epc(epc) if epc.key() == Some(Ai::SSCC))
}

/// The part of a Digital Link that people read.
fn short(uri: &str) -> &str {
    uri.strip_prefix("https://id.gs1.org/").unwrap_or(uri)
}
