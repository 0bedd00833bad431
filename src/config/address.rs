//! Addresses of devices and of the broker.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};

use super::text::text_type;
use super::units::{FromText, Refusal, deserialize_from_text};

text_type! {
    /// Name or address of a machine, without port.
    Host
}

impl FromText for Host {
    const EXPECTED: &'static str = "a name or address in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str =
            "a name or address; example: \"10.0.4.21\", \"reader-dock-1.plant.example\"";
        if text.is_empty() {
            return Err(Refusal::new("the address is empty", HELP));
        }
        if text.parse::<std::net::IpAddr>().is_ok() {
            return Ok(Host(text.to_owned()));
        }
        if text.contains("://") {
            return Err(Refusal::new(
                "only the name or address belongs here, without ://",
                HELP,
            ));
        }
        if let Some((_, port)) = text.rsplit_once(':')
            && port.bytes().all(|b| b.is_ascii_digit())
        {
            let port = port.parse::<u16>().ok().filter(|port| *port != 0);
            return Err(Refusal::new(
                "the port is a setting of its own here",
                format!("write it as: port = {}", port.unwrap_or(5084)),
            ));
        }
        if let Some(bad) = text
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || "-._".contains(*c)))
        {
            return Err(Refusal::new(
                format!("'{}' cannot be part of an address", bad.escape_debug()),
                HELP,
            ));
        }
        let numeric = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if numeric
            || text.len() > 253
            || text
                .split('.')
                .any(|part| part.is_empty() || part.len() > 63)
        {
            return Err(Refusal::new(what_is_wrong_with(text), HELP));
        }
        Ok(Host(text.to_owned()))
    }
}

/// Why four numbers are no address.
fn what_is_wrong_with(text: &str) -> String {
    let parts: Vec<&str> = text.split('.').collect();
    let is_number = |it: &&str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().all(is_number) {
        return "this is no address".to_owned();
    }
    if parts.len() != 4 {
        return format!("an address has four numbers, this has {}", parts.len());
    }
    if let Some(large) = parts.iter().find(|it| it.parse::<u8>().is_err()) {
        return format!("{} is larger than 255", super::units::shown(large));
    }
    "the numbers of an address have no zeros in front".to_owned()
}

/// Splits `host:port`, with `[…]` around an IPv6 address.
fn host_port(text: &str, default_port: Option<u16>) -> Option<(Host, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (
                host,
                rest.strip_prefix(':')
                    .or(if rest.is_empty() { None } else { Some("") }),
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
            port.parse().ok().filter(|port| *port != 0)?
        }
        Some(_) => return None,
        None => default_port?,
    };
    Some((Host::from_text(host).ok()?, port))
}

/// A TCP address to connect to: `10.0.4.30:9004`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// Name or address.
    pub host: Host,
    /// Port, never 0.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.0.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromText for HostPort {
    const EXPECTED: &'static str = "an address with port in quotes";

    fn from_text(text: &str) -> Result<Self, Refusal> {
        host_port(text, None)
            .map(|(host, port)| HostPort { host, port })
            .ok_or_else(|| {
                let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
                let is_port = port.parse::<u16>().is_ok();
                if is_port && host.parse::<std::net::Ipv6Addr>().is_ok() {
                    let help = format!("write \"[{host}]:{port}\"");
                    return Refusal::new("an IPv6 address stands in brackets", help);
                }
                if !text.contains(':') && Host::from_text(text).is_ok() {
                    return Refusal::new("the port is missing", "example: \"10.0.4.30:9004\"");
                }
                Refusal::new(
                    "this is no address with port",
                    "example: \"10.0.4.30:9004\"",
                )
            })
    }
}

/// Where the MQTT broker is: `mqtt://host[:1883]` or `mqtts://host[:8883]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrokerUrl {
    /// True for `mqtts`.
    pub tls: bool,
    /// Name or address.
    pub host: Host,
    /// Port; 1883 without TLS, 8883 with TLS, unless given.
    pub port: u16,
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = HostPort {
            host: self.host.clone(),
            port: self.port,
        };
        write!(f, "{}://{address}", if self.tls { "mqtts" } else { "mqtt" })
    }
}

