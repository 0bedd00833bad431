//! From a receiver's section to what its task works with, and what active tags are at a read point.

use std::collections::BTreeSet;

use tokio_serial::{DataBits, FlowControl, Parity as SerialParity, StopBits};
use tracegate_feed::active::Layout;
use tracegate_feed::frame::{DEFAULT_MAX_LEN, Framing, Kind};
use tracegate_pipeline::config::Step;
use tracegate_pipeline::input::DeviceIndex;
use tracegate_pipeline::zone::ZoneConfig;

use crate::config::{Config, Parity, ReadPoint, Receiver, ReceiverProfile};
use crate::forward::client::{Endpoint, Version};
use crate::source::receiver::decode::{Decoder, What};
use crate::source::receiver::mqtt::Subscription;
use crate::source::receiver::{Settings, Way};
use crate::source::transport::{Line, Transport};
use crate::tls;

/// What the task of the receiver `name` works with.
pub(super) fn settings(config: &Config, name: &str, receiver: &Receiver) -> Settings {
    Settings {
        way: way(config, name, receiver),
        framing: framing(receiver),
        decoder: decoder(receiver),
    }
}

fn decoder(receiver: &Receiver) -> Decoder {
    let what = match (receiver.profile, receiver.form()) {
        (ReceiverProfile::ImpinjR700Mqtt, _) => What::ImpinjR700,
        (ReceiverProfile::ZebraIotc, _) | (_, None) => What::ZebraIotc,
        // The check has tried it.
        (_, Some(form)) => match Layout::new(form, &receiver.ignored()) {
            Ok(layout) => What::Beacons(Box::new(layout)),
            Err(_) => What::ZebraIotc,
        },
    };
    let ports = receiver
        .receivers
        .iter()
        .map(|name| name.as_str().to_owned());
    Decoder::new(what, receiver.names(), ports.collect())
}

/// Lines, unless something else is said.
fn framing(receiver: &Receiver) -> Framing {
    let mut framing = Framing {
        max_len: MAX_LINE,
        ..Framing::lines()
    };
    if let Kind::Delimited { starts, ends } = &mut framing.kind {
        if let Some(start) = &receiver.start {
            *starts = vec![start.0.clone()];
        }
        if let Some(end) = &receiver.end {
            *ends = vec![end.0.clone()];
        }
    }
    framing
}

/// Longest line of a receiver: a list of beacons is longer than any scan.
const MAX_LINE: usize = 8 * DEFAULT_MAX_LEN;

fn way(config: &Config, name: &str, receiver: &Receiver) -> Way {
    if let Some(topics) = &receiver.mqtt {
        return Way::Mqtt(Box::new(subscription(
            config,
            name,
            receiver,
            topics.as_str(),
        )));
    }
    Way::Direct(match (&receiver.tcp, receiver.listen, receiver.udp) {
        (Some(address), ..) => Transport::Tcp(address.to_string()),
        (_, Some(at), _) => Transport::Listen(at),
        (_, _, Some(at)) => Transport::Udp(at),
        _ => {
            let serial = receiver.serial.as_ref();
            let path =
                serial.map(|name| std::path::Path::new("/dev/serial/by-id").join(name.path()));
            Transport::Serial(Line {
                path: path.unwrap_or_default(),
                baud: receiver.baud,
                data_bits: match receiver.data_bits {
                    7 => DataBits::Seven,
                    _ => DataBits::Eight,
                },
                parity: match receiver.parity {
                    Parity::None => SerialParity::None,
                    Parity::Odd => SerialParity::Odd,
                    Parity::Even => SerialParity::Even,
                },
                stop_bits: match receiver.stop_bits {
                    2 => StopBits::Two,
                    _ => StopBits::One,
                },
                flow: FlowControl::None,
            })
        }
    })
}

fn subscription(config: &Config, name: &str, receiver: &Receiver, topics: &str) -> Subscription {
    let gateway = super::forwarder(config);
    // Its own connection also to the gateway's broker: a reader that publishes much must not hold up acknowledgements.
    let client_id = format!("{}-{name}", gateway.client_id);
    let Some(url) = &receiver.mqtt_url else {
        return Subscription {
            version: gateway.version,
            endpoints: gateway.endpoints,
            client_id,
            credentials: gateway.credentials,
            tls: gateway.tls,
            keep_alive: gateway.keep_alive,
            topics: topics.to_owned(),
        };
    };
    let password = receiver.mqtt_password_file.as_ref();
    let password = password.map(|file| file.path().to_owned());
    Subscription {
        version: Version::V311,
        endpoints: vec![Endpoint {
            host: url.host.as_str().to_owned(),
            port: url.port,
        }],
        client_id,
        credentials: receiver
            .mqtt_username
            .as_ref()
            .map(|user| (user.as_str().to_owned(), password)),
        tls: url.tls.then(|| tls::Setup {
            section: format!("[receiver.{name}]"),
            peer: "broker",
            trust: super::reader::trust(receiver.mqtt_ca_file.as_ref()),
            identity: None,
        }),
        keep_alive: gateway.keep_alive,
        topics: topics.to_owned(),
    }
}

/// What is special about a place where active tags are heard.
pub(super) fn zone(
    config: &Config,
    read_point: &ReadPoint,
    index: &impl Fn(&str) -> Option<DeviceIndex>,
    zone: ZoneConfig,
) -> ZoneConfig {
    let hears = |name: &str| {
        let receiver = config.receiver.get(name);
        receiver.is_some_and(|receiver| receiver.profile.is_beacons())
    };
    let own: BTreeSet<&str> = read_point
        .all_antennas()
        .map(|it| it.llrp.as_str())
        .collect();
    let has_active = !read_point.markers.is_empty() || own.iter().any(|name| hears(name));
    if !has_active {
        return zone;
    }
    let mut tuning = zone.tuning;
    if read_point.min_rssi.is_none() && own.iter().all(|name| hears(name)) {
        // What is faint for an RFID reader is loud for a receiver: strength decides between places only.
        tuning.min_rssi_dbm = i8::MIN;
    }
    let alarm = read_point.alarm.as_ref().map(super::step);
    let reporting = || Step {
        biz_step: "sensor_reporting".to_owned(),
        ..Step::default()
    };
    // Whoever hears a marked tag, tells of this place.
    let everybody = config.receiver.keys().filter(|name| hears(name));
    let everybody = everybody.filter_map(|name| index(name));
    ZoneConfig {
        alarm: Some(alarm.unwrap_or_else(reporting)),
        markers: read_point
            .markers
            .iter()
            .map(|id| id.as_str().to_owned())
            .collect(),
        receivers: match read_point.markers.is_empty() {
            true => Vec::new(),
            false => everybody.collect(),
        },
        tuning,
        ..zone
    }
}
