//! A broker that does what a test tells it to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::Error as CodecError;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnAckProperties, ConnectReturnCode, DisconnectReasonCode, Packet, PubAck,
    PubAckReason, Publish, SubAck, Subscribe, SubscribeReasonCode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracegate_sim::Task;

/// How long acknowledgements wait for company.
const ACK_DELAY: Duration = Duration::from_millis(2);

const NOTHING_SAID: ConnAckProperties = ConnAckProperties {
    session_expiry_interval: None,
    receive_max: None,
    max_qos: None,
    retain_available: None,
    max_packet_size: None,
    assigned_client_identifier: None,
    topic_alias_max: None,
    reason_string: None,
    user_properties: Vec::new(),
    wildcard_subscription_available: None,
    subscription_identifiers_available: None,
    shared_subscription_available: None,
    server_keep_alive: None,
    response_information: None,
    server_reference: None,
    authentication_method: None,
    authentication_data: None,
};

/// What the broker answers.
pub(super) enum Answer {
    /// Nothing, now or later.
    Silence,
    /// This packet.
    Packet(Box<Packet>),
    /// This packet, once [`Fake::admit`] is called.
    Held(Box<Packet>),
    /// These bytes, and the end of the connection.
    LastWords(Vec<u8>),
    /// The end of the connection.
    Cut,
}

impl Answer {
    pub(super) fn taken(publish: &Publish) -> Self {
        Self::because(publish, PubAckReason::Success)
    }

    pub(super) fn taken_later(publish: &Publish) -> Self {
        match Self::taken(publish) {
            Self::Packet(packet) => Self::Held(packet),
            other => other,
        }
    }

    pub(super) fn because(publish: &Publish, reason: PubAckReason) -> Self {
        Self::Packet(Box::new(Packet::PubAck(PubAck {
            pkid: publish.pkid,
            reason,
            properties: None,
        })))
    }

    pub(super) fn welcome() -> Self {
        Self::welcome_with(|_| {})
    }

    pub(super) fn welcome_with(change: impl FnOnce(&mut ConnAckProperties)) -> Self {
        let mut properties = NOTHING_SAID;
        change(&mut properties);
        Self::connack(ConnectReturnCode::Success, Some(properties))
    }

    pub(super) fn connack(code: ConnectReturnCode, properties: Option<ConnAckProperties>) -> Self {
        Self::Packet(Box::new(Packet::ConnAck(ConnAck {
            session_present: false,
            code,
            properties,
        })))
    }

    /// None of it is allowed.
    fn no_subscription(subscribe: &Subscribe) -> Self {
        let refused = |_: &_| SubscribeReasonCode::NotAuthorized;
        Self::Packet(Box::new(Packet::SubAck(SubAck {
            pkid: subscribe.pkid,
            return_codes: subscribe.filters.iter().map(refused).collect(),
            properties: None,
        })))
    }

    /// DISCONNECT with this reason and no properties.
    pub(super) fn goodbye(reason: DisconnectReasonCode) -> Self {
        Self::LastWords(vec![0xe0, 2, reason as u8, 0])
    }
}

/// What a test wants to know afterwards.
#[derive(Debug, Default, Clone)]
pub(super) struct Log {
    /// Connections so far.
    pub(super) connections: usize,
    /// Numbers of the events that were answered with success, in order.
    pub(super) taken: Vec<i64>,
    /// Numbers of all events that came, with the connection.
    pub(super) heard: Vec<(usize, i64)>,
    /// Messages with events.
    pub(super) messages: usize,
    /// Times that acknowledgements were sent, each after everything that was under way had come: round trips.
    pub(super) rounds: usize,
    /// Status messages.
    pub(super) statuses: Vec<String>,
    /// Messages about devices: topic and text.
    pub(super) devices: Vec<(String, String)>,
    /// Most publishes unacknowledged at a time.
    pub(super) unacknowledged: usize,
    /// Connections that ended with DISCONNECT.
    pub(super) goodbyes: usize,
    /// Connections that ended.
    pub(super) ended: usize,
}

/// A running fake.
pub(super) struct Fake {
    pub(super) addr: SocketAddr,
    log: Arc<Mutex<Log>>,
    gate: Arc<Notify>,
    _task: Task,
}

impl Fake {
    /// `connect` answers the CONNECT of the n-th connection, from 1; `event` answers each message by its connection and its first
    /// event's number.
    /// A status is number 0, and acknowledged unless the answer is silence or the end.
    pub(super) async fn start(
        connect: impl Fn(usize) -> Answer + Send + Sync + 'static,
        event: impl Fn(usize, i64, &Publish) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let fake = Self::gated(connect, event).await;
        fake.admit();
        fake
    }

