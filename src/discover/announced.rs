//! Readers that announce themselves: DNS-based service discovery (RFC 6763) over multicast DNS (RFC 6762).
//!
//! Makers register `_llrp._tcp`. It is asked for in each network that this machine is in, from a port of our own: a one-shot
//! query (RFC 6762 §5.1), which responders answer to that port alone, so no other program here that knows mDNS is in the way.
//! What an answer leaves out is asked for in the next round. No reader is connected to.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use nix::net::if_::InterfaceFlags;
use serde::Serialize;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, Question, TYPE};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::readers::{Held, Reader, State};
use super::targets::Target;
use crate::health::tame;

/// What readers are announced as.
const SERVICE: &str = "_llrp._tcp.local";
/// Where multicast DNS is spoken (RFC 6762 §3).
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353);
/// Times that it is asked for, with this between: answers get lost, and come in parts.
const ROUNDS: u32 = 3;
const ROUND: Duration = Duration::from_secs(1);
/// Readers heard of, and addresses of each, at most: whoever answers more is no reader.
const MOST: usize = 256;
const MOST_ADDRESSES: usize = 8;
/// Things asked for in one message.
const MOST_QUESTIONS: usize = 24;
/// The longest message (RFC 6762 §17).
const MOST_BYTES: usize = 9_000;

/// A network that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Name of the interface.
    pub interface: String,
    /// This machine's address there.
    pub address: Ipv4Addr,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Announced {
    /// Where it was asked for.
    pub asked: Vec<Asked>,
    /// Who answered.
    pub readers: Vec<Reader>,
}

/// The networks of this machine that can be asked: those that are up and carry multicast.
///
/// # Errors
/// The system does not tell.
pub fn networks() -> io::Result<Vec<Asked>> {
    let mut found = Vec::new();
    let wanted = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_MULTICAST;
    for it in nix::ifaddrs::getifaddrs()? {
        let address = it
            .address
            .and_then(|it| it.as_sockaddr_in().map(|it| it.ip()));
        let is_loop = it.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        if let (Some(address), true, false) = (address, it.flags.contains(wanted), is_loop) {
            found.push(Asked {
                interface: it.interface_name,
                address,
                problem: None,
            });
        }
    }
    Ok(found)
}

/// How long [`announced`] takes.
#[must_use]
pub fn patience() -> Duration {
    ROUND * ROUNDS
}

/// Asks in these networks which readers announce themselves. Takes [`patience`].
pub async fn announced(networks: Vec<Asked>, held: &Held) -> Announced {
    ask(networks, GROUP, held).await
}

/// The same of whoever is at `to`.
pub(super) async fn ask(networks: Vec<Asked>, to: SocketAddrV4, held: &Held) -> Announced {
    let mut asks = JoinSet::new();
    for (place, mut network) in networks.into_iter().enumerate() {
        asks.spawn(async move {
            let mut heard = Heard::default();
            let done = listen(&network, to, &mut heard).await;
            network.problem = done.err().map(|error| error.to_string());
            (place, network, heard)
        });
    }
    let mut all = asks.join_all().await;
    all.sort_by_key(|(place, ..)| *place);
    let mut found = Announced {
        asked: Vec::new(),
        readers: Vec::new(),
    };
    // One that is in two networks is heard twice.
    let mut seen = BTreeSet::new();
    for (_, network, heard) in all {
        for (name, service) in &heard.services {
            let Some((port, host)) = &service.at else {
                continue;
            };
            // Names are one's own on each network only.
            if seen.insert((name.clone(), host.clone())) {
                let addresses = heard.addresses.get(host);
                let reader = reader(service, *port, host, addresses, held);
                found.readers.push(reader.await);
            }
        }
        found.asked.push(network);
    }
    found
}

async fn reader(
    service: &Service,
    port: u16,
    host: &str,
    addresses: Option<&BTreeSet<IpAddr>>,
    held: &Held,
) -> Reader {
    let mut name = None;
    for address in addresses.into_iter().flatten() {
        let host = address.to_string();
        name = name.or(held.name(&Target { host, port }).await.cloned());
    }
    let is_held = held.is_running() && name.is_some();
    // Version 4 comes first; what is the link's own needs a scope, or an address that this machine may not have.
    let is_local = |it: &IpAddr| match it {
        IpAddr::V4(it) => it.is_link_local(),
        IpAddr::V6(it) => it.is_unicast_link_local(),
    };
    let addresses = addresses.into_iter().flatten();
    let address = addresses.min_by_key(|it| (is_local(it), **it));
    let mut about = vec![tame(&service.label), tame(host)];
    about.extend(service.texts.iter().map(|text| tame(text)));
    Reader {
        host: address.map_or_else(|| tame(host), IpAddr::to_string),
        port,
        state: if is_held {
            State::Held
        } else {
            State::Announced
        },
        name,
        about: Some(about.join(", ")),
        antennas: Vec::new(),
        note: None,
    }
}

