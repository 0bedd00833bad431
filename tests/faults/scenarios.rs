//! The table of scenarios.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::ConnectReturnCode as Code;
use rumqttc::v5::mqttbytes::v5::DisconnectReasonCode as Bye;
use rumqttc::v5::mqttbytes::v5::PubAckReason as No;
use tracegate_sim::proxy::{End, Line, Trap, Way};

use super::gateway::Load;
use super::script::{Act, Manners, Refusal};
use super::site::Site;
use super::special;

/// Events of each scenario.
pub const EVENTS: i64 = 20_000;
/// Events sent and not confirmed by a store that acknowledges.
const ACK_AHEAD: i64 = 500;

/// What happens from outside, at a moment between two events.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    KillGateway,
    /// The gateway dies at this place of `tracegate::failpoint`.
    #[cfg(feature = "failpoints")]
    DieAt(&'static str),
    KillBroker,
    KillBoth,
    /// Open connections end so.
    End(End),
    /// In the middle of a packet.
    Trap(Way, Trap),
    /// The network is so, for so many milliseconds.
    Line(Line, u64),
}

pub type Run =
    for<'a> fn(&'a mut Site) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>;

#[derive(Clone)]
pub struct Scenario {
    pub name: &'static str,
    /// Spread over the events.
    pub faults: Vec<Fault>,
    pub manners: Manners,
    pub load: Load,
    /// More of `[mqtt]`.
    pub mqtt: String,
    pub window: u16,
    /// Whether several events go in one message.
    pub batches: bool,
    /// Events that may be under way and so come again.
    pub under_way: i64,
    /// Events that the broker itself repeats after a fault, at most.
    pub repeated: i64,
    /// Whether first sightings are in order; behind a refused event they are not.
    pub in_order: bool,
    pub run: Run,
}

/// The faults, one after the other.
fn simply(site: &mut Site) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + '_>> {
    Box::pin(async {
        site.configure()?;
        site.start_gateway()?;
        site.play().await
    })
}

impl Scenario {
    fn new(name: &'static str, faults: Vec<Fault>) -> Self {
        Self {
            name,
            faults,
            manners: Manners::default(),
            load: Load {
                events: EVENTS,
                read_points: 1,
                ahead: 1_500,
                pace: None,
                rest: None,
                clock_jumps: false,
                cap: 1 << 30,
                telemetry: false,
                patient: false,
            },
            mqtt: String::new(),
            window: 100,
            batches: false,
            under_way: 100,
            repeated: 0,
            in_order: true,
            run: simply,
        }
    }

    fn acts(name: &'static str, every: i64, acts: &[Act]) -> Self {
        let manners = Manners {
            every,
            acts: acts.to_vec(),
            ..Manners::default()
        };
        Self::new(name, Vec::new()).manners(manners)
    }

    fn manners(self, manners: Manners) -> Self {
        Self { manners, ..self }
    }

    fn with(self, line: &str) -> Self {
        let mqtt = format!("{}\n{line}", self.mqtt);
        Self { mqtt, ..self }
    }

    fn batches(mut self, events: u16) -> Self {
        self.batches = true;
        self.under_way = i64::from(self.window) * i64::from(events);
        self.with(&format!("batch_events = {events}"))
    }

    fn window(mut self, window: u16) -> Self {
        self.window = window;
        self.under_way = i64::from(window);
        self
    }

    /// The gateway deletes on the store's word.
    fn stored(mut self) -> Self {
        self.under_way = ACK_AHEAD;
        self.with(&format!("acknowledge = \"store\"\nack_ahead = {ACK_AHEAD}"))
    }

    /// Events come as they happen, not as fast as they can be stored.
    fn live(self) -> Self {
        self.load(|load| load.pace = Some(60))
    }

    fn out_of_order(self) -> Self {
        let in_order = false;
        Self { in_order, ..self }
    }

    fn load(mut self, change: impl FnOnce(&mut Load)) -> Self {
        change(&mut self.load);
        self
    }

    fn run(self, run: Run) -> Self {
        Self { run, ..self }
    }
}

fn times(count: usize, fault: Fault) -> Vec<Fault> {
    vec![fault; count]
}

const REFUSALS: [Act; 6] = [
    Act::Refuse(No::NoMatchingSubscribers),
    Act::Refuse(No::QuotaExceeded),
    Act::Refuse(No::NotAuthorized),
    Act::Refuse(No::PayloadFormatInvalid),
    Act::Refuse(No::UnspecifiedError),
    Act::Refuse(No::ImplementationSpecificError),
];

