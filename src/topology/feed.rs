//! Feeds: how scanners and markers are reached, and how they talk.

use tracegate_feed::frame::Kind;
use tracegate_feed::text::Encoding;
use tracegate_pipeline::config::{StationScanner, Step};
use tracegate_pipeline::input::DeviceIndex;
use tracegate_pipeline::mark::{MarkStation, StationMarker};
use tracegate_pipeline::time::Span;

use crate::config::{
    Business, Bytes, Config, FlowControl, LogStart, Marker, Parity, ReadPoint, Scanner, verbs,
};
use crate::source::marker::{self, Feed, Folder, Live, Log};
use crate::source::scanner::{Answer, Answers, Settings};
use crate::source::transport::{Line, Transport};

/// On this port a fixed reader speaks telnet.
const TELNET: u16 = 23;

/// A marker's settings; what is known of it from before is told when it begins.
pub(super) fn marker(config: &Config, marker: &Marker) -> marker::Settings {
    let bytes = |bytes: &Option<Bytes>| bytes.as_ref().map(|it| it.0.clone()).unwrap_or_default();
    let feed = if let Some(path) = &marker.tail {
        Feed::Log(Log {
            path: path.path().to_owned(),
            form: marker.form(),
            encoding: marker.file_encoding(),
            from_end: marker.begin == LogStart::End,
            idle_after: marker.idle_after,
        })
    } else if let Some(path) = &marker.drop {
        let processed = &marker.processed;
        Feed::Folder(Folder {
            path: path.path().to_owned(),
            suffix: marker.suffix.clone(),
            form: marker.form(),
            encoding: marker.file_encoding(),
            settle: marker.settle,
            processed: (!processed.is_empty()).then(|| processed.clone()),
        })
    } else {
        let asks = !marker.profile.0.poll.is_empty() && !marker.poll_interval.is_zero();
        Feed::Live(Live {
            transport: transport(&marker.connection()),
            framing: marker.framing(),
            rules: marker.rules().unwrap_or_default(),
            encoding: Encoding::Windows1252,
            poll: asks.then(|| (marker.profile.0.poll.to_vec(), marker.poll_interval)),
            on_accept: bytes(&marker.on_accept),
            on_refuse: bytes(&marker.on_refuse),
        })
    };
    let zone = marker
        .time_zone
        .as_ref()
        .unwrap_or(&config.gateway.time_zone);
    marker::Settings {
        feed,
        marks: marker.marks(),
        zone: zone.zone(),
        time_format: marker.time_format.clone(),
        known: marker::Known::default(),
    }
}

/// The markers of a station, and the event of their marks.
pub(super) fn mark_station(
    config: &Config,
    read_point: &ReadPoint,
    index: &impl Fn(&str) -> Option<DeviceIndex>,
    step: &impl Fn(&Business) -> Step,
) -> Option<MarkStation> {
    let marker = |name: &String| {
        let marker = config.marker.get(name)?;
        Some(StationMarker {
            reading: StationScanner {
                device: index(name)?,
                duplicate_window: Span::default(),
                assume_gs1: marker.assume_gs1,
                gs_substitutes: marker
                    .gs_substitutes
                    .iter()
                    .map(|it| it.as_str().to_owned())
                    .collect(),
                keep_unknown_ais: marker.keep_unknown_ais,
            },
            gtin: marker.gtin.clone(),
            min_grade: marker.min_grade.map(|grade| grade.0),
        })
    };
    let commissioning = || Step {
        biz_step: "commissioning".to_owned(),
        disposition: Some("active".to_owned()),
        ..Step::default()
    };
    (!read_point.markers.is_empty()).then(|| MarkStation {
        markers: read_point.markers.iter().filter_map(marker).collect(),
        step: read_point.mark.as_ref().map_or_else(commissioning, step),
    })
}

/// A scanner's settings.
pub(super) fn scanner(scanner: &Scanner) -> Settings {
    let framing = scanner.framing();
    let is_ssi = framing.kind == Kind::Ssi;
    let answer = |key| {
        let told = scanner.told(key);
        match verbs(&told) {
            Ok(verbs) if is_ssi => Answer::Verbs(verbs),
            _ => Answer::Bytes(told),
        }
    };
    Settings {
        transport: transport(scanner),
        rules: scanner.rules().unwrap_or_default(),
        encoding: scanner.encoding(),
        telnet: scanner.tcp.as_ref().is_some_and(|at| at.port == TELNET),
        heartbeat_every: scanner.heartbeat_every,
        answers: Answers {
            accept: answer("on_accept"),
            warn: answer("on_warn"),
            pending: answer("on_pending"),
            refuse: answer("on_refuse"),
            no_read: answer("on_no_read"),
            identify: answer("on_identify"),
        },
        framing,
    }
}

/// How a device is reached, and what its line is set to.
pub(super) fn transport(scanner: &Scanner) -> Transport {
    match (&scanner.tcp, scanner.listen, scanner.udp) {
        (Some(address), ..) => Transport::Tcp(address.to_string()),
        (_, Some(at), _) => Transport::Listen(at),
        (.., Some(at)) => Transport::Udp(at),
        _ => Transport::Serial(line(scanner)),
    }
}

fn line(scanner: &Scanner) -> Line {
    Line {
        path: scanner.serial_path().unwrap_or_default(),
        baud: scanner.baud(),
        data_bits: if scanner.data_bits() == 7 {
            tokio_serial::DataBits::Seven
        } else {
            tokio_serial::DataBits::Eight
        },
        parity: match scanner.parity() {
            Parity::None => tokio_serial::Parity::None,
            Parity::Odd => tokio_serial::Parity::Odd,
            Parity::Even => tokio_serial::Parity::Even,
        },
        stop_bits: if scanner.stop_bits == Some(2) {
            tokio_serial::StopBits::Two
        } else {
            tokio_serial::StopBits::One
        },
        flow: match scanner.flow_control {
            FlowControl::None => tokio_serial::FlowControl::None,
            FlowControl::RtsCts => tokio_serial::FlowControl::Hardware,
            FlowControl::XonXoff => tokio_serial::FlowControl::Software,
        },
    }
}
