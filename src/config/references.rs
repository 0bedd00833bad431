//! Names that refer to each other: read points to antennas and scanners, devices to addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::address::Host;
use super::check::{Checker, near_label, plain_name};
use super::diagnostic::{Diagnostic, Place};
use super::model::ReadPoint;
use super::scanner::Scanner;
use super::source::{Seg, keys};
use super::text::{AntennaRef, FileName};
use super::units::shown;

/// True when names of this kind cannot be judged, because a section that may define them was not understood.
pub(super) fn unclear(checker: &Checker<'_>, kind: &str) -> bool {
    checker.tree.lost_section(kind) || checker.is_meant(&[kind])
}

pub(super) fn check(checker: &mut Checker<'_>) {
    antennas(checker);
    scanners(checker);
    addresses(checker);
    device_names(checker);
    active(checker);
}

/// One entry of a list and where it stands.
pub(super) fn entry_place(
    checker: &Checker<'_>,
    [kind, name]: [&str; 2],
    list: &str,
    index: usize,
) -> Place {
    let mut path = keys(&[kind, name, list]);
    path.push(Seg::Index(index));
    checker.tree.place(&path)
}

pub(super) fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).take(30).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn antennas(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut uses: Vec<(Place, &AntennaRef, &str, &str)> = Vec::new();
    for (name, read_point) in &config.read_point {
        for (side, list) in [
            ("inside", &read_point.inside),
            ("outside", &read_point.outside),
            ("antennas", &read_point.antennas),
        ] {
            for (index, antenna) in list.iter().enumerate() {
                uses.push((
                    entry_place(checker, ["read_point", name], side, index),
                    antenna,
                    name,
                    side,
                ));
            }
        }
    }
    uses.sort();
    let mut owners: BTreeMap<&AntennaRef, (&Place, &str, &str)> = BTreeMap::new();
    let mut undefined = BTreeSet::new();
    for (place, antenna, name, side) in &uses {
        if let Some(problem) = undefined_antenna(checker, place, antenna, name) {
            // One reader that is not there is one mistake, however many antennas of it are named.
            let is_there = config.llrp.contains_key(&antenna.llrp);
            if is_there || undefined.insert((name, &antenna.llrp)) {
                checker.problems.push(problem);
            }
            continue;
        }
        if let Some((first, owner, owner_side)) = owners.get(antenna) {
            let title = match (owner == name, owner_side == side) {
                (true, true) => format!("antenna `{antenna}` is listed twice"),
                (true, false) => format!("antenna `{antenna}` is both inside and outside"),
                (false, _) => format!("antenna `{antenna}` belongs to two read points"),
            };
            let label = format!("{owner_side} of `{}` here", shown(owner));
            let problem = Diagnostic::error("conflict", title, place.clone(), "used again here")
                .context((*first).clone(), label)
                .help("an antenna has one side of one read point");
            checker.problems.push(problem);
            continue;
        }
        owners.insert(antenna, (place, name, side));
    }
}

/// True for a name that is refused, and would be `wanted` if it were written as names are.
fn is_misnamed(name: &str, wanted: &str) -> bool {
    name != wanted && plain_name(name).is_some_and(|plain| plain == wanted)
}

