//! The page over real sockets, its words for every condition, and the metrics as somebody else reads them.

mod http;
mod metrics;
mod tls;
mod words;

use std::path::PathBuf;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::health::{
    Beat, BrokerState, BufferLevel, ConfigState, DeviceState, EndpointState, Problem, Rejected,
};
use crate::story::{
    Answer, AtStation, Guarded, Moment, NotBooked, OpenJob, Passage, Stopped, Uncleared,
};

const NOW: &str = "2026-11-22T12:00:00Z";

fn facts() -> Facts {
    let point = |mode, parts: &[&str]| (mode, parts.iter().map(|it| (*it).to_owned()).collect());
    Facts {
        file: PathBuf::from("/etc/tracegate/gateway.toml"),
        loaded: NOW.parse().unwrap(),
        buffer: PathBuf::from("/var/lib/tracegate"),
        read_points: BTreeMap::from([
            (
                "inbound".to_owned(),
                point("dock", &["dock_1/1", "dock_1/2"]),
            ),
            ("packing".to_owned(), point("station", &["pack_1"])),
        ]),
        time_zone: "Europe/Berlin".to_owned(),
    }
}

/// A gateway with a reader, a scanner and a broker, and nothing wrong.
fn healthy() -> Health {
    let health = Health::new("plant-3", "epoch");
    health.know("dock_1", DeviceKind::Reader);
    health.know("pack_1", DeviceKind::Scanner);
    health.device("dock_1", DeviceState::Up);
    health.device("pack_1", DeviceState::Up);
    let broker = crate::forward::client::Endpoint {
        host: "broker.plant.example".to_owned(),
        port: 8883,
    };
    health.brokers(std::slice::from_ref(&broker));
    health.endpoint(&broker, EndpointState::Up);
    health.broker(BrokerState::Up);
    health.buffer(BufferLevel {
        bytes: 5 << 20,
        percent: 1,
        oldest_s: 0,
        max_bytes: 2 << 30,
        full_in_s: None,
    });
    health
}

fn recent() -> Recent {
    let at = |seconds: i64| {
        let now: Timestamp = NOW.parse().unwrap();
        Moment(now.as_microsecond() - seconds * 1_000_000)
    };
    Recent {
        passages: vec![Passage {
            at: at(60),
            read_point: "inbound".to_owned(),
            event_id: "ni:///sha-256;1".to_owned(),
            summary: "3 in <b>: 3 pallets".to_owned(),
            eyes: None,
            alert: false,
        }],
        non_events: vec![NotBooked {
            at: at(90),
            read_point: "inbound".to_owned(),
            direction: "in".to_owned(),
            reason: "too_few_tags".to_owned(),
            text: "it had 1 tag, fewer than min_tags".to_owned(),
            eyes: None,
            advice: "lower min_tags if single things pass here".to_owned(),
            tags: 1,
        }],
        alerts: vec![Stopped {
            at: at(30),
            read_point: "inbound".to_owned(),
            thing: "https://id.gs1.org/01/04012345000016/10/L1".to_owned(),
            rule: "lot_hold".to_owned(),
            text: "lot L1 is on hold".to_owned(),
        }],
        stations: BTreeMap::from([(
            "packing".to_owned(),
            AtStation {
                task: Some("issue".to_owned()),
                operator: Some(("badge-4711".to_owned(), at(-3_600))),
                job: Some(OpenJob {
                    order: Some("WO000123".to_owned()),
                    parent: None,
                    things: 2,
                    newest: Some("01/04012345000016/10/<L2>".to_owned()),
                    touched: at(20),
                    ends: at(-100),
                }),
                refused: Some(Uncleared {
                    at: at(25),
                    text: "lot L1 is on hold".to_owned(),
                }),
                answers: vec![
                    Answer {
                        at: at(20),
                        device: "pack_1".to_owned(),
                        verdict: "pending".to_owned(),
                        text: "scan the quantity".to_owned(),
                        rule: None,
                        operator: Some("badge-4711".to_owned()),
                    },
                    Answer {
                        at: at(25),
                        device: "pack_1".to_owned(),
                        verdict: "refused".to_owned(),
                        text: "lot L1 is on hold".to_owned(),
                        rule: Some("lot_hold".to_owned()),
                        operator: Some("badge-4711".to_owned()),
                    },
                ],
            },
        )]),
        guards: BTreeMap::from([(
            "inbound".to_owned(),
            Guarded {
                refuses: vec!["lot_hold".to_owned(), "lot_expired".to_owned()],
                warns: Vec::new(),
                refuses_stale: vec!["lot_hold".to_owned()],
                max_age_s: 8 * 3_600,
            },
        )]),
    }
}

/// A page that is served, and what answers it.
struct Served {
    address: SocketAddr,
    health: Health,
    stop: CancellationToken,
    beat: Beat,
    tasks: [JoinHandle<()>; 2],
}

impl Served {
    async fn start(password: Option<PathBuf>) -> Self {
        Self::start_with(password, None).await
    }

    async fn start_with(password: Option<PathBuf>, tls: Option<ServerSetup>) -> Self {
        let health = healthy();
        let settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            hosts: vec!["gateway-3.plant.example".to_owned()],
            password,
            tls,
            facts: facts(),
        };
        let server = Server::open(settings).await.unwrap();
        let address = server.address().unwrap();
        let (asks, mut asked) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let beat = health.beat("status page");
        let serving = server.serve(asks, health.clone(), beat.clone(), stop.clone());
        let witness = tokio::spawn(async move {
            while let Some(ask) = asked.recv().await {
                if let Ask::Recent { answer } = ask {
                    let _ = answer.send(recent());
                }
            }
        });
        Self {
            address,
            health,
            stop,
            beat,
            tasks: [tokio::spawn(serving), witness],
        }
    }

    async fn end(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
        assert!(!self.beat.is_running(), "it is not taken for stuck");
    }
}