    /// Lets the second connection and held answers wait until [`Fake::admit`], so that a test can see what comes before.
    pub(super) async fn gated(
        connect: impl Fn(usize) -> Answer + Send + Sync + 'static,
        event: impl Fn(usize, i64, &Publish) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (log, gate) = (
            Arc::new(Mutex::new(Log::default())),
            Arc::new(Notify::new()),
        );
        let (seen, closed) = (log.clone(), gate.clone());
        let task = Task::spawn(async move {
            // One connection at a time, as there is one gateway; the next waits in the backlog.
            while let Ok((socket, _)) = listener.accept().await {
                seen.lock().unwrap().connections += 1;
                converse(socket, &seen, &closed, &connect, &event).await;
                seen.lock().unwrap().ended += 1;
                if seen.lock().unwrap().ended == 1 {
                    closed.notified().await;
                }
            }
        });
        Self {
            addr,
            log,
            gate,
            _task: task,
        }
    }

    pub(super) fn admit(&self) {
        self.gate.notify_one();
    }

    pub(super) fn log(&self) -> Log {
        self.log.lock().unwrap().clone()
    }
}

async fn converse(
    mut socket: TcpStream,
    log: &Mutex<Log>,
    gate: &Notify,
    connect: &impl Fn(usize) -> Answer,
    event: &impl Fn(usize, i64, &Publish) -> Answer,
) {
    let connection = log.lock().unwrap().connections;
    let (mut incoming, mut unacknowledged) = (BytesMut::new(), 0);
    let (mut acks, mut held) = (BytesMut::new(), BytesMut::new());
    loop {
        // The codec does not know a DISCONNECT without reason code, which is the usual goodbye.
        if incoming.starts_with(&[0xe0, 0]) {
            log.lock().unwrap().goodbyes += 1;
            return;
        }
        let packet = match Packet::read(&mut incoming, None) {
            Ok(packet) => packet,
            Err(CodecError::InsufficientBytes(_)) => {
                // Acknowledgements wait until nothing more comes, so that windows fill.
                tokio::select! {
                    got = socket.read_buf(&mut incoming) => if !got.is_ok_and(|count| count > 0) { return },
                    () = gate.notified(), if !held.is_empty() => acks.unsplit(held.split()),
                    () = sleep(ACK_DELAY), if !acks.is_empty() => {
                        if socket.write_all(&acks).await.is_err() {
                            return;
                        }
                        acks.clear();
                        log.lock().unwrap().rounds += 1;
                        unacknowledged = 0;
                    }
                }
                continue;
            }
            Err(error) => panic!("the gateway sent no MQTT: {error}"),
        };
        let answer = match &packet {
            Packet::Connect(..) => connect(connection),
            Packet::Publish(publish) => {
                unacknowledged += 1;
                let answer = heard(connection, publish, log, event);
                let mut log = log.lock().unwrap();
                log.unacknowledged = log.unacknowledged.max(unacknowledged);
                answer
            }
            Packet::Subscribe(subscribe) => Answer::no_subscription(subscribe),
            Packet::Disconnect(_) => {
                log.lock().unwrap().goodbyes += 1;
                return;
            }
            _ => Answer::Silence,
        };
        match answer {
            Answer::Silence => {}
            Answer::Cut => return,
            Answer::Held(packet) => {
                packet.write(&mut held, None).unwrap();
            }
            Answer::LastWords(bytes) => {
                let _ = socket.write_all(&bytes).await;
                let _ = socket.shutdown().await;
                // Closing with bytes unread would reset the connection, and the last words be lost.
                while socket
                    .read_buf(&mut incoming)
                    .await
                    .is_ok_and(|count| count > 0)
                {}
                return;
            }
            Answer::Packet(packet) => {
                packet.write(&mut acks, None).unwrap();
            }
        }
    }
}

fn heard(
    connection: usize,
    publish: &Publish,
    log: &Mutex<Log>,
    event: &impl Fn(usize, i64, &Publish) -> Answer,
) -> Answer {
    if publish.retain {
        let text = String::from_utf8(publish.payload.to_vec()).unwrap();
        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
        let mut log = log.lock().unwrap();
        match topic.as_str() {
            "status" => log.statuses.push(text),
            _ => log.devices.push((topic, text)),
        }
        drop(log);
        return match event(connection, 0, publish) {
            Answer::Silence => Answer::Silence,
            Answer::Cut => Answer::Cut,
            Answer::Held(_) => Answer::taken_later(publish),
            _ => Answer::taken(publish),
        };
    }
    let numbers = super::numbers(&publish.payload);
    let answer = event(connection, numbers[0], publish);
    let mut log = log.lock().unwrap();
    log.messages += 1;
    log.heard
        .extend(numbers.iter().map(|number| (connection, *number)));
    if let Answer::Packet(packet) = &answer
        && let Packet::PubAck(ack) = &**packet
        && ack.reason == PubAckReason::Success
    {
        log.taken.extend(numbers);
    }
    answer
}
