//! Addresses to look for readers at, as people write them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use tracegate_llrp::PORT;

/// Addresses looked at in one run; a larger network is given in parts.
const MOST: u64 = 1_024;

/// Where a reader may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// What was given names no addresses, or too many.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It cannot be read.
    #[error(
        "{0:?} is no address, range or name; write 10.0.4.21, 10.0.4.20-60, 10.0.4.0/24 or reader-1.plant.example, with :PORT where it is not {PORT}"
    )]
    Unreadable(String),
    /// A range that ends before it begins.
    #[error("{0:?} ends before it begins")]
    Backwards(String),
    /// More than can be asked in one go.
    #[error("that is more than {MOST} addresses; give a smaller range, such as 10.0.4.0/24")]
    TooMany,
}

/// The addresses that these texts name, each once, in order. Of a network with a prefix shorter than 31 bits the first and
/// the last address are left out: they are no hosts (RFC 1812 §5.3.5).
///
/// # Errors
/// A text cannot be read, or there are more than 1,024 addresses.
pub fn targets<T: AsRef<str>>(texts: &[T]) -> Result<Vec<Target>, TargetError> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for text in texts.iter().flat_map(|text| text.as_ref().split(',')) {
        for target in one(text.trim())? {
            if seen.insert(target.clone()) {
                all.push(target);
            }
        }
        if all.len() as u64 > MOST {
            return Err(TargetError::TooMany);
        }
    }
    Ok(all)
}

fn one(text: &str) -> Result<Vec<Target>, TargetError> {
    let unreadable = || TargetError::Unreadable(text.to_owned());
    let (hosts, port) = port_of(text).ok_or_else(unreadable)?;
    let target = |host: String| Target { host, port };
    if let Some((network, bits)) = hosts.split_once('/') {
        let network: Ipv4Addr = network.parse().map_err(|_| unreadable())?;
        let bits: u32 = bits
            .parse()
            .ok()
            .filter(|it| *it <= 32)
            .ok_or_else(unreadable)?;
        let size = 1_u64 << (32 - bits);
        if size > MOST + 2 {
            return Err(TargetError::TooMany);
        }
        let first = u64::from(network.to_bits()) & !(size - 1);
        let hosts = match bits {
            31 | 32 => first..first + size,
            _ => first + 1..first + size - 1,
        };
        return Ok(addresses(hosts).map(target).collect());
    }
    if let Some((from, to)) = hosts.split_once('-')
        && let Ok(from) = from.parse::<Ipv4Addr>()
    {
        let to = match to.parse::<u8>() {
            Ok(last) => {
                let [a, b, c, _] = from.octets();
                Ipv4Addr::new(a, b, c, last)
            }
            Err(_) => to.parse().map_err(|_| unreadable())?,
        };
        let (from, to) = (u64::from(from.to_bits()), u64::from(to.to_bits()));
        if to < from {
            return Err(TargetError::Backwards(text.to_owned()));
        }
        if to - from >= MOST {
            return Err(TargetError::TooMany);
        }
        return Ok(addresses(from..to + 1).map(target).collect());
    }
    let is_name = |name: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        !name.is_empty() && name.chars().all(allowed)
            // 10.0.4.256 and 10.0.4 are mistyped addresses, not names.
            && name.rsplit('.').next().is_some_and(|last| last.parse::<u64>().is_err())
    };
    match hosts.parse::<IpAddr>().is_ok() || is_name(hosts) {
        true => Ok(vec![target(hosts.to_owned())]),
        false => Err(unreadable()),
    }
}

/// Hosts, and the port that is said, or that of LLRP. An IPv6 address with a port stands in brackets.
fn port_of(text: &str) -> Option<(&str, u16)> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0);
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest {
            "" => Some((host, PORT)),
            rest => Some((host, port(rest.strip_prefix(':')?)?)),
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Some((text, PORT)),
        Some((host, rest)) => Some((host, port(rest)?)),
        None => Some((text, PORT)),
    }
}

fn addresses(range: std::ops::Range<u64>) -> impl Iterator<Item = String> {
    range
        .filter_map(|bits| u32::try_from(bits).ok())
        .map(|bits| Ipv4Addr::from_bits(bits).to_string())
}
