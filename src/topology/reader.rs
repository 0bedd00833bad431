//! From a reader's section to what its task works with.

use std::collections::BTreeMap;
use std::path::Path;

use tracegate_llrp::client::{
    AccessRead, AntennaConfig, ClientConfig, Dbm as LlrpDbm, DutyCycle, ForeignRoSpecs, GpiTrigger,
    MemoryBank, ReportContent, RfMode, SearchMode as LlrpSearchMode, Select,
};

use crate::config::{
    Antennas, Bank, Config, Dbm, FileName, Level, Llrp, LlrpVersion, OutputUse, RadioMode,
    ReportItem, SearchMode, TagPattern,
};
use crate::source::light::Lamp;
use crate::source::llrp::Settings;
use crate::source::llrp::link::Link;
use crate::tls;

/// What the task of the reader `name` works with.
pub(super) fn settings(config: &Config, name: &str, reader: &Llrp) -> Settings {
    let (access_reads, sensors) = memory_reads(config, name);
    Settings {
        link: link(name, reader),
        client: ClientConfig {
            access_reads,
            ..client(reader)
        },
        outputs: outputs(config, name, reader),
        sensors,
    }
}

/// What its outputs are for, lamps of lights among them.
fn outputs(config: &Config, name: &str, reader: &Llrp) -> BTreeMap<u16, OutputUse> {
    let lights = config.light.values();
    let lights = lights.filter(|light| light.reader.as_deref() == Some(name));
    let lamps = lights.flat_map(|light| Lamp::ALL.map(|lamp| *light.outputs().of(lamp)));
    let lamps = lamps.flatten().map(|output| (output, OutputUse::Light));
    let own = reader.gpo.iter().map(|(port, what)| (*port, *what));
    own.chain(lamps).collect()
}

fn link(name: &str, reader: &Llrp) -> Link {
    if let Some(at) = reader.listen {
        let from = reader.from.map(|from| from.to_canonical());
        return Link::Listen { at, from };
    }
    let host = reader.host.as_ref().map(ToString::to_string);
    Link::Dial {
        host: host.unwrap_or_default(),
        port: reader.port(),
        tls: reader.tls.then(|| tls_setup(name, reader)),
    }
}

fn tls_setup(name: &str, reader: &Llrp) -> tls::Setup {
    tls::Setup {
        section: format!("[llrp.{name}]"),
        peer: "reader",
        trust: match reader.certificate_sha256 {
            Some(pin) => tls::Trust::Pinned(pin),
            None => trust(reader.ca_file.as_ref()),
        },
        identity: identity(
            reader.client_certificate_file.as_ref(),
            reader.client_key_file.as_ref(),
        ),
    }
}

/// What the gateway shows of itself; the check has refused one file without the other.
pub(super) fn identity(
    certificate: Option<&FileName>,
    key: Option<&FileName>,
) -> Option<tls::Identity> {
    Some(tls::Identity {
        certificate: certificate?.path().to_owned(),
        key: key?.path().to_owned(),
    })
}

/// Whom `ca_file`, or its absence, says to trust.
pub(super) fn trust(ca_file: Option<&FileName>) -> tls::Trust {
    ca_file
        .map(FileName::path)
        .map_or(tls::Trust::System, |path: &Path| {
            tls::Trust::File(path.to_owned())
        })
}

