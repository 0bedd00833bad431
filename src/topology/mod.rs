//! From the configuration to what runs: the pipeline's own configuration, and one task per device.

mod attached;
mod delivery;
pub mod downlink;
mod feed;
pub mod light;
mod reader;
mod receiver;
pub mod running;

use tokio::sync::{mpsc, oneshot, watch};
use tracegate_pipeline::config::{
    GateAntenna, GateConfig, GateEye, PipelineConfig, ReadPointConfig, ReadPointKind, Side,
    StationConfig, StationScanner, Step,
};
use tracegate_pipeline::filter::{Pattern, TagRules};
use tracegate_pipeline::input::DeviceIndex;
use tracegate_pipeline::zone::ZoneConfig;

use crate::config::{
    ActiveTag, AntennaRef, Business, Config, EventsPer, Level, Mode, OutputUse, ReadPoint,
    TagPattern,
};
use crate::core::Feedback;
use crate::source::llrp::listen::Seat;
use crate::source::{Context, hid, keyboard, llrp, marker, receiver as receiver_source, scanner};
use running::Work;

pub use delivery::{edge_node, forwarder, keep_sent, kinds, site_data, telemetry_bytes};

/// Answers that wait for a scanner, or movements for a reader's light, at most; an older one says nothing to the operator
/// any more.
const FEEDBACK_QUEUE: usize = 8;

/// The configuration has something that the check let through.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// More devices than can be told apart.
    #[error("{0} devices are configured; at most 65535 are possible")]
    TooManyDevices(usize),
}

/// One device to run.
#[derive(Debug, Clone)]
pub enum Device {
    /// An RFID reader.
    Llrp(Box<llrp::Settings>),
    /// A scanner.
    Scanner(Box<scanner::Settings>),
    /// A receiver of active tags, or a reader that publishes.
    Receiver(Box<receiver_source::Settings>),
    /// A laser marker.
    Marker(Box<marker::Settings>),
    /// A scanner in mode HID POS.
    Hid(hid::Settings),
    /// A scanner that types.
    Keyboard(keyboard::Settings),
}

/// Names of all devices in the order of their index, with what to run.
///
/// # Errors
/// Too many.
pub fn devices(config: &Config) -> Result<Vec<(String, Device)>, TopologyError> {
    let readers = config.llrp.iter().map(|(name, reader)| {
        (
            name.clone(),
            Device::Llrp(Box::new(reader::settings(config, name, reader))),
        )
    });
    let scanners = config
        .scanner
        .iter()
        .map(|(name, scanner)| (name.clone(), attached::device(scanner)));
    let receivers = config.receiver.iter().map(|(name, receiver)| {
        let settings = receiver::settings(config, name, receiver);
        (name.clone(), Device::Receiver(Box::new(settings)))
    });
    let markers = config.marker.iter().map(|(name, marker)| {
        let settings = feed::marker(config, marker);
        (name.clone(), Device::Marker(Box::new(settings)))
    });
    let devices: Vec<_> = readers
        .chain(scanners)
        .chain(receivers)
        .chain(markers)
        .collect();
    match DeviceIndex::try_from(devices.len()) {
        Ok(_) => Ok(devices),
        Err(_) => Err(TopologyError::TooManyDevices(devices.len())),
    }
}

/// A device's task, not begun yet.
struct Prepared {
    /// Where its feedback goes, if it takes any.
    feedback: Option<mpsc::Sender<Feedback>>,
    /// Where it is told how many of its inputs with reads are stored, if it wants to know.
    stored: Option<watch::Sender<u64>>,
    /// Where it is told where to go on reading, if it waits for that.
    recall: Option<oneshot::Sender<marker::Known>>,
    work: Work,
}

