//! What the running gateway says.

use serde_json::Value;

use super::{BROKEN, Chain, what};
use crate::config::{Acknowledge, Config};
use crate::health::{Code, DeviceKind};
use crate::source::llrp::link::Link;
use crate::topology::{self, Device};

/// What follows from nothing that was connected to.
const JUST_STARTED: &str = "the gateway has not tried it yet; ask again in a few seconds";

/// A link, and the conditions that say that it is broken.
type Links = &'static [(&'static str, &'static [Code])];

const READER: Links = &[
    ("connects", CONNECTION),
    (
        "is trusted, and opens an LLRP session",
        &[Code::DeviceUntrusted, Code::ReaderBusy, Code::ReaderRefused],
    ),
    ("clock", &[Code::ReaderClock]),
    (
        "antennas",
        &[Code::AntennaDown, Code::AntennaWeak, Code::ReaderSilent],
    ),
    ("has no complaint of its own", &[]),
];
const OTHER: Links = &[
    ("connects", CONNECTION),
    ("is trusted", &[Code::DeviceUntrusted]),
    ("sends what can be understood", &[]),
];
const CONNECTION: &[Code] = &[
    Code::ReaderUnreachable,
    Code::DeviceUnreachable,
    Code::DeviceGone,
    Code::DeviceDenied,
    Code::PortTaken,
    Code::DeviceAwaited,
];
const BROKER: Links = &[
    ("connects", &[Code::BrokerDown]),
    ("lets the gateway in", &[Code::BrokerDenied]),
    (
        "lets it publish and subscribe",
        &[
            Code::BrokerRefuses,
            Code::BrokerStalled,
            Code::StoreSubscription,
            Code::CommandsNotHeard,
            Code::LotsNotHeard,
        ],
    ),
    (
        "the store behind it confirms",
        &[Code::StoreRefused, Code::StoreSilent],
    ),
];
/// The same where nobody waits for the store's word.
const BROKER_ALONE: Links = BROKER.split_last().expect("it has links").1;
const DISK: Links = &[
    ("stores", &[Code::StorageFailed, Code::BufferDamaged]),
    (
        "has room",
        &[
            Code::BufferFull,
            Code::BufferNearlyFull,
            Code::BufferGrowing,
        ],
    ),
];
const CLOCK: Links = &[("follows a time server", &[Code::ClockUnsynced])];

/// A condition of the status message.
struct Said {
    code: Code,
    subject: String,
    text: String,
}

