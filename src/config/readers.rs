//! What takes more than one value of a reader to judge: how it is reached, TLS, and what excludes what.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::check::Checker;
use super::diagnostic::{Diagnostic, Place};
use super::llrp::Llrp;
use super::source::{Seg, keys};
use super::tags::{Antennas, TagPattern};
use super::units::shown;

/// Settings of a connection that the gateway makes.
const DIAL_SETTINGS: &[&str] = &[
    "port",
    "tls",
    "ca_file",
    "certificate_sha256",
    "client_certificate_file",
    "client_key_file",
];
/// Settings of TLS.
const TLS_SETTINGS: &[&str] = &[
    "ca_file",
    "certificate_sha256",
    "client_certificate_file",
    "client_key_file",
];

pub(super) fn check(checker: &mut Checker<'_>) {
    for (name, llrp) in &checker.config.llrp {
        link(checker, name);
        tls(checker, name, llrp);
        radio(checker, name, llrp);
        patterns(checker, ["llrp", name, "select"], &llrp.select);
    }
    for (name, sensor) in &checker.config.tag_sensor {
        patterns(checker, ["tag_sensor", name, "tags"], &sensor.tags);
    }
    shared_ports(checker);
}

/// Two settings of which one must go; the later one is shown.
fn conflict(checker: &mut Checker<'_>, title: String, one: Place, other: Place, help: &str) {
    let problem = Diagnostic::error("conflict", title, one.clone().max(other.clone()), "")
        .context(one.min(other), "the other is here")
        .help(help);
    checker.problems.push(problem);
}

/// Settings that say nothing because of `why`, which stands at `place`.
fn without_effect(
    checker: &mut Checker<'_>,
    name: &str,
    settings: &[&str],
    why: &str,
    cause: Option<(Place, &str)>,
    help: &str,
) {
    for key in settings {
        let path = ["llrp", name, key];
        if !checker.tree.has(&path) {
            continue;
        }
        let title = format!("`{key}` has no effect {why}");
        let place = checker.tree.at_key(&path);
        let mut problem = Diagnostic::error("no-effect", title, place, "").help(help);
        if let Some((place, label)) = &cause {
            problem = problem.context(place.clone(), *label);
        }
        checker.problems.push(problem);
    }
}

fn link(checker: &mut Checker<'_>, name: &str) {
    let of = |key| ["llrp", name, key];
    let (host, listen) = (of("host"), of("listen"));
    match (checker.tree.has(&host), checker.tree.has(&listen)) {
        (true, true) => {
            let title = format!("reader `{}` has both `host` and `listen`", shown(name));
            let (one, other) = (checker.tree.at_key(&host), checker.tree.at_key(&listen));
            let help = "keep `host` if the gateway connects to the reader, `listen` if the reader connects by itself";
            conflict(checker, title, one, other, help);
        }
        (false, true) => {
            let cause = (
                checker.tree.at_key(&listen),
                "the reader connects by itself",
            );
            let help = "delete it; TLS works on connections that the gateway makes";
            let why = "with `listen`";
            without_effect(checker, name, DIAL_SETTINGS, why, Some(cause), help);
        }
        (true, false) => {
            let (why, help) = ("without `listen`", "delete it, or replace host by listen");
            without_effect(checker, name, &["from"], why, None, help);
        }
        (false, false) => checker.require(&["llrp", name], "host", "\"10.0.4.21\""),
    }
}

fn tls(checker: &mut Checker<'_>, name: &str, llrp: &Llrp) {
    let of = |key| ["llrp", name, key];
    if checker.tree.has(&of("listen")) || checker.tree.is_bad(&of("tls")) {
        return;
    }
    if !llrp.tls {
        let (why, help) = ("without TLS", "add tls = true, or delete it");
        return without_effect(checker, name, TLS_SETTINGS, why, None, help);
    }
    let (ca, pin) = (of("ca_file"), of("certificate_sha256"));
    if checker.tree.has(&ca) && checker.tree.has(&pin) {
        let title = "both `ca_file` and `certificate_sha256` say whom to trust".to_owned();
        let (one, other) = (checker.tree.at_key(&ca), checker.tree.at_key(&pin));
        let help = "keep certificate_sha256 for a reader's self-signed certificate, ca_file for one that your own authority signed";
        conflict(checker, title, one, other, help);
    }
    certificate_and_key(checker, &["llrp", name]);
}