fn undefined_antenna(
    checker: &Checker<'_>,
    place: &Place,
    antenna: &AntennaRef,
    name: &str,
) -> Option<Diagnostic> {
    let config = checker.config;
    let (reader, shown_name) = (antenna.llrp.as_str(), shown(name));
    if config.receiver.contains_key(reader) {
        return None;
    }
    let Some(llrp) = config.llrp.get(reader) else {
        let unclear = ["llrp", "receiver"]
            .iter()
            .any(|kind| checker.tree.has(&[kind, reader]) || unclear(checker, kind));
        let mut all = config.llrp.keys().chain(config.receiver.keys());
        if unclear || all.any(|it| is_misnamed(it, reader)) {
            return None;
        }
        let title = format!(
            "read point `{shown_name}` uses reader `{}`, which is not defined",
            shown(reader)
        );
        let all = config.llrp.keys().chain(config.receiver.keys());
        let near = super::suggest::nearest(reader, all.clone().map(String::as_str));
        let label = near
            .map(|near| format!("did you mean \"{near}/{}\"?", antenna.antenna))
            .unwrap_or_default();
        let problem = Diagnostic::error("undefined", title, place.clone(), label)
            .help(format!("defined readers: {}", names(all)));
        let kind = |near: &str| match config.llrp.contains_key(near) {
            true => "llrp",
            false => "receiver",
        };
        return Some(match near {
            Some(near) => problem.context(
                checker.tree.at_key(&[kind(near), near]),
                format!("`{near}` is defined here"),
            ),
            None => problem,
        });
    };
    if llrp.antennas.contains(antenna.antenna) || checker.tree.is_bad(&["llrp", reader, "antennas"])
    {
        return None;
    }
    let title = format!(
        "read point `{shown_name}` uses antenna {} of `{reader}`, which is not switched on",
        antenna.antenna
    );
    let problem = Diagnostic::error("undefined", title, place.clone(), "")
        .context(
            checker.tree.at(&["llrp", reader, "antennas"]),
            "the antennas in use are listed here",
        )
        .help("add the antenna to the list, or remove it from the read point");
    Some(problem)
}

fn scanners(checker: &mut Checker<'_>) {
    let config = checker.config;
    let scanners: BTreeSet<&str> = config.scanner.keys().map(String::as_str).collect();
    let markers: BTreeSet<&str> = config.marker.keys().map(String::as_str).collect();
    one_point_each(checker, ["scanner", "scanners"], "scan", &scanners, |it| {
        &it.scanners
    });
    one_point_each(checker, ["marker", "markers"], "mark", &markers, |it| {
        &it.markers
    });
}