async fn listen(network: &Asked, to: SocketAddrV4, heard: &mut Heard) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&SocketAddr::from((network.address, 0)).into())?;
    socket.set_multicast_if_v4(&network.address)?;
    // RFC 6762 §11.
    socket.set_multicast_ttl_v4(255)?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket.into())?;
    let mut bytes = vec![0; MOST_BYTES];
    let mut until = Instant::now();
    for _ in 0..ROUNDS {
        until += ROUND;
        if let Some(message) = heard.question() {
            socket.send_to(&message, to).await?;
        }
        while let Ok(received) = timeout_at(until, socket.recv_from(&mut bytes)).await {
            // An answer comes from where it is asked for (RFC 6762 §6); a refused one (ICMP) is as good as none.
            if let Ok((len, from)) = received
                && from.port() == to.port()
            {
                heard.take(bytes.get(..len).unwrap_or_default());
            }
        }
    }
    Ok(())
}

/// What was heard in a network.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// By name, in small letters.
    services: BTreeMap<String, Service>,
    /// Of hosts, by name in small letters.
    addresses: BTreeMap<String, BTreeSet<IpAddr>>,
}

#[derive(Debug, Default)]
struct Service {
    /// Its own part of the name.
    label: String,
    /// Port and host.
    at: Option<(u16, String)>,
    /// What else it tells.
    texts: Vec<String>,
}

impl Heard {
    /// What is to be asked for.
    fn question(&self) -> Option<Vec<u8>> {
        let mut wanted = vec![(SERVICE, TYPE::PTR)];
        for (name, service) in &self.services {
            match &service.at {
                None => wanted.extend([(name.as_str(), TYPE::SRV), (name, TYPE::TXT)]),
                Some((_, host)) if !self.addresses.contains_key(host) => {
                    wanted.push((host, TYPE::A));
                }
                Some(_) => {}
            }
        }
        wanted.truncate(MOST_QUESTIONS);
        let mut packet = Packet::new_query(0);
        for (name, kind) in wanted {
            // One that is none does not keep the others from being asked for.
            let Ok(name) = Name::new(name) else {
                continue;
            };
            let question = Question::new(name, kind.into(), CLASS::IN.into(), false);
            packet.questions.push(question);
        }
        packet.build_bytes_vec_compressed().ok()
    }

    /// Takes a message; what is no answer about readers is passed over.
    pub(super) fn take(&mut self, message: &[u8]) {
        let Ok(packet) = Packet::parse(message) else {
            return;
        };
        if !packet.has_flags(simple_dns::PacketFlag::RESPONSE) {
            return;
        }
        let Ok(of_service) = Name::new(SERVICE) else {
            return;
        };
        let records = packet.answers.iter().chain(&packet.additional_records);
        // A service first, whatever the order is: then what is said of it.
        for record in records.clone() {
            if let RData::PTR(name) = &record.rdata
                && key(&record.name) == SERVICE
                && record.ttl > 0
                && name.0.is_subdomain_of(&of_service)
                && self.services.len() < MOST
                && let Some(label) = name.0.get_labels().first()
            {
                let service = self.services.entry(key(&name.0)).or_default();
                service.label = String::from_utf8_lossy(label.as_ref()).into_owned();
            }
        }
        for record in records {
            let name = key(&record.name);
            let service = self.services.get_mut(&name);
            match (&record.rdata, service) {
                (RData::SRV(srv), Some(service)) => {
                    service.at = Some((srv.port, key(&srv.target)));
                }
                (RData::TXT(txt), Some(service)) => {
                    let mut texts: Vec<String> = txt
                        .iter_raw()
                        .filter(|(key, _)| !key.is_empty())
                        .map(|(key, value)| {
                            let key = String::from_utf8_lossy(key);
                            let value = String::from_utf8_lossy(value.unwrap_or_default());
                            format!("{key}={value}")
                        })
                        .collect();
                    texts.truncate(MOST_ADDRESSES);
                    service.texts = texts;
                }
                (RData::A(a), _) => self.at(name, Ipv4Addr::from(a.address).into()),
                (RData::AAAA(a), _) => self.at(name, IpAddr::V6(a.address.into())),
                _ => {}
            }
        }
    }

    fn at(&mut self, host: String, address: IpAddr) {
        let is_known = self.addresses.contains_key(&host);
        if is_known || self.addresses.len() < MOST {
            let addresses = self.addresses.entry(host).or_default();
            if addresses.len() < MOST_ADDRESSES {
                addresses.insert(address);
            }
        }
    }
}

/// Names are compared without regard to case (RFC 6762 §16).
fn key(name: &Name<'_>) -> String {
    name.to_string().to_ascii_lowercase()
}
