//! Devices that go on sending while they are unplugged and plugged in again: what comes after the plug is in is not lost,
//! and the status says what happened meanwhile.

use tokio::sync::watch;
use tracegate_feed::active::{Form, Layout, Names};
use tracegate_feed::frame::Framing;
use tracegate_feed::marker::rules::{Rules, profile};
use tracegate_feed::text;
use tracegate_pipeline::mark::MarkOutcome;
use tracegate_sim::scanner::wire::Wire;

use super::feeds::Socket;
use super::*;
use crate::source::receiver::decode::{Decoder, What};
use crate::source::transport::Transport;
use crate::source::{marker, receiver, scanner};

/// How often each device is plugged in.
const ROUNDS: usize = 4;
/// What it tells while it is plugged in, and while it is not.
const TOLD: u32 = 150;
const UNHEARD: u32 = 10;
/// Nobody takes what is handed over until all is told.
const ROOM: usize = 10_000;
/// A device that was heard is tried again within 2 s; one that was not, more and more rarely.
const BACK: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Scanner,
    Marker,
    Receiver,
}

impl Kind {
    fn start(self, transport: Transport) -> Rig {
        let (_, answers) = mpsc::channel(1);
        match self {
            Self::Scanner => {
                let settings = super::scanner::settings("raw_ascii", transport);
                Rig::start(ROOM, |context| scanner::run(settings, context, answers))
            }
            Self::Marker => {
                let live = marker::Live {
                    transport,
                    framing: Framing::lines(),
                    rules: Rules::of(profile("generic").unwrap()),
                    encoding: text::Encoding::Windows1252,
                    poll: None,
                    on_accept: Vec::new(),
                    on_refuse: Vec::new(),
                };
                let settings = super::marker::settings(marker::Feed::Live(live), false);
                Rig::start(ROOM, |context| marker::run(settings, context, answers))
            }
            Self::Receiver => {
                let form = Form::Json {
                    fields: Default::default(),
                    list: None,
                };
                let names = Names {
                    template: Some("urn:epc:id:giai:4012345.{tag_id}".to_owned()),
                    ..Names::default()
                };
                let what = What::Beacons(Box::new(Layout::new(form, &[]).unwrap()));
                let settings = receiver::Settings {
                    way: receiver::Way::Direct(transport),
                    framing: Framing::lines(),
                    decoder: Decoder::new(what, names, Vec::new()),
                    farewell: PATIENCE,
                };
                let (_, stored) = watch::channel(0);
                Rig::start(ROOM, |context| receiver::run(settings, context, stored))
            }
        }
    }

    /// What it sends when it has read, marked or heard this.
    fn frame(self, number: u32) -> Vec<u8> {
        match self {
            Self::Scanner => format!("{number}\r\n"),
            Self::Marker => format!("START {number}\nDONE\n"),
            Self::Receiver => format!("{{\"tag_id\":\"T1\",\"beacon_seq\":{number}}}\n"),
        }
        .into_bytes()
    }