fn client(reader: &Llrp) -> ClientConfig {
    let foreign = if reader.replace_foreign_rospecs {
        ForeignRoSpecs::Replace
    } else {
        ForeignRoSpecs::Keep
    };
    ClientConfig {
        max_version: match reader.max_version {
            LlrpVersion::V1_0_1 => 1,
            LlrpVersion::V1_1 => 2,
            LlrpVersion::V2_0 => 3,
        },
        antennas: antennas(reader),
        mode: reader.mode.as_ref().map(|mode| match mode {
            RadioMode::Number(number) => RfMode::Id(*number),
            RadioMode::Name(name) => RfMode::Name(name.clone()),
        }),
        search_mode: reader.search_mode.map(|mode| match mode {
            SearchMode::ReaderSelected => LlrpSearchMode::ReaderSelected,
            SearchMode::SingleTarget => LlrpSearchMode::SingleTarget,
            SearchMode::DualTarget => LlrpSearchMode::DualTarget,
            SearchMode::TagFocus => LlrpSearchMode::TagFocus,
            SearchMode::SingleTargetReset => LlrpSearchMode::SingleTargetReset,
        }),
        session: reader.session,
        tag_population: reader.tag_population,
        select: reader.select.iter().filter_map(select).collect(),
        trigger: reader.trigger.as_ref().map(|trigger| GpiTrigger {
            port: trigger.gpi,
            high: trigger.level == Level::High,
            timeout: trigger.timeout,
        }),
        duty_cycle: reader.duty_cycle.as_ref().map(|cycle| DutyCycle {
            on: cycle.on,
            off: cycle.off,
        }),
        report: report(&reader.report),
        foreign_rospecs: foreign,
        keepalive_period: reader.keepalive,
        ..ClientConfig::default()
    }
}

fn antennas(reader: &Llrp) -> Vec<AntennaConfig> {
    let Antennas::Ports(ports) = &reader.antennas else {
        return Vec::new();
    };
    // Within ±327 dBm; the check allows far less.
    let power = |power: Dbm| {
        LlrpDbm::from_hundredths(i16::try_from(power.hundredths()).unwrap_or(i16::MAX))
    };
    let antenna = |(&id, level): (&u16, &Option<Dbm>)| AntennaConfig {
        id,
        power: level.map(power),
        receive_sensitivity: reader.receive_sensitivity.get(&id).map(|level| level.0),
    };
    ports.iter().map(antenna).collect()
}

/// The check has refused those that have none.
fn select(pattern: &TagPattern) -> Option<Select> {
    let mask = pattern.mask()?;
    Some(Select {
        bank: MemoryBank::Epc,
        bit_pointer: u16::try_from(mask.bit_pointer).ok()?,
        mask: mask.mask,
        bit_len: u16::try_from(mask.bit_len).ok()?,
    })
}

/// What is to be read from the memory of sensor tags, and the sensor that each of it is for, by its number minus 1.
fn memory_reads(config: &Config, name: &str) -> (Vec<AccessRead>, Vec<u16>) {
    let (mut reads, mut sensors) = (Vec::new(), Vec::new());
    for (index, sensor) in config.tag_sensor.values().enumerate() {
        if !sensor.readers.is_empty() && !sensor.readers.iter().any(|reader| reader == name) {
            continue;
        }
        for tags in sensor.tags.iter().filter_map(select) {
            sensors.push(u16::try_from(index).unwrap_or(u16::MAX));
            reads.push(AccessRead {
                id: u32::try_from(sensors.len()).unwrap_or(u32::MAX),
                tags: Some(tags),
                bank: match sensor.bank {
                    Bank::Reserved => MemoryBank::Reserved,
                    Bank::Epc => MemoryBank::Epc,
                    Bank::Tid => MemoryBank::Tid,
                    Bank::User => MemoryBank::User,
                },
                word_pointer: sensor.word,
                word_count: sensor.words,
                access_password: 0,
            });
        }
    }
    (reads, sensors)
}