/// Prepares a device's task. `seat` is where a reader that dials in is found.
fn prepare(device: Device, context: Context, seat: Option<Seat>) -> Prepared {
    let (feedback, answers) = mpsc::channel(FEEDBACK_QUEUE);
    let (mut feedback, mut stored, mut recall) = (Some(feedback), None, None);
    let work: Work = match device {
        Device::Llrp(settings) => {
            let shows = |it: &OutputUse| matches!(it, OutputUse::Movement | OutputUse::Refuse);
            if !settings.outputs.values().any(shows) {
                feedback = None;
            }
            Box::pin(llrp::run(*settings, context, seat, answers))
        }
        Device::Scanner(settings) => Box::pin(scanner::run(*settings, context, answers)),
        Device::Receiver(settings) => {
            feedback = None;
            let (tell, told) = watch::channel(0);
            stored = Some(tell);
            Box::pin(receiver_source::run(*settings, context, told))
        }
        Device::Marker(mut settings) => {
            let (tell, known) = oneshot::channel();
            recall = Some(tell);
            Box::pin(async move {
                settings.known = known.await.unwrap_or_default();
                marker::run(*settings, context, answers).await;
            })
        }
        Device::Hid(settings) => Box::pin(hid::run(settings, context, answers)),
        Device::Keyboard(settings) => {
            feedback = None;
            Box::pin(keyboard::run(settings, context, answers))
        }
    };
    Prepared {
        feedback,
        stored,
        recall,
        work,
    }
}

/// The pipeline's configuration.
#[must_use]
pub fn pipeline(config: &Config, devices: &[(String, Device)]) -> PipelineConfig {
    pipeline_of(
        config,
        devices.iter().map(|(name, _)| name.clone()).collect(),
    )
}

/// The pipeline's configuration, with the devices in the order of their numbers.
fn pipeline_of(config: &Config, names: Vec<String>) -> PipelineConfig {
    let index = |name: &str| {
        names
            .iter()
            .position(|other| other == name)
            .and_then(|at| DeviceIndex::try_from(at).ok())
    };
    let read_points = config
        .read_point
        .iter()
        .map(|(name, read_point)| ReadPointConfig {
            name: name.clone(),
            uri: read_point.sgln.as_str().to_owned(),
            guard: read_point.guard.as_ref().map(|guard| {
                let step = |business: &Business| business.step(config, name);
                Box::new(guard.rules(read_point.mode, step))
            }),
            kind: match read_point.mode {
                Mode::Dock | Mode::Belt => {
                    let step = |business: &Business| business.step(config, name);
                    ReadPointKind::Gate(gate(read_point, &index, &step))
                }
                Mode::Presence => {
                    let step = |business: &Business| business.step(config, name);
                    let zone = zone(read_point, &index, &step);
                    let alarm = read_point.alarm.as_ref().map(step);
                    ReadPointKind::Zone(receiver::zone(config, read_point, &index, zone, alarm))
                }
                Mode::Station => {
                    let step = |business: &Business| business.step(config, name);
                    ReadPointKind::Station(station(config, read_point, &index, &step))
                }
            },
        });
    PipelineConfig {
        sensors: config
            .tag_sensor
            .iter()
            .map(|(name, sensor)| sensor.config(name))
            .collect(),
        time_zone: config.gateway.time_zone.as_str().to_owned(),
        read_points: read_points.collect(),
        tags: TagRules {
            ignore: patterns(&config.tags.ignore),
            person: patterns(&config.tags.person),
            reference: patterns(&config.tags.reference),
            carrier: patterns(&config.tags.carrier),
            iso: config.tags.iso,
            strict: config.tags.strict,
            load_unit: patterns(&config.tags.load_unit),
            cargo: patterns(&config.tags.cargo),
            active: config.active_tag.values().map(ActiveTag::rules).collect(),
        },
        devices: names,
    }
}

fn gate(
    read_point: &ReadPoint,
    index: &impl Fn(&str) -> Option<DeviceIndex>,
    step: &impl Fn(&Business) -> Step,
) -> GateConfig {
    let antennas = |side: Side, list: &[AntennaRef]| -> Vec<GateAntenna> {
        let antenna = |antenna: &AntennaRef| {
            Some(GateAntenna {
                device: index(&antenna.llrp)?,
                antenna: antenna.antenna,
                side,
            })
        };
        list.iter().filter_map(antenna).collect()
    };
    let active = read_point.photo_eyes.as_ref().map(|eyes| eyes.active);
    let blocked_high = active.unwrap_or_default() == Level::High;
    GateConfig {
        antennas: [
            antennas(Side::Inside, &read_point.inside),
            antennas(Side::Outside, &read_point.outside),
        ]
        .concat(),
        inward: read_point.r#in.as_ref().map(step),
        outward: read_point.out.as_ref().map(step),
        tuning: read_point.tuning(),
        loads: read_point.load_rules(),
        eyes: read_point
            .eyes()
            .filter_map(|(side, input)| {
                Some(GateEye {
                    device: index(&input.llrp)?,
                    port: input.port,
                    side,
                    blocked_high,
                })
            })
            .collect(),
        stay: (!read_point.dwell.is_empty()).then(|| Box::new(zone(read_point, index, step))),
    }
}

