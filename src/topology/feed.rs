//! Feeds: how scanners are reached, and how they talk.

use tracegate_feed::frame::Kind;

use crate::config::{FlowControl, Parity, Scanner, verbs};
use crate::source::scanner::{Answer, Answers, Settings};
use crate::source::transport::{Line, Transport};

/// On this port a fixed reader speaks telnet.
const TELNET: u16 = 23;

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
            refuse: answer("on_refuse"),
            no_read: answer("on_no_read"),
            identify: answer("on_identify"),
        },
        framing,
    }
}

fn transport(scanner: &Scanner) -> Transport {
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
