//! Without a running gateway: devices and broker are tried from here, and left at once.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::{BROKEN, Chain, Outcome, machine, what};
use crate::clock::is_synchronised;
use crate::config::Config;
use crate::forward::client::Endpoint;
use crate::forward::probe::{Entry, enter};
use crate::health::{Code, DeviceKind};
use crate::source::llrp::link::Link;
use crate::source::llrp::probe::Probe;
use crate::source::marker::Feed;
use crate::source::receiver::Way;
use crate::source::transport::{Opener, Transport};
use crate::source::{hid, keyboard};
use crate::topology::{self, Device};

/// For a name server, and for a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// Why the rest of what dials in is not looked at.
const DIALS_IN: &str = "it connects by itself; start the gateway and ask again";

/// The chains of what is wanted, one after the other.
pub(super) async fn chains(config: &Config, wanted: &impl Fn(&str) -> bool) -> Vec<Chain> {
    let mut chains = Vec::new();
    for (name, settings) in topology::devices(config).unwrap_or_default() {
        if wanted(&name) {
            chains.push(device(&name, settings).await);
        }
    }
    if wanted("broker") {
        chains.extend(brokers(config).await);
    }
    if wanted("disk") {
        chains.push(machine::disk(config));
    }
    if wanted("clock") {
        chains.push(machine::clock(is_synchronised()));
    }
    if wanted("gateway") {
        let mut chain = Chain::new("gateway", "");
        let fix = "start it: systemctl start tracegate; journalctl -u tracegate tells why it ended";
        chain.add(Outcome::Warn, "is not running", Some(fix));
        chains.push(chain);
    }
    chains
}

async fn device(name: &str, settings: Device) -> Chain {
    match settings {
        Device::Llrp(reader) => llrp(name, &reader.link).await,
        Device::Scanner(scanner) => transport(name, DeviceKind::Scanner, scanner.transport).await,
        Device::Receiver(receiver) => match receiver.way {
            Way::Direct(way) => transport(name, DeviceKind::Receiver, way).await,
            Way::Mqtt(subscription) => {
                let about = format!("receiver, publishes {}", subscription.topics);
                let mut chain = Chain::new(name, about);
                let mut is_up = true;
                for Endpoint { host, port } in &subscription.endpoints {
                    is_up &= reach(&mut chain, host, *port, "[receiver] mqtt_url").await;
                }
                let why = match is_up {
                    true => "only the running gateway hears it; start it and ask again",
                    false => BROKEN,
                };
                chain.skip(&["what it publishes"], why);
                chain
            }
        },
        Device::Marker(marker) => match marker.feed {
            Feed::Live(live) => transport(name, DeviceKind::Marker, live.transport).await,
            Feed::Log(log) => readable(name, "log", &log.path),
            Feed::Folder(folder) => readable(name, "folder", &folder.path),
        },
        Device::Hid(scanner) => {
            let mut chain = Chain::new(name, format!("scanner, HID {}", scanner.choice));
            match hid::look(&scanner.choice) {
                Ok(()) => chain.ok("is plugged in, and may be opened"),
                Err(reason) => chain.down(&reason, DeviceKind::Scanner),
            }
            chain
        }
        Device::Keyboard(scanner) => {
            let mut chain = Chain::new(name, format!("scanner, {}", scanner.path.display()));
            match keyboard::look(&scanner.path) {
                Ok(()) => chain.ok("is plugged in, and may be opened"),
                Err(reason) => chain.down(&reason, DeviceKind::Scanner),
            }
            chain
        }
    }
}

