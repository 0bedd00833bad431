//! From the configuration to what runs: the pipeline's own configuration, and one task per device.

pub mod downlink;
mod reader;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::config::{
    GateAntenna, GateConfig, PipelineConfig, ReadPointConfig, ReadPointKind, Side, StationConfig,
    StationScanner, Step,
};
use tracegate_pipeline::filter::{Pattern, TagRules};
use tracegate_pipeline::input::DeviceIndex;

use crate::buffer::Keep;
use crate::config::{
    AntennaRef, Business, Config, Mode, Mqtt, OnNoSubscriber, OutputUse, Parity, ReadPoint,
    Scanner, TagPattern,
};
use crate::core::Feedback;
use crate::forward::mqtt;
use crate::health::Health;
use crate::source::llrp::link::Link;
use crate::source::llrp::listen::{Door, Route, Seat};
use crate::source::{Context, llrp, scanner};
use crate::tls;

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
    Scanner(scanner::Settings),
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
        .map(|(name, scanner)| (name.clone(), Device::Scanner(scanner_settings(scanner))));
    let devices: Vec<_> = readers.chain(scanners).collect();
    match DeviceIndex::try_from(devices.len()) {
        Ok(_) => Ok(devices),
        Err(_) => Err(TopologyError::TooManyDevices(devices.len())),
    }
}

/// Starts a device's task; returns where its feedback goes, if it takes any.
pub fn start(
    device: Device,
    context: Context,
    doors: &mut Doors,
    tasks: &mut JoinSet<()>,
) -> Option<mpsc::Sender<Feedback>> {
    match device {
        Device::Llrp(settings) => {
            let seat = doors.seat(&settings.link, &context.name);
            let shows = settings
                .outputs
                .values()
                .any(|it| *it == OutputUse::Movement);
            let (feedback, movements) = mpsc::channel(FEEDBACK_QUEUE);
            tasks.spawn(llrp::run(*settings, context, seat, movements));
            shows.then_some(feedback)
        }
        Device::Scanner(settings) => {
            let (feedback, answers) = mpsc::channel(FEEDBACK_QUEUE);
            tasks.spawn(scanner::run(settings, context, answers));
            Some(feedback)
        }
    }
}

/// Listening ports that readers dial in to, each with the readers that share it.
#[derive(Debug, Default)]
pub struct Doors(BTreeMap<SocketAddr, Vec<Route>>);

impl Doors {
    /// A reader's place behind its listening port, if it dials in.
    fn seat(&mut self, link: &Link, name: &str) -> Option<Seat> {
        let Link::Listen { at, from } = link else {
            return None;
        };
        let (from, seat, name) = (*from, Seat::default(), name.to_owned());
        self.0.entry(*at).or_default().push(Route {
            name,
            from,
            seat: seat.clone(),
        });
        Some(seat)
    }

    /// Opens the ports, a task for each.
    pub fn open(self, health: &Health, stop: &CancellationToken, tasks: &mut JoinSet<()>) {
        for (at, routes) in self.0 {
            let door = Door {
                at,
                routes,
                health: health.clone(),
                beat: health.beat(&format!("port {at}")),
                stop: stop.clone(),
            };
            tasks.spawn(door.run());
        }
    }
}

/// The pipeline's configuration.
#[must_use]
pub fn pipeline(config: &Config, devices: &[(String, Device)]) -> PipelineConfig {
    let names: Vec<String> = devices.iter().map(|(name, _)| name.clone()).collect();
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
            kind: match read_point.mode {
                Mode::Dock | Mode::Belt => ReadPointKind::Gate(gate(read_point, &index)),
                Mode::Station => ReadPointKind::Station(station(config, read_point, &index)),
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
            load_unit: patterns(&config.tags.load_unit),
            cargo: patterns(&config.tags.cargo),
        },
        devices: names,
    }
}

/// How long acknowledged events stay.
#[must_use]
pub fn keep_sent(config: &Config) -> Keep {
    Keep {
        age: config.buffer.keep_sent,
        bytes: config.buffer.keep_sent_size.bytes(),
    }
}