fn report(items: &[ReportItem]) -> ReportContent {
    let has = |item| items.contains(&item);
    ReportContent {
        crc: has(ReportItem::Crc),
        xpc: has(ReportItem::Xpc),
        phase: has(ReportItem::Phase),
        doppler: has(ReportItem::Doppler),
        channel: has(ReportItem::Channel),
        fine_rssi: has(ReportItem::FineRssi),
        tid: has(ReportItem::Tid),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    #[test]
    fn every_setting_of_a_reader_reaches_its_client() {
        let text = r#"[gateway]
site = "plant-3"
[llrp.dock_1]
host = "10.0.4.21"
tls = true
certificate_sha256 = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
client_certificate_file = "gateway.pem"
client_key_file = "/etc/ssl/gateway.key"
max_version = "2.0"
antennas = { 1 = "30 dBm", 2 = "27.5 dBm" }
receive_sensitivity = { 2 = "10 dB" }
mode = "AutoSet Dense Reader"
search_mode = "tag_focus"
select = ["hex:34*"]
trigger = { gpi = 2, level = "low", timeout = "30s" }
report = ["phase", "tid"]
gpo = { 1 = "movement" }
[llrp.dock_2]
listen = "0.0.0.0:5084"
from = "::ffff:10.0.4.22"
duty_cycle = { on = "2s", off = "8s" }
mode = 1002
[tag_sensor.a]
readers = ["dock_2"]
tags = ["hex:33*"]
measure = "Temperature"
[tag_sensor.b]
tags = ["hex:34*", "urn:epc:pat:grai-96:*.0614141.*.*"]
measure = "Temperature"
bank = "tid"
word = 6
[read_point.dock_1]
mode = "dock"
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
inside = ["dock_1/2", "dock_2/3"]
outside = ["dock_1/1"]
photo_eyes = { outside = "dock_1/1", inside = "dock_1/4" }
in = { biz_step = "receiving" }
[mqtt]
url = "mqtt://10.0.4.2"
"#;
        let loaded = config::from_bytes(
            Path::new("/etc/tracegate/gateway.toml"),
            text.as_bytes(),
            std::iter::empty(),
        )
        .unwrap_or_else(|report| panic!("{}", report.render(config::Format::Human)));
        let config = loaded.config;
        let readers = &config.llrp;
        for reader in readers.values() {
            assert_eq!(client(reader).check(), [""; 0]);
        }
        let Settings {
            link,
            client,
            outputs,
            sensors,
        } = settings(&config, "dock_1", &readers["dock_1"]);
        let Link::Dial {
            host,
            port,
            tls: Some(tls),
        } = link
        else {
            panic!("{link:?}")
        };
        assert_eq!((host.as_str(), port), ("10.0.4.21", 5085));
        assert!(matches!(tls.trust, tls::Trust::Pinned(pin) if pin.0[31] == 0xff));
        let identity = tls.identity.unwrap();
        assert_eq!(
            identity.certificate,
            Path::new("/etc/tracegate/gateway.pem")
        );
        assert_eq!(identity.key, Path::new("/etc/ssl/gateway.key"));
        assert_eq!(client.max_version, 3);
        assert_eq!(client.antennas[0].receive_sensitivity, None);
        assert_eq!(client.antennas[1].receive_sensitivity, Some(10));
        assert_eq!(client.antennas[1].power.unwrap().hundredths(), 2750);
        let name = "AutoSet Dense Reader".to_owned();
        assert_eq!(client.mode, Some(RfMode::Name(name)));
        assert_eq!(client.search_mode, Some(LlrpSearchMode::TagFocus));
        assert_eq!(
            (client.select[0].bit_pointer, &client.select[0].mask[..]),
            (32, &[0x34][..])
        );
        let trigger = client.trigger.unwrap();
        assert_eq!((trigger.port, trigger.high), (2, false));
        assert!(client.report.phase && client.report.tid && !client.report.crc);
        assert_eq!(outputs.len(), 1);
        // Two patterns of the second sensor; the first is not for this reader.
        assert_eq!(sensors, [1, 1]);
        let reads = &client.access_reads;
        assert_eq!((reads[0].id, reads[1].id), (1, 2));
        assert_eq!((reads[1].bank, reads[1].word_pointer), (MemoryBank::Tid, 6));

        let second = settings(&config, "dock_2", &readers["dock_2"]);
        let from = "10.0.4.22".parse().ok();
        let at = "0.0.0.0:5084".parse().unwrap();
        assert_eq!(second.link, Link::Listen { at, from });
        assert_eq!(second.client.mode, Some(RfMode::Id(1002)));
        assert_eq!(second.client.duty_cycle.unwrap().off.as_secs(), 8);
    }
}