    /// Which of them an input tells of.
    fn told(input: Input) -> Vec<u32> {
        match input {
            Input::Scan { data, .. } => vec![String::from_utf8(data).unwrap().parse().unwrap()],
            Input::Mark(report) => {
                let done = report.mark.filter(|it| it.outcome == MarkOutcome::Done);
                let code = done.and_then(|it| it.item.code.or(it.item.serial));
                code.iter().map(|code| code.parse().unwrap()).collect()
            }
            Input::Reads { reads, .. } => {
                let beacon = |read: &Read| read.extra.as_ref()?.beacon.as_ref()?.sequence;
                reads.iter().map(|read| beacon(read).unwrap()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A device that has something to tell all the time, whether or not anybody is there.
struct Load {
    kind: Kind,
    next: u32,
}

impl Load {
    /// Sends whole frames in pieces that end anywhere.
    async fn send(&mut self, wire: &mut Wire, count: u32) {
        let frames = (0..count).flat_map(|_| {
            self.next += 1;
            self.kind.frame(self.next)
        });
        let bytes: Vec<u8> = frames.collect();
        for (number, piece) in bytes.chunks(17).enumerate() {
            wire.send(piece).await.unwrap();
            tokio::task::yield_now().await;
            if number % 40 == 0 {
                // Let the gateway run: some of it is to come in pieces.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    /// Datagrams are whole.
    async fn datagrams(&mut self, wire: &mut Wire, count: u32) {
        for _ in 0..count {
            self.next += 1;
            wire.send(&self.kind.frame(self.next)).await.unwrap();
            tokio::task::yield_now().await;
        }
    }
}

/// Plugs it in and out, and looks what became of what it told.
async fn replug(kind: Kind, socket: Socket) {
    let mut rig = kind.start(socket.transport());
    let reason = match &socket {
        Socket::Serial { .. } => Some("was unplugged"),
        Socket::Tcp(_) | Socket::Listen(_) => Some("closed the connection"),
        // Nobody can tell that a sender of datagrams is gone.
        Socket::Udp(_) => None,
    };
    let mut load = Load { kind, next: 0 };
    let mut spans = Vec::new();
    let mut last = None;
    let mut quickest = Duration::MAX;
    for round in 0..ROUNDS {
        let mut wire = timeout(BACK, socket.plug_in()).await.expect("it is back");
        let from = load.next + 1;
        let Some(reason) = reason else {
            load.datagrams(&mut wire, TOLD).await;
            spans.push((from, load.next, true));
            load.next += UNHEARD;
            continue;
        };
        load.send(&mut wire, TOLD).await;
        wait_until("the link", BACK, || rig.health.is_up("dock_1"))
            .await
            .unwrap();
        let before = rig.inputs.len();
        load.send(&mut wire, TOLD).await;
        // A busy machine may not have read a byte yet, and what waits in a serial port is gone with it.
        wait_until("some of it", PATIENCE, || rig.inputs.len() > before)
            .await
            .unwrap();
        let is_last = round + 1 == ROUNDS;
        // What still waits in a serial port is gone with it.
        let all = is_last || !matches!(socket, Socket::Serial { .. });
        spans.push((from, load.next, all));
        if is_last {
            last = Some(wire);
            break;
        }
        let half = kind.frame(load.next + 1);
        wire.send(&half[..half.len() / 2]).await.unwrap();
        drop(wire);
        let unplugged = std::time::Instant::now();
        rig.says(reason).await;
        quickest = quickest.min(unplugged.elapsed());
        load.next += UNHEARD;
    }
    // A busy machine may be late once.
    assert!(
        reason.is_none() || quickest < Duration::from_secs(2),
        "{quickest:?}"
    );
    let mut told = Vec::new();
    let newest = spans.last().map(|span| span.1);
    while told.last().copied() != newest {
        told.extend(Kind::told(rig.input().await));
    }
    for (from, to, all) in spans {
        let of_round: Vec<u32> = told
            .iter()
            .copied()
            .filter(|it| (from..=to).contains(it))
            .collect();
        let until = if all {
            to
        } else {
            from - 1 + u32::try_from(of_round.len()).unwrap()
        };
        assert_eq!(
            of_round,
            (from..=until).collect::<Vec<_>>(),
            "from {from} to {to}"
        );
        assert!(!of_round.is_empty());
    }
    assert_eq!(rig.condition(), "");
    drop(last);
    rig.stop().await;
}

async fn all(kind: Kind) {
    let [serial, tcp, listen, udp] = Socket::all().await.try_into().ok().expect("four ways");
    tokio::join!(
        replug(kind, serial),
        replug(kind, tcp),
        replug(kind, listen),
        replug(kind, udp)
    );
}

#[tokio::test]
async fn a_scanner_goes_on_scanning_while_it_is_replugged() {
    all(Kind::Scanner).await;
}

#[tokio::test]
async fn a_marker_goes_on_marking_while_it_is_replugged() {
    all(Kind::Marker).await;
}

#[tokio::test]
async fn a_receiver_goes_on_hearing_while_it_is_replugged() {
    all(Kind::Receiver).await;
}
