//! Warnings: what is allowed, and probably not meant.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Checker;
use super::diagnostic::{Diagnostic, Place};
use super::llrp::SearchMode;
use super::model::Mode;
use super::units::shown;

pub(super) fn check(checker: &mut Checker<'_>) {
    same_place(checker);
    names_of_ports(checker);
    port_of_the_broker(checker);
    password_in_the_clear(checker);
    tags_that_answer_once(checker);
}

/// Events tell a read point by its SGLN alone.
fn same_place(checker: &mut Checker<'_>) {
    let config = checker.config;
    let mut places: Vec<(Place, &str, &str)> = Vec::new();
    for (name, read_point) in &config.read_point {
        let place = checker.tree.at(&["read_point", name, "sgln"]);
        places.push((place, read_point.sgln.as_str(), name));
    }
    places.sort();
    let mut owners: BTreeMap<&str, (&Place, &str)> = BTreeMap::new();
    for (place, sgln, name) in &places {
        let Some((first, owner)) = owners.get(sgln) else {
            owners.insert(sgln, (place, name));
            continue;
        };
        let (owner, name) = (shown(owner), shown(name));
        let title = format!("read points `{owner}` and `{name}` have the same SGLN");
        let label = "events do not tell which of the two it was";
        let problem = Diagnostic::error("same-place", title, place.clone(), label)
            .context((*first).clone(), format!("`{owner}` is here"))
            .help("the part after the last point is yours to choose: one of its own for each")
            .as_warning();
        checker.problems.push(problem);
    }
}

/// Names that Linux gives in the order in which devices are found.
fn names_of_ports(checker: &mut Checker<'_>) {
    const IN_ORDER: [&str; 3] = ["/dev/ttyACM", "/dev/ttyUSB", "/dev/input/event"];
    for (kind, name) in checker.config.devices() {
        for key in ["serial", "keyboard"] {
            let text = checker.tree.text(&[kind, name, key]).unwrap_or_default();
            let number = IN_ORDER.iter().find_map(|start| text.strip_prefix(start));
            let is_number = |it: &str| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit());
            if !number.is_some_and(is_number) {
                continue;
            }
            let title = format!("`{key}` names whatever was plugged in first");
            let place = checker.tree.at(&[kind, name, key]);
            let label = "after a restart this may be another device";
            let help = "tracegate discover shows the name that stays with the device";
            checker.warning("unstable-name", title, place, label, help);
        }
    }
}

/// Brokers speak TLS on 8883, and none on 1883; whoever mixes them up waits for a connection that never comes.
fn port_of_the_broker(checker: &mut Checker<'_>) {
    let url = &checker.config.mqtt.url;
    let odd = |it: &&super::address::BrokerUrl| it.port == if it.tls { 1883 } else { 8883 };
    let Some(odd) = url.all().iter().find(odd) else {
        return;
    };
    let (title, help) = match odd.tls {
        true => (
            "TLS on the port for connections without",
            "leave the port out: that is 8883".to_owned(),
        ),
        false => {
            let tls = super::address::BrokerUrl {
                tls: true,
                ..odd.clone()
            };
            let help = format!("with TLS: \"{tls}\"; else leave the port out: that is 1883");
            ("no TLS on the port for TLS", help)
        }
    };
    let label = "most brokers take no such connection here";
    let place = checker.tree.at(&["mqtt", "url"]);
    checker.warning("odd-port", title.to_owned(), place, label, &help);
}

fn password_in_the_clear(checker: &mut Checker<'_>) {
    let mqtt = &checker.config.mqtt;
    let is_local = |host: &str| {
        let address = host.parse::<std::net::IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    };
    let mut urls = mqtt.url.all().iter();
    let in_the_clear = urls.any(|url| !url.tls && !is_local(url.host.as_str()));
    if mqtt.password_file.is_some() && in_the_clear {
        let place = checker.tree.at(&["mqtt", "url"]);
        let title = "the password is sent unencrypted".to_owned();
        let help = "use mqtts:// if the broker offers it";
        checker.warning("clear-password", title, place, "no TLS with mqtt://", help);
    }
}

/// A way is told by what is heard before and after the line; a tag that answers once is heard on one side of it.
fn tags_that_answer_once(checker: &mut Checker<'_>) {
    let config = checker.config;
    let gates = config.read_point.values();
    let gates = gates.filter(|it| matches!(it.mode, Mode::Dock | Mode::Belt));
    let antennas = gates.flat_map(|it| it.inside.iter().chain(&it.outside));
    let readers: BTreeSet<&str> = antennas.map(|it| it.llrp.as_str()).collect();
    for name in readers {
        let Some(llrp) = config.llrp.get(name) else {
            continue;
        };
        let key = match llrp.search_mode {
            Some(SearchMode::TagFocus) => "search_mode",
            Some(SearchMode::DualTarget | SearchMode::SingleTargetReset) => continue,
            Some(SearchMode::SingleTarget | SearchMode::ReaderSelected) | None => "session",
        };
        if key == "session" && llrp.session == 0 {
            continue;
        }
        let place = checker.tree.at(&["llrp", name, key]);
        let title = format!("tags answer `{}` once while they pass", shown(name));
        let label = "who hears a tag on one side only cannot tell where it goes";
        let help =
            "session = 0 without search_mode; on Impinj readers also search_mode = \"dual_target\"";
        checker.warning("answers-once", title, place, label, help);
    }
}