/// What comes, stays and leaves; of a gate, what stays.
fn zone(
    read_point: &ReadPoint,
    index: &impl Fn(&str) -> Option<DeviceIndex>,
    step: &impl Fn(&Business) -> Step,
) -> ZoneConfig {
    let antenna = |antenna: &AntennaRef| Some((index(&antenna.llrp)?, antenna.antenna));
    ZoneConfig {
        antennas: read_point.all_antennas().filter_map(antenna).collect(),
        arrive: read_point.arrive.as_ref().map(step),
        depart: read_point.depart.as_ref().map(step),
        stay: read_point.stay.as_ref().map(step),
        dwell: read_point.dwell.iter().map(|it| it.0.into()).collect(),
        together: read_point.events_per == EventsPer::Load,
        tuning: read_point.zone_tuning(),
        ..ZoneConfig::default()
    }
}

fn station(
    config: &Config,
    read_point: &ReadPoint,
    index: &impl Fn(&str) -> Option<DeviceIndex>,
    step: &impl Fn(&Business) -> Step,
) -> StationConfig {
    let scanner = |name: &String| {
        let settings = config.scanner.get(name)?;
        Some(StationScanner {
            device: index(name)?,
            duplicate_window: settings.duplicate_window().into(),
            assume_gs1: settings.assume_gs1,
            gs_substitutes: settings
                .gs_substitutes
                .iter()
                .map(|text| text.as_str().to_owned())
                .collect(),
            keep_unknown_ais: settings.keep_unknown_ais,
        })
    };
    StationConfig {
        scanners: read_point.scanners.iter().filter_map(scanner).collect(),
        step: read_point.scan.as_ref().map(step).unwrap_or_default(),
        task: read_point.task(config, step).map(Box::new),
        marks: feed::mark_station(config, read_point, index, step).map(Box::new),
    }
}

fn patterns(list: &[TagPattern]) -> Vec<Pattern> {
    list.iter()
        .map(|pattern| pattern.pattern().clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tracegate_pipeline::time::Span;

    use super::*;
    use crate::config;

    #[test]
    fn what_a_place_without_a_direction_is_told_reaches_the_pipeline() {
        let text = r#"[gateway]
site = "plant-3"
[llrp.dock_1]
host = "10.0.4.21"
[read_point.cage_1]
mode = "presence"
sgln = "urn:epc:id:sgln:4012345.00001.cage1"
antennas = ["dock_1/3", "dock_1/4"]
arrive = { biz_step = "storing" }
events_per = "tag"
lost_after = "5s"
lost_after_max = "1m"
[read_point.dock_1]
mode = "dock"
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
inside = ["dock_1/1"]
outside = ["dock_1/2"]
in = { biz_step = "receiving" }
stay = { biz_step = "storing" }
dwell = ["1 min", "1 h"]
infer_ratio = 0.75
[active_tag.badge]
tags = ["hex:e2c0*"]
beacon = "10s"
missed = 3
[mqtt]
url = "mqtt://10.0.4.2"
"#;
        let path = Path::new("gateway.toml");
        let loaded = config::from_bytes(path, text.as_bytes(), std::iter::empty())
            .unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human)));
        let devices = devices(&loaded.config).unwrap();
        let made = pipeline(&loaded.config, &devices);
        let ReadPointKind::Zone(zone) = &made.read_points[0].kind else {
            panic!("{made:?}")
        };
        assert_eq!(zone.antennas, [(0, 3), (0, 4)]);
        let tuning = &zone.tuning;
        assert_eq!(
            (tuning.lost_min, tuning.lost_max),
            (Span::millis(5_000), Span::millis(60_000))
        );
        assert!(!zone.together && zone.arrive.is_some() && zone.depart.is_none());
        let ReadPointKind::Gate(gate) = &made.read_points[1].kind else {
            panic!("{made:?}")
        };
        assert_eq!(gate.loads.infer_ratio, 0.75);
        let stay = gate.stay.as_ref().unwrap();
        assert_eq!(stay.antennas, [(0, 1), (0, 2)]);
        assert_eq!(stay.dwell, [Span::millis(60_000), Span::millis(3_600_000)]);
        assert!(stay.arrive.is_none() && stay.stay.is_some() && stay.together);
        let silence = made.tags.active[0].silence();
        assert_eq!(silence, Some(Span::millis(30_000)));
    }
}