/// Every chain.
pub(super) fn chains(config: &Config, status: &Value) -> Vec<Chain> {
    let list = status.get("conditions").and_then(Value::as_array);
    let mut conditions: Vec<Said> = list.into_iter().flatten().filter_map(said).collect();
    let kinds = topology::kinds(config);
    let mut chains: Vec<Chain> = topology::devices(config)
        .unwrap_or_default()
        .iter()
        .filter_map(|(name, settings)| {
            let kind = *kinds.get(name)?;
            let about = match settings {
                Device::Llrp(reader) => match &reader.link {
                    Link::Dial { host, port, .. } => format!("{}, {host}:{port}", what(kind)),
                    Link::Listen { at, .. } => format!("{}, dials in to {at}", what(kind)),
                },
                _ => what(kind).to_owned(),
            };
            let mut chain = Chain::new(name, about);
            let of = |said: &Said| {
                let rest = said.subject.strip_prefix(name.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let own = take(&mut conditions, of);
            let state = status.get("devices").and_then(|all| all.get(name));
            device(&mut chain, kind, state, &own);
            Some(chain)
        })
        .collect();
    for (name, links) in [("broker", BROKER), ("disk", DISK), ("clock", CLOCK)] {
        let known = |said: &Said| links.iter().any(|(_, codes)| codes.contains(&said.code));
        let own = take(&mut conditions, known);
        // What the store says is of interest where it is waited for, and where it is complained of.
        let says_more = |said: &Said| BROKER_ALONE.iter().all(|(_, it)| !it.contains(&said.code));
        let alone = config.mqtt.acknowledge == Acknowledge::Broker && !own.iter().any(says_more);
        let links = match name {
            "broker" if alone => BROKER_ALONE,
            _ => links,
        };
        let mut chain = Chain::new(name, "");
        let brokers = status.get("brokers").and_then(Value::as_array);
        let mut brokers = brokers.into_iter().flatten();
        let is_up = |it: &Value| it.get("state").and_then(Value::as_str) == Some("up");
        if name == "broker" && own.is_empty() && !brokers.any(is_up) {
            let links: Vec<&str> = links.iter().map(|(link, _)| *link).collect();
            chain.skip(&links, JUST_STARTED);
        } else {
            walk(
                &mut chain,
                links,
                &own,
                &[Code::BrokerDown, Code::BrokerDenied],
            );
        }
        chains.push(chain);
    }
    let text = |key| status.get(key).and_then(Value::as_str).unwrap_or("?");
    let mut gateway = Chain::new("gateway", "");
    gateway.ok(&format!(
        "answers: tracegate {} at {}",
        text("version"),
        text("site")
    ));
    for said in &conditions {
        gateway.condition(said.code, &said.text);
    }
    chains.push(gateway);
    chains
}

fn said(condition: &Value) -> Option<Said> {
    let text = |key| condition.get(key).and_then(Value::as_str);
    let code = text("code")?;
    Some(Said {
        code: *Code::ALL.iter().find(|it| it.as_str() == code)?,
        subject: text("subject")?.to_owned(),
        text: text("text")?.to_owned(),
    })
}

/// Takes those out that fit.
fn take(all: &mut Vec<Said>, fits: impl Fn(&Said) -> bool) -> Vec<Said> {
    let (own, rest) = std::mem::take(all).into_iter().partition(fits);
    *all = rest;
    own
}

fn device(chain: &mut Chain, kind: DeviceKind, state: Option<&Value>, own: &[Said]) {
    let links = match kind {
        DeviceKind::Reader => READER,
        _ => OTHER,
    };
    let names: Vec<&str> = links.iter().map(|(link, _)| *link).collect();
    let text = |key| state?.get(key)?.as_str();
    match text("state") {
        None => chain.fail(
            "the running gateway does not know it",
            "the file has changed since it was taken into use: tracegate reload",
        ),
        Some("starting") => chain.skip(&names, JUST_STARTED),
        Some("down") => {
            // The condition shows only when this has lasted.
            let reason = text("reason").unwrap_or("it is not connected");
            let code = Code::of_reason(reason, Some(kind));
            let broken = links.iter().position(|(_, codes)| codes.contains(&code));
            let broken = broken.unwrap_or_default();
            names.iter().take(broken).for_each(|link| chain.ok(link));
            chain.down(reason, kind);
            let after: Vec<&str> = names.into_iter().skip(broken + 1).collect();
            chain.skip(&after, BROKEN);
        }
        Some(_) => walk(chain, links, own, &[]),
    }
}

/// Every link with what is wrong with it; a link without codes takes what no other has. Behind `ends` nothing is known.
fn walk(chain: &mut Chain, links: Links, own: &[Said], ends: &[Code]) {
    let claimed = |code| links.iter().any(|(_, codes)| codes.contains(&code));
    for (at, (link, codes)) in links.iter().enumerate() {
        let fits = |said: &&Said| match codes.is_empty() {
            true => !claimed(said.code),
            false => codes.contains(&said.code),
        };
        let broken: Vec<&Said> = own.iter().filter(fits).collect();
        if broken.is_empty() {
            chain.ok(link);
        }
        for said in &broken {
            chain.condition(said.code, &said.text);
        }
        if broken.iter().any(|said| ends.contains(&said.code)) {
            let after: Vec<&str> = links.iter().skip(at + 1).map(|(link, _)| *link).collect();
            return chain.skip(&after, BROKEN);
        }
    }
}