async fn llrp(name: &str, link: &Link) -> Chain {
    let kind = DeviceKind::Reader;
    let (host, port, tls) = match link {
        Link::Dial { host, port, tls } => (host, *port, tls),
        Link::Listen { at, .. } => {
            let mut chain = Chain::new(name, format!("{}, dials in to {at}", what(kind)));
            prepared(&mut chain, kind, Transport::Listen(*at)).await;
            return chain;
        }
    };
    let mut chain = Chain::new(name, format!("{}, {host}:{port}", what(kind)));
    let links = ["connection", "LLRP session", "clock", "antennas"];
    if !resolves(&mut chain, host, port, &format!("[llrp.{name}] host")).await {
        chain.skip(&links, BROKEN);
        return chain;
    }
    let accepts = format!("port {port} accepts a connection");
    let mut probe = match Probe::connect(host, port, tls.as_ref()).await {
        Ok(probe) => probe,
        Err(reason) => {
            // TLS comes after the connection.
            if Code::of_reason(&reason, Some(kind)) == Code::DeviceUntrusted {
                chain.ok(&accepts);
            }
            chain.down(&reason, kind);
            chain.skip(&links[1..], BROKEN);
            return chain;
        }
    };
    chain.ok(&accepts);
    if tls.is_some() {
        chain.ok("TLS, and its certificate is trusted");
    }
    match probe.session().await {
        Ok(complaint) => {
            chain.ok("opens an LLRP session");
            match complaint {
                None => chain.ok("clock"),
                Some(complaint) => chain.condition(Code::ReaderClock, &complaint),
            }
        }
        Err(reason) => {
            chain.down(&reason, kind);
            chain.skip(&links[2..], BROKEN);
            return chain;
        }
    }
    match probe.antennas().await {
        Ok(antennas) => {
            let connected = |&(id, there): &(u16, bool)| there.then(|| id.to_string());
            let there: Vec<String> = antennas.iter().filter_map(connected).collect();
            match there.as_slice() {
                [] => chain.condition(
                    Code::AntennaDown,
                    "the reader says that no antenna is connected",
                ),
                there => chain.ok(&format!(
                    "antennas that it says are connected: {}",
                    there.join(", ")
                )),
            }
        }
        Err(reason) => chain.add(Outcome::Skip, &format!("antennas: {reason}"), None),
    }
    probe.close().await;
    chain
}

async fn transport(name: &str, kind: DeviceKind, transport: Transport) -> Chain {
    let what = what(kind);
    let about = match &transport {
        Transport::Serial(line) => format!("{what}, {} at {} baud", line.path.display(), line.baud),
        Transport::Tcp(address) => format!("{what}, {address}"),
        Transport::Listen(at) => format!("{what}, dials in to {at}"),
        Transport::Udp(at) => format!("{what}, sends datagrams to {at}"),
    };
    let mut chain = Chain::new(name, about);
    let opens = match &transport {
        Transport::Listen(_) => {
            prepared(&mut chain, kind, transport).await;
            return chain;
        }
        Transport::Tcp(address) => {
            let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
            let (host, port) = (host.trim_matches(['[', ']']), port.parse().unwrap_or(0));
            if !resolves(&mut chain, host, port, &format!("the address of {name}")).await {
                chain.skip(&["connection", "what it sends"], BROKEN);
                return chain;
            }
            "accepts a connection"
        }
        Transport::Serial(_) => "is plugged in, and may be opened",
        Transport::Udp(_) => "the port can be opened",
    };
    match Opener::new(transport).open(what).await {
        Ok(_port) => {
            chain.ok(opens);
            chain.skip(
                &["what it sends"],
                "only the running gateway hears it; start it, scan, and ask: tracegate status",
            );
        }
        Err(reason) => {
            chain.down(&reason, kind);
            chain.skip(&["what it sends"], BROKEN);
        }
    }
    chain
}

/// A port of ours that the device connects to.
async fn prepared(chain: &mut Chain, kind: DeviceKind, transport: Transport) {
    match Opener::new(transport).prepare(what(kind)).await {
        Ok(_) => {
            chain.ok("the port can be opened");
            chain.skip(&["connection", "what it sends"], DIALS_IN);
        }
        Err(reason) => {
            chain.down(&reason, kind);
            chain.skip(&["connection", "what it sends"], BROKEN);
        }
    }
}