/// A certificate is of no use without its key, and a key without its certificate.
pub(super) fn certificate_and_key(checker: &mut Checker<'_>, section: &[&str]) {
    let (certificate, key) = ("client_certificate_file", "client_key_file");
    for (given, missing, example) in [
        (certificate, key, "\"gateway.key\""),
        (key, certificate, "\"gateway.pem\""),
    ] {
        let of = |key| [section, &[key]].concat();
        if checker.tree.has(&of(given)) && checker.is_missing(&of(missing)) {
            let title = format!("`{given}` has no `{missing}`");
            let place = checker.tree.at_key(&of(given));
            let help = format!("add: {missing} = {example}");
            checker.error("missing", title, place, "", &help);
        }
    }
}

fn radio(checker: &mut Checker<'_>, name: &str, llrp: &Llrp) {
    let of = |key| ["llrp", name, key];
    if checker.is_set(&of("trigger")) {
        checker.require(&of("trigger"), "gpi", "1");
    }
    if checker.is_set(&of("duty_cycle")) {
        checker.require(&of("duty_cycle"), "on", "\"2s\"");
        checker.require(&of("duty_cycle"), "off", "\"8s\"");
    }
    if llrp.trigger.is_some() && llrp.duty_cycle.is_some() {
        let title = "both `trigger` and `duty_cycle` say when to read".to_owned();
        let one = checker.tree.at_key(&of("trigger"));
        let other = checker.tree.at_key(&of("duty_cycle"));
        conflict(checker, title, one, other, "keep one of them");
    }
    if checker.tree.is_bad(&of("antennas")) {
        return;
    }
    for port in llrp.receive_sensitivity.keys() {
        let listed = matches!(&llrp.antennas, Antennas::Ports(ports) if ports.contains_key(port));
        if !listed {
            let port = port.to_string();
            let title = format!("`receive_sensitivity` names antenna {port}, which is not listed");
            let place = checker
                .tree
                .at_key(&["llrp", name, "receive_sensitivity", &port]);
            let help = "list it in antennas, with its power or alone: antennas = [1, 2]";
            checker.error("undefined", title, place, "", help);
        }
    }
}

/// A reader compares bits, so not every pattern will do.
fn patterns(checker: &mut Checker<'_>, list: [&str; 3], patterns: &[TagPattern]) {
    for (index, pattern) in patterns.iter().enumerate() {
        if pattern.mask().is_none() {
            let mut path = keys(&list);
            path.push(Seg::Index(index));
            let place = checker.tree.place(&path);
            let help =
                "name a scheme, or the first digits as in hex:34*; in [tags] any pattern will do";
            let title = "a reader cannot compare this pattern".to_owned();
            checker.error("bad-value", title, place, "its tags share no bits", help);
        }
    }
}

/// Readers that share a port are told apart by their addresses.
fn shared_ports(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut ports: BTreeMap<SocketAddr, Vec<(&str, &Llrp)>> = BTreeMap::new();
    for (name, llrp) in &config.llrp {
        if let Some(at) = llrp.listen {
            ports.entry(at).or_default().push((name, llrp));
        }
    }
    for sharing in ports.values().filter(|sharing| sharing.len() > 1) {
        let mut owners = BTreeMap::new();
        for (name, llrp) in sharing {
            let from = ["llrp", *name, "from"];
            let Some(address) = llrp.from else {
                if checker.tree.has(&from) {
                    continue;
                }
                let title = format!("reader `{}` shares its port and has no `from`", shown(name));
                let place = checker.tree.at(&["llrp", name, "listen"]);
                let help = "add the reader's address: from = \"10.0.4.21\"";
                checker.error("missing", title, place, "another reader uses it too", help);
                continue;
            };
            let place = checker.tree.at(&from);
            match owners.insert(address.to_canonical(), place.clone()) {
                None => {}
                Some(first) => {
                    let title = format!("two readers dial in from {address}");
                    let help = "correct one of the addresses, or give the readers different ports";
                    conflict(checker, title, first, place, help);
                }
            }
        }
    }
}