/// The forwarder's settings.
#[must_use]
pub fn forwarder(config: &Config) -> mqtt::Settings {
    let (site, mqtt) = (config.gateway.site.as_str(), &config.mqtt);
    let Mqtt {
        url,
        client_id,
        topic,
        status_topic,
        ..
    } = mqtt;
    let password = mqtt
        .password_file
        .as_ref()
        .map(|file| file.path().to_owned());
    mqtt::Settings {
        host: url.host.as_str().to_owned(),
        port: url.port,
        client_id: client_id.0.render(site, ""),
        credentials: mqtt
            .username
            .as_ref()
            .map(|user| (user.as_str().to_owned(), password)),
        tls: url.tls.then(|| tls::Setup {
            section: "[mqtt]".to_owned(),
            peer: "broker",
            trust: reader::trust(mqtt.ca_file.as_ref()),
            identity: None,
        }),
        topic: topic.0.clone(),
        status_topic: status_topic.0.render(site, ""),
        site: site.to_owned(),
        keep_alive: mqtt.keep_alive,
        window: mqtt.window,
        attempts: mqtt.attempts,
        accept_without_subscriber: mqtt.on_no_subscriber == OnNoSubscriber::Accept,
        downlink: downlink::settings(config),
        timing: mqtt::Timing::default(),
    }
}

fn scanner_settings(scanner: &Scanner) -> scanner::Settings {
    let transport = match (&scanner.tcp, scanner.serial_path()) {
        (Some(address), _) => scanner::Transport::Tcp(address.to_string()),
        (None, path) => scanner::Transport::Serial {
            path: path.unwrap_or_default(),
            baud: scanner.baud,
            data_bits: if scanner.data_bits == 7 {
                tokio_serial::DataBits::Seven
            } else {
                tokio_serial::DataBits::Eight
            },
            parity: match scanner.parity {
                Parity::None => tokio_serial::Parity::None,
                Parity::Odd => tokio_serial::Parity::Odd,
                Parity::Even => tokio_serial::Parity::Even,
            },
            stop_bits: if scanner.stop_bits == 2 {
                tokio_serial::StopBits::Two
            } else {
                tokio_serial::StopBits::One
            },
        },
    };
    let bytes = |bytes: &Option<crate::config::Bytes>| {
        bytes
            .as_ref()
            .map(|bytes| bytes.0.clone())
            .unwrap_or_default()
    };
    scanner::Settings {
        transport,
        on_accept: bytes(&scanner.on_accept),
        on_refuse: bytes(&scanner.on_refuse),
        on_identify: bytes(&scanner.on_identify),
    }
}

fn gate(read_point: &ReadPoint, index: &impl Fn(&str) -> Option<DeviceIndex>) -> GateConfig {
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
    GateConfig {
        antennas: [
            antennas(Side::Inside, &read_point.inside),
            antennas(Side::Outside, &read_point.outside),
        ]
        .concat(),
        inward: read_point.r#in.as_ref().map(step),
        outward: read_point.out.as_ref().map(step),
        tuning: read_point.tuning(),
    }
}

fn station(
    config: &Config,
    read_point: &ReadPoint,
    index: &impl Fn(&str) -> Option<DeviceIndex>,
) -> StationConfig {
    let scanner = |name: &String| {
        let settings = config.scanner.get(name)?;
        Some(StationScanner {
            device: index(name)?,
            duplicate_window: settings.duplicate_window.into(),
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
    }
}

fn step(business: &Business) -> Step {
    let kind = business
        .biz_transaction_type
        .as_ref()
        .map(|kind| kind.as_str().to_owned())
        .unwrap_or_default();
    Step {
        biz_step: business.biz_step.as_str().to_owned(),
        disposition: business
            .disposition
            .as_ref()
            .map(|word| word.as_str().to_owned()),
        biz_location: business
            .biz_location
            .as_ref()
            .map(|uri| uri.as_str().to_owned()),
        biz_transaction: business
            .biz_transaction
            .as_ref()
            .map(|uri| (kind, uri.as_str().to_owned())),
    }
}

fn patterns(list: &[TagPattern]) -> Vec<Pattern> {
    list.iter()
        .map(|pattern| pattern.pattern().clone())
        .collect()
}