/// Name, and what happens.
pub fn all() -> Vec<Scenario> {
    let mixed = |count: usize| {
        let all = [
            Fault::RESET,
            Fault::CUT_UP,
            Fault::KillGateway,
            Fault::CUT_DOWN,
            Fault::KillBroker,
        ];
        all.into_iter().cycle().take(count).collect::<Vec<_>>()
    };
    let maxima = |maxima: &[u16]| Manners {
        receive_maxima: maxima.to_vec(),
        ..Manners::default()
    };
    let table = vec![
        // The longest first: it waits for deadlines.
        Scenario::acts(
            "peer stops reading, the daemon's deadlines",
            15_000,
            &[Act::Deaf],
        )
        .load(|load| load.patient = true)
        .run(special::noticed_in_time),
        Scenario::new("gateway killed", times(12, Fault::KillGateway)).live(),
        Scenario::new(
            "gateway killed with a backlog",
            times(8, Fault::KillGateway),
        )
        .load(|load| load.ahead = u64::MAX),
        Scenario::new("broker killed", times(8, Fault::KillBroker)),
        Scenario::new("gateway and broker killed", times(8, Fault::KillBoth)).live(),
        Scenario::new("connection reset", times(14, Fault::RESET)),
        Scenario::new("connection closed", times(14, Fault::End(End::Close))),
        Scenario::new("half-open connection", times(3, Fault::End(End::HalfOpen))),
        Scenario::new(
            "cut within a packet, to the broker",
            times(12, Fault::CUT_UP),
        ),
        Scenario::new(
            "cut within a packet, from the broker",
            times(12, Fault::CUT_DOWN),
        ),
        Scenario::new("all of these", mixed(15)).live(),
        Scenario::acts("cut after storing", 1_500, &[Act::Cut]),
        Scenario::acts("acknowledgements lost", 1_500, &[Act::LoseAck]),
        Scenario::new("acknowledgements late and shuffled", times(4, Fault::RESET)).manners(
            Manners {
                ack_delay_ms: 12,
                ..Manners::default()
            },
        ),
        Scenario::acts("refused now and then", 1_500, &REFUSALS).out_of_order(),
        Scenario::acts("refused now and then, one at a time", 1_500, &REFUSALS).window(1),
        Scenario::acts(
            "refused in several lanes, with resets",
            1_500,
            &[REFUSALS[2], Act::Cut, REFUSALS[3]],
        )
        .out_of_order()
        .load(|load| load.read_points = 5),
        Scenario::new("both streams, all of these", mixed(12))
            .with("non_events = true")
            .live()
            .load(|load| {
                load.read_points = 4;
                load.telemetry = true;
            }),
        Scenario::new(
            "both streams, gateway killed with a backlog",
            times(8, Fault::KillGateway),
        )
        .load(|load| {
            load.read_points = 3;
            load.telemetry = true;
            load.ahead = u64::MAX;
        }),
        Scenario::new("receive maximum 1", times(3, Fault::RESET)).manners(maxima(&[1])),
        Scenario::new("receive maximum 7", times(6, Fault::RESET)).manners(maxima(&[7])),
        Scenario::new("receive maximum 20", times(6, Fault::RESET)).manners(maxima(&[20])),
        Scenario::new("receive maximum changes", times(12, Fault::RESET))
            .manners(maxima(&[20, 100, 7, 65_535, 3])),
        Scenario::new("maximum packet size", times(5, Fault::RESET))
            .batches(50)
            .manners(Manners {
                packet_maximum: Some(9_000),
                ..Manners::default()
            }),
        Scenario::new("topic aliases", times(8, Fault::RESET))
            .manners(Manners {
                topic_aliases: 3,
                ..Manners::default()
            })
            .load(|load| load.read_points = 5),
        Scenario::new("server keep-alive", Vec::new())
            .manners(Manners {
                keep_alive_s: Some(1),
                ..Manners::default()
            })
            .load(|load| load.rest = Some((EVENTS / 2, 3_500)))
            .run(special::one_connection),
        Scenario::acts(
            "sent away",
            1_500,
            &[
                Act::Goodbye(Bye::ServerBusy),
                Act::Goodbye(Bye::ServerShuttingDown),
                Act::Goodbye(Bye::SessionTakenOver),
                Act::Goodbye(Bye::UseAnotherServer),
                Act::Goodbye(Bye::ServerMoved),
            ],
        ),
        Scenario::new("connections refused", times(16, Fault::RESET)).manners(Manners {
            refusals: [
                Code::ServerBusy,
                Code::ServerUnavailable,
                Code::NotAuthorized,
                Code::BadUserNamePassword,
                Code::Banned,
                Code::UseAnotherServer,
                Code::ServerMoved,
                Code::QuotaExceeded,
            ]
            .map(Refusal::Because)
            .into_iter()
            .chain([Refusal::Silence])
            .collect(),
            ..Manners::default()
        }),
        Scenario::new("network freezes", times(5, Fault::Line(Line::Frozen, 400))),
        Scenario::new(
            "network freezes for long",
            times(3, Fault::Line(Line::Frozen, 1_700)),
        ),
        Scenario::new("black hole", times(4, Fault::Line(Line::Hole, 1_300))),
        Scenario::acts("peer stops reading", 4_000, &[Act::Deaf]),
        Scenario::new(
            "one byte at a time",
            times(4, Fault::Line(Line::Trickle, 400)),
        ),
        Scenario::new(
            "delay",
            times(
                3,
                Fault::Line(Line::Delayed(Duration::from_millis(25)), 600),
            ),
        ),
        Scenario::acts(
            "rubbish from the broker",
            1_500,
            &[
                Act::Rubbish(b"\x40\x02\xff\xff"),
                Act::Rubbish(b"\xff\xff\xff\xff"),
                Act::Rubbish(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
                Act::Rubbish(b"\x20\x02\x00\x00\x00"),
            ],
        ),
        Scenario::new("batches", mixed(10))
            .batches(50)
            .load(|load| load.ahead = 10_000),
        Scenario::acts("batches refused", 150, &REFUSALS)
            .batches(20)
            .out_of_order()
            .load(|load| {
                load.ahead = 10_000;
                load.read_points = 3;
            }),
        Scenario::new("MQTT 3.1.1", mixed(12))
            .with("version = \"3.1.1\"")
            .live(),
        Scenario::new(
            "clock set by an hour, forward and back",
            times(4, Fault::KillGateway),
        )
        .with("message_expiry = \"1h\"")
        .live()
        .load(|load| load.clock_jumps = true),
        Scenario::new("buffer full", times(2, Fault::RESET))
            .load(|load| {
                load.ahead = u64::MAX;
                load.cap = 8 << 20;
            })
            .run(special::buffer_full),
        Scenario::new("two brokers in turn", Vec::new()).run(special::two_brokers),
        Scenario::new("wrong CA, then the right one", times(2, Fault::RESET))
            .run(special::wrong_ca),
        Scenario::new("certificate expired, then renewed", times(2, Fault::RESET))
            .run(special::expired),
        Scenario::new(
            "certificate for another host, then the right one",
            times(2, Fault::RESET),
        )
        .run(special::wrong_host),
        Scenario::new(
            "bits flipped under TLS",
            [Way::Up, Way::Down]
                .into_iter()
                .cycle()
                .take(8)
                .map(|way| Fault::Trap(way, Trap::Flip))
                .collect(),
        )
        .run(special::tls),
        Scenario::new("certificates rotated", Vec::new()).run(special::rotated),
        Scenario::new("broker's name unknown, then known", times(2, Fault::RESET))
            .run(special::unknown_name),
        // What Mosquitto saves at its end and sends again is not in order, and some of it had been delivered.
        Scenario {
            repeated: 1_000,
            ..Scenario::new("Mosquitto stopped and started", Vec::new())
        }
        .out_of_order()
        .run(special::mosquitto_restarted),
        Scenario::new("Mosquitto, connection reset", Vec::new()).run(special::mosquitto_reset),
        Scenario::new(
            "broker forgets everything, the store acknowledges",
            Vec::new(),
        )
        .stored()
        .out_of_order()
        .run(special::broker_forgets),
        Scenario::new(
            "Mosquitto without persistence killed, the store acknowledges",
            Vec::new(),
        )
        .stored()
        .out_of_order()
        .run(special::mosquitto_killed),
    ];
    #[cfg(feature = "failpoints")]
    let table = [table, vec![chosen_places()]].concat();
    table
}

/// The gateway dies at each place twice.
#[cfg(feature = "failpoints")]
fn chosen_places() -> Scenario {
    let all = tracegate::failpoint::Failpoint::ALL.iter();
    // A forwarder and a buffer alone have nothing to reload.
    let all = all.filter(|(place, _)| !place.is_of_reload());
    let all = all.cycle().take(18);
    let faults = all.map(|(_, name)| Fault::DieAt(name)).collect();
    Scenario::new("gateway dies at chosen places", faults).live()
}