fn readable(name: &str, what: &str, path: &Path) -> Chain {
    let mut chain = Chain::new(name, format!("marker, {what} {}", path.display()));
    let opened = match what {
        "folder" => fs::read_dir(path).map(drop),
        _ => File::open(path).map(drop),
    };
    let shown = path.display();
    match opened {
        Ok(()) => chain.ok(&format!("the {what} can be read")),
        Err(error) => {
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => format!("{shown} is not there"),
                std::io::ErrorKind::PermissionDenied => {
                    format!("{shown} may not be read by this user")
                }
                _ => format!("{shown} cannot be read: {error}"),
            };
            chain.down(&reason, DeviceKind::Marker);
        }
    }
    chain
}

/// A chain for each broker of a cluster.
async fn brokers(config: &Config) -> Vec<Chain> {
    let settings = topology::forwarder(config);
    let mut chains = Vec::new();
    for endpoint in &settings.endpoints {
        let mut chain = Chain::new("broker", endpoint);
        let links = [
            match settings.tls {
                Some(_) => "TLS and MQTT",
                None => "MQTT",
            },
            "lets the gateway in",
            "lets it subscribe",
        ];
        chains.push(
            if reach(&mut chain, &endpoint.host, endpoint.port, "[mqtt] url").await {
                let entry = enter(&settings, endpoint).await;
                entered(chain, links, entry)
            } else {
                chain.skip(&links, BROKEN);
                chain
            },
        );
    }
    chains
}

fn entered(
    mut chain: Chain,
    links: [&str; 3],
    (entry, remarks): (Entry, Vec<(Code, String)>),
) -> Chain {
    match entry {
        Entry::Unusable(why) => {
            chain.fail(&why, "mend the file that the text names");
            chain.skip(&links, BROKEN);
        }
        Entry::Speechless(why) => {
            chain.condition(Code::BrokerDown, &why);
            chain.skip(&links[1..], BROKEN);
        }
        Entry::Refused(why) => {
            chain.ok(links[0]);
            chain.condition(Code::BrokerDenied, &why);
            chain.skip(&links[2..], BROKEN);
        }
        Entry::In(refused) => {
            chain.ok(links[0]);
            chain.ok(links[1]);
            if refused.is_empty() {
                chain.ok(links[2]);
            }
            for (topic, why) in refused {
                chain.fail(
                    &format!("the broker refuses the subscription to {topic}: {why}"),
                    "let the gateway's user subscribe to it at the broker",
                );
            }
            chain.skip(
                &["may publish"],
                "only an event shows that; tracegate status tells when the gateway runs",
            );
        }
    }
    for (code, text) in remarks {
        chain.condition(code, &text);
    }
    chain
}

/// Whether name and port of a server are there.
async fn reach(chain: &mut Chain, host: &str, port: u16, setting: &str) -> bool {
    if !resolves(chain, host, port, setting).await {
        return false;
    }
    let error = match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => {
            chain.ok(&format!("port {port} accepts a connection"));
            return true;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it does not answer".to_owned(),
    };
    let fix = format!(
        "check that the broker runs and listens there, {setting}, and the network in between"
    );
    chain.fail(&format!("cannot connect to port {port}: {error}"), &fix);
    false
}

/// Whether a host's name has an address; one that is an address needs none.
async fn resolves(chain: &mut Chain, host: &str, port: u16, setting: &str) -> bool {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return true;
    }
    let error = match timeout(PATIENCE, lookup_host((host, port))).await {
        Ok(Ok(mut found)) => match found.next() {
            Some(address) => {
                chain.ok(&format!("{host} is {}", address.ip()));
                return true;
            }
            None => "it has no address".to_owned(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no name server answers".to_owned(),
    };
    let fix = format!(
        "check the spelling in {setting}, and this machine's name server; an IP address needs none"
    );
    chain.fail(&format!("the name {host} has no address: {error}"), &fix);
    false
}