/// Devices of one kind that a read point names are there, and each counts for one read point.
fn one_point_each(
    checker: &mut Checker<'_>,
    [kind, list]: [&'static str; 2],
    what: &str,
    defined: &BTreeSet<&str>,
    named: impl Fn(&ReadPoint) -> &Vec<String>,
) {
    let config = checker.config;
    let mut uses: Vec<(Place, &str, &str)> = Vec::new();
    for (name, read_point) in &config.read_point {
        for (index, scanner) in named(read_point).iter().enumerate() {
            uses.push((
                entry_place(checker, ["read_point", name], list, index),
                scanner,
                name,
            ));
        }
    }
    uses.sort();
    let mut owners: BTreeMap<&str, (&Place, &str)> = BTreeMap::new();
    for (place, scanner, name) in &uses {
        if unclear(checker, kind) {
            return;
        }
        if defined.iter().any(|it| is_misnamed(it, scanner)) {
            continue;
        }
        if !defined.contains(scanner) && !checker.tree.has(&[kind, scanner]) {
            let title = format!(
                "read point `{}` uses {kind} `{}`, which is not defined",
                shown(name),
                shown(scanner)
            );
            let label = near_label(scanner, defined.iter().copied());
            let all: Vec<String> = defined.iter().map(|it| (*it).to_owned()).collect();
            let help = format!("defined {list}: {}", names(all.iter()));
            checker.error("undefined", title, place.clone(), &label, &help);
        } else if let Some((first, owner)) = owners.get(scanner) {
            let title = match owner == name {
                true => format!("{kind} `{}` is listed twice", shown(scanner)),
                false => format!("{kind} `{}` belongs to two read points", shown(scanner)),
            };
            let problem = Diagnostic::error("conflict", title, place.clone(), "used again here")
                .context((*first).clone(), format!("used by `{}` here", shown(owner)))
                .help(format!("a {what} counts for one read point"));
            checker.problems.push(problem);
        } else {
            owners.insert(scanner, (place, name));
        }
    }
}

fn tcp_port(at: SocketAddr) -> String {
    format!("tcp port {}", at.port())
}

/// The setting that says how a device is reached, and the address, written in one way for devices of all kinds.
fn address(device: &Scanner) -> Option<(&'static str, String)> {
    if let Some(path) = device.serial_path() {
        Some(("serial", path.display().to_string()))
    } else if let Some(tcp) = &device.tcp {
        Some(("tcp", tcp.to_string().to_lowercase()))
    } else if let Some(hid) = &device.hid {
        Some(("hid", hid.0.to_string()))
    } else if let Some(path) = device.keyboard_path() {
        Some(("keyboard", path.display().to_string()))
    } else if let Some(at) = device.listen {
        Some(("listen", tcp_port(at)))
    } else {
        let at = device.udp?;
        Some(("udp", format!("udp port {}", at.port())))
    }
}

/// A reader serves one client, and a scanner has one cable: two sections for one device would fight.
fn addresses(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut all: Vec<(Place, String, &str)> = Vec::new();
    for (name, llrp) in &config.llrp {
        if checker.is_set(&["llrp", name, "host"]) && !checker.tree.is_bad(&["llrp", name, "port"])
        {
            let place = checker.tree.at(&["llrp", name, "host"]);
            let host = llrp.host.as_ref().map_or("", Host::as_str);
            let address = format!("{host}:{}", llrp.port()).to_lowercase();
            all.push((place, address, name));
        }
    }
    // Readers may share a port, so it counts once.
    let mut ports = BTreeSet::new();
    for (name, llrp) in &config.llrp {
        if let Some(at) = llrp.listen.filter(|at| ports.insert(at.port())) {
            let place = checker.tree.at(&["llrp", name, "listen"]);
            all.push((place, tcp_port(at), name));
        }
    }
    let scanners = config.scanner.iter();
    let scanners = scanners.map(|(name, it)| ("scanner", name, address(it)));
    let receivers = config.receiver.iter();
    let receivers = receivers.map(|(name, it)| ("receiver", name, address(&it.connection())));
    let markers = config.marker.iter().map(|(name, marker)| {
        let file = |path: &FileName| path.path().display().to_string();
        let tail = || Some(("tail", file(marker.tail.as_ref()?)));
        let drop = || Some(("drop", file(marker.drop.as_ref()?)));
        let address = address(&marker.connection()).or_else(tail).or_else(drop);
        ("marker", name, address)
    });
    for (kind, name, address) in scanners.chain(receivers).chain(markers) {
        if let Some((key, address)) = address {
            all.push((checker.tree.at(&[kind, name, key]), address, name));
        }
    }
    all.sort();
    let mut owners: BTreeMap<&str, (&Place, &str)> = BTreeMap::new();
    for (place, address, name) in &all {
        if let Some((first, owner)) = owners.get(address.as_str()) {
            let title = format!(
                "`{}` and `{}` have the same address",
                shown(owner),
                shown(name)
            );
            let is_port = ["tcp port ", "udp port "]
                .iter()
                .any(|it| address.starts_with(it));
            let help = if is_port {
                "a port can be listened on once: give each device a port of its own"
            } else {
                "a device serves one connection: correct the address, or delete one of them"
            };
            let problem =
                Diagnostic::error("conflict", title, place.clone(), "the same again here")
                    .context((*first).clone(), "first used here")
                    .help(help);
            checker.problems.push(problem);
        } else {
            owners.insert(address, (place, name));
        }
    }
}

/// Logs, status and health name a device by its name alone.
fn device_names(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for (kind, name) in config.devices() {
        let Some(other_kind) = first.get(name.as_str()) else {
            first.insert(name, kind);
            continue;
        };
        let (what, other) = (noun(kind), noun(other_kind));
        let title = format!("a {other} and a {what} are both named `{}`", shown(name));
        let place = checker.tree.at(&[kind, name]);
        let problem = Diagnostic::error("conflict", title, place, format!("the {what}"))
            .context(checker.tree.at(&[other_kind, name]), format!("the {other}"))
            .help("rename one of them, and what refers to it: each device needs a name of its own");
        checker.problems.push(problem);
    }
}

/// What people call the devices of a kind of section.
fn noun(kind: &str) -> &str {
    if kind == "llrp" { "reader" } else { kind }
}

/// The strength of an active tag tells where it is, never which way it went; and an exciter stands in one place.
fn active(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut owners: BTreeMap<&str, (Place, &str)> = BTreeMap::new();
    for (name, read_point) in &config.read_point {
        for (side, list) in [
            ("inside", &read_point.inside),
            ("outside", &read_point.outside),
        ] {
            for (index, antenna) in list.iter().enumerate() {
                let receiver = config.receiver.get(&antenna.llrp);
                if receiver.is_some_and(|it| it.profile.is_beacons()) {
                    let place = entry_place(checker, ["read_point", name], side, index);
                    let title = format!(
                        "`{}` hears active tags and cannot tell a direction",
                        shown(&antenna.llrp)
                    );
                    let help = "use mode = \"presence\" for active tags: what comes to a place, and what leaves it";
                    checker.error("conflict", title, place, "", help);
                }
            }
        }
        for (index, exciter) in read_point.exciters.iter().enumerate() {
            let place = entry_place(checker, ["read_point", name], "exciters", index);
            if let Some((first, owner)) = owners.get(exciter.as_str()) {
                let title = format!("exciter `{}` stands in two places", shown(exciter.as_str()));
                let label = format!("used by `{}` here", shown(owner));
                let problem = Diagnostic::error("conflict", title, place, "used again here")
                    .context(first.clone(), label)
                    .help("a tag in its field is in one place");
                checker.problems.push(problem);
            } else {
                owners.insert(exciter.as_str(), (place, name));
            }
        }
    }
}

/// Warnings for what is defined but never used.
pub(super) fn unused(checker: &mut Checker<'_>) {
    let config = checker.config;
    let points = || config.read_point.values();
    if config.read_point.is_empty() {
        let help = "add a section [read_point.NAME]; examples: tracegate sample --for read_point";
        let title = "there is no read point: nothing will be reported".to_owned();
        checker.warning("unused", title, Place::WholeFile, "", help);
        return;
    }
    let readers: BTreeSet<&str> = points()
        .flat_map(ReadPoint::all_antennas)
        .map(|antenna| antenna.llrp.as_str())
        .collect();
    let scanners: BTreeSet<&str> = points()
        .flat_map(|point| &point.scanners)
        .map(String::as_str)
        .collect();
    let markers: BTreeSet<&str> = points()
        .flat_map(|point| &point.markers)
        .map(String::as_str)
        .collect();
    let unused_markers = config
        .marker
        .keys()
        .filter(|name| !markers.contains(name.as_str()))
        .map(|name| ("marker", name));
    let unused_readers = config
        .llrp
        .keys()
        .filter(|name| !readers.contains(name.as_str()))
        .map(|name| ("llrp", name));
    let unused_scanners = config
        .scanner
        .keys()
        .filter(|name| !scanners.contains(name.as_str()))
        .map(|name| ("scanner", name));
    // One that hears the exciters of a place needs no antenna there.
    let by_exciter = points().any(|point| !point.exciters.is_empty());
    let unused_receivers = config
        .receiver
        .keys()
        .filter(|name| !by_exciter && !readers.contains(name.as_str()))
        .map(|name| ("receiver", name));
    let unused = unused_readers
        .chain(unused_scanners)
        .chain(unused_markers)
        .chain(unused_receivers);
    for (kind, name) in unused {
        let what = noun(kind);
        let title = format!("{what} `{name}` is not used by any read point");
        let place = checker.tree.at_key(&[kind, name]);
        checker.warning(
            "unused",
            title,
            place,
            "",
            "its reads go nowhere: name it in a read point, or delete it",
        );
    }
}