impl FromText for BrokerUrl {
    const EXPECTED: &'static str = "a broker address in quotes";

    /// Never repeats the text in a message: it may hold a password.
    fn from_text(text: &str) -> Result<Self, Refusal> {
        const HELP: &str = "example: \"mqtt://broker.plant3.example\", \"mqtts://10.0.4.2:8883\"";
        let (tls, rest) = match text.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            Some((other, _)) => {
                let help = match other {
                    "tcp" | "mqtt+tcp" => "write mqtt:// in front",
                    "ssl" | "tls" | "mqtt+ssl" | "tcps" => "write mqtts:// in front",
                    "ws" | "wss" => {
                        "MQTT over WebSockets is not spoken; brokers listen on 1883 and 8883 as well"
                    }
                    _ => HELP,
                };
                return Err(Refusal::new(
                    "the address starts with mqtt:// or mqtts://",
                    help,
                ));
            }
            None => {
                return Err(Refusal::new(
                    "mqtt:// or mqtts:// is missing in front",
                    HELP,
                ));
            }
        };
        if rest.contains('@') {
            return Err(Refusal::new(
                "user and password do not belong in the address",
                "use the settings username and password_file",
            ));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(Refusal::new("only name and port follow ://", HELP));
        }
        let (host, port) = host_port(rest, Some(if tls { 8883 } else { 1883 }))
            .ok_or_else(|| Refusal::new("this is no broker address", HELP))?;
        Ok(BrokerUrl { tls, host, port })
    }
}

deserialize_from_text!(HostPort, BrokerUrl);

/// More brokers than a cluster has.
pub const MAX_BROKERS: usize = 8;

/// One broker, or a list of those of a cluster: all with TLS, or all without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUrls(Vec<BrokerUrl>);

impl Default for BrokerUrls {
    fn default() -> Self {
        Self(vec![BrokerUrl::default()])
    }
}

impl BrokerUrls {
    /// At least one, at most eight, none twice.
    #[must_use]
    pub fn all(&self) -> &[BrokerUrl] {
        &self.0
    }

    /// Whether they are reached with TLS.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.0.iter().any(|url| url.tls)
    }
}

impl<'de> Deserialize<'de> for BrokerUrls {
    /// One visitor for both forms: serde's `untagged` loses positions.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UrlsVisitor;
        impl<'de> Visitor<'de> for UrlsVisitor {
            type Value = BrokerUrls;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}, or a list of them", BrokerUrl::EXPECTED)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let url = BrokerUrl::from_text(text).map_err(E::custom)?;
                Ok(BrokerUrls(vec![url]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let refuse = |label: String, help| A::Error::custom(Refusal::new(label, help));
                let mut urls: Vec<BrokerUrl> = Vec::new();
                while let Some(url) = list.next_element::<BrokerUrl>()? {
                    if urls.contains(&url) {
                        return Err(refuse(
                            format!("{url} is listed twice"),
                            "list each broker once",
                        ));
                    }
                    if urls.first().is_some_and(|first| first.tls != url.tls) {
                        return Err(refuse(
                            "some brokers with TLS, some without".to_owned(),
                            "all with mqtts:// or all with mqtt://: else who stops one broker reads everything",
                        ));
                    }
                    urls.push(url);
                }
                match urls.len() {
                    0 => Err(refuse(
                        "no broker is listed".to_owned(),
                        "example: [\"mqtts://broker-a.plant3.example\", \"mqtts://broker-b.plant3.example\"]",
                    )),
                    1..=MAX_BROKERS => Ok(BrokerUrls(urls)),
                    _ => Err(refuse(
                        format!("more than {MAX_BROKERS} brokers"),
                        "list those of one cluster",
                    )),
                }
            }
        }
        deserializer.deserialize_seq(UrlsVisitor)
    }
}
