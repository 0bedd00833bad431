//! From a receiver's section to what its task works with, and what active tags are at a read point.

use std::collections::BTreeSet;

use tracegate_feed::active::Layout;
use tracegate_feed::frame::{DEFAULT_MAX_LEN, Framing, Kind};
use tracegate_pipeline::config::Step;
use tracegate_pipeline::input::DeviceIndex;
use tracegate_pipeline::zone::{ActiveZone, ZoneConfig};

use crate::config::{Config, ReadPoint, Receiver, ReceiverProfile};
use crate::forward::client::{Endpoint, Version};
use crate::source::receiver::decode::{Decoder, What};
use crate::source::receiver::mqtt::Subscription;
use crate::source::receiver::{Settings, Way};
use crate::tls;

/// What the task of the receiver `name` works with.
pub(super) fn settings(config: &Config, name: &str, receiver: &Receiver) -> Settings {
    let way = way(config, name, receiver);
    Settings::new(way, framing(receiver), decoder(receiver))
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
    // Datagrams are whole: they need no start and end of their own.
    if receiver.udp.is_none()
        && let Kind::Delimited { starts, ends } = &mut framing.kind
    {
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
    Way::Direct(super::feed::transport(&receiver.connection()))
}

fn subscription(config: &Config, name: &str, receiver: &Receiver, topics: &str) -> Subscription {
    let gateway = super::forwarder(config);
    // Its own connection also to the gateway's broker: a reader that publishes much must not hold up acknowledgements.
    let client_id = format!("{}-{name}", gateway.client_id);
    let shared = Subscription {
        version: gateway.version,
        endpoints: gateway.endpoints,
        client_id,
        credentials: gateway.credentials,
        tls: gateway.tls,
        keep_alive: gateway.keep_alive,
        topics: topics.to_owned(),
    };
    let Some(url) = &receiver.mqtt_url else {
        return shared;
    };
    let password = receiver.mqtt_password_file.as_ref();
    let password = password.map(|file| file.path().to_owned());
    Subscription {
        version: Version::V311,
        endpoints: vec![Endpoint {
            host: url.host.as_str().to_owned(),
            port: url.port,
        }],
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
        ..shared
    }
}

/// What is special about a place where active tags are heard.
pub(super) fn zone(
    config: &Config,
    read_point: &ReadPoint,
    index: &impl Fn(&str) -> Option<DeviceIndex>,
    zone: ZoneConfig,
    alarm: Option<Step>,
) -> ZoneConfig {
    let hears = |name: &str| {
        let receiver = config.receiver.get(name);
        receiver.is_some_and(|receiver| receiver.profile.is_beacons())
    };
    let own: BTreeSet<&str> = read_point
        .all_antennas()
        .map(|it| it.llrp.as_str())
        .collect();
    let has_active = !read_point.exciters.is_empty() || own.iter().any(|name| hears(name));
    if !has_active {
        return zone;
    }
    let mut tuning = zone.tuning;
    if read_point.min_rssi.is_none() && own.iter().all(|name| hears(name)) {
        // What is faint for an RFID reader is loud for a receiver: strength decides between places only.
        tuning.min_rssi_dbm = i8::MIN;
    }
    let reporting = || Step {
        biz_step: "sensor_reporting".to_owned(),
        ..Step::default()
    };
    // Whoever hears a marked tag, tells of this place.
    let everybody = config.receiver.keys().filter(|name| hears(name));
    let everybody = everybody.filter_map(|name| index(name));
    let exciters = read_point.exciters.iter();
    let active = ActiveZone {
        alarm: alarm.unwrap_or_else(reporting),
        exciters: exciters.map(|id| id.as_str().to_owned()).collect(),
        receivers: match read_point.exciters.is_empty() {
            true => Vec::new(),
            false => everybody.collect(),
        },
    };
    ZoneConfig {
        active: Some(Box::new(active)),
        tuning,
        ..zone
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tracegate_pipeline::config::{PipelineConfig, ReadPointKind};

    use super::*;
    use crate::source::transport::Transport;

    fn config(text: &str) -> Config {
        let path = Path::new("gateway.toml");
        crate::config::from_bytes(path, text.as_bytes(), std::iter::empty())
            .unwrap_or_else(|report| panic!("{}", report.render(crate::config::Format::Human)))
            .config
    }

    fn pipeline(text: &str) -> PipelineConfig {
        let config = config(text);
        super::super::pipeline(&config, &super::super::devices(&config).unwrap())
    }

    #[test]
    fn a_port_named_by_its_place_is_opened_there() {
        let config = config(
            r#"[gateway]
site = "plant-3"
[receiver.store]
serial = "pci-0000:00:14.0-usb-0:1:1.0-port0"
baud = 19200
stop_bits = 2
epc = "urn:epc:id:giai:4012345.{tag_id}"
[mqtt]
url = "mqtt://10.0.4.2"
"#,
        );
        let made = way(&config, "store", &config.receiver["store"]);
        let Way::Direct(Transport::Serial(line)) = made else {
            panic!("{made:?}")
        };
        let path = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0";
        assert_eq!(line.path, Path::new(path));
        let stop_bits = tokio_serial::StopBits::Two;
        assert_eq!((line.baud, line.stop_bits), (19_200, stop_bits));
    }

    #[test]
    fn a_place_of_active_tags_hears_what_is_faint_and_has_alarms() {
        let made = pipeline(
            r#"[gateway]
site = "plant-3"
[receiver.store]
tcp = "10.0.4.40:6500"
epc = "urn:epc:id:giai:4012345.{tag_id}"
[receiver.dock_1]
mqtt = "readers/dock_1/tags"
profile = "zebra_iotc"
[read_point.gate]
mode = "presence"
sgln = "urn:epc:id:sgln:4012345.00001.gate"
exciters = ["501"]
arrive = { biz_step = "storing" }
[read_point.mixed]
mode = "presence"
sgln = "urn:epc:id:sgln:4012345.00001.mixed"
antennas = ["store/1", "dock_1/1"]
arrive = { biz_step = "storing" }
alarm = { biz_step = "inspecting" }
[read_point.passive]
mode = "presence"
sgln = "urn:epc:id:sgln:4012345.00001.passive"
antennas = ["dock_1/2"]
arrive = { biz_step = "storing" }
[active_tag.tool]
tags = ["urn:epc:idpat:giai:4012345.*"]
temperature_max_c = 30.5
[mqtt]
url = "mqtt://10.0.4.2"
"#,
        );
        let zones: Vec<&ZoneConfig> = made
            .read_points
            .iter()
            .map(|read_point| match &read_point.kind {
                ReadPointKind::Zone(zone) => zone,
                other => panic!("{other:?}"),
            })
            .collect();
        let [gate, mixed, passive] = zones.as_slice() else {
            panic!("{zones:?}")
        };
        let (marked, alarmed) = (
            gate.active.as_ref().unwrap(),
            mixed.active.as_ref().unwrap(),
        );
        assert_eq!(made.devices, ["dock_1", "store"]);
        // A reader that publishes hears no exciters.
        assert_eq!(
            (marked.exciters.len(), marked.receivers.as_slice()),
            (1, &[1][..])
        );
        assert_eq!(marked.alarm.biz_step, "sensor_reporting");
        assert_eq!(alarmed.alarm.biz_step, "inspecting");
        assert_eq!(gate.tuning.min_rssi_dbm, i8::MIN);
        // RFID reads in the same place have their limit.
        assert_eq!(mixed.tuning.min_rssi_dbm, -78);
        assert!(passive.active.is_none());
        let kind = &made.tags.active[0];
        assert_eq!(kind.limits.temperature_max.map(|it| it.0), Some(30_500));
        assert_eq!((kind.pace.interval_us, kind.silence()), (None, None));
    }
}
