//! Checks of what events say: what kind of event can say it, whom and which place it names, and what a compliance profile
//! would miss.

use std::collections::BTreeMap;

use tracegate_gs1::{LinkOptions, check_pgln_urn, check_sgln_urn, parse_digital_link};
use tracegate_pipeline::compliance::{self, Element};
use tracegate_pipeline::config::TaskKind;
use tracegate_pipeline::mapping::StepAction;
use tracegate_pipeline::remarks;

use super::check::Checker;
use super::diagnostic::Diagnostic;
use super::mapping::{Action, UriTemplate};
use super::model::{Business, ReadPoint};
use super::presence::Aggregation;
use super::station::TASKS;
use super::template::Template;
use super::units::shown;

/// What the events of a setting are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Nature {
    /// Of a code that was scanned or marked.
    pub(super) coded: bool,
    /// Whether the setting says what happened: `action`.
    pub(super) acts: bool,
    /// What is told always adds.
    pub(super) adds: bool,
    /// They may be AggregationEvents, which cannot say everything.
    pub(super) aggregates: bool,
}

impl Nature {
    /// Of an alert: an observation that no code tells.
    const SEEN: Self = Self {
        coded: false,
        acts: false,
        adds: false,
        aggregates: false,
    };

    /// Of a task: several scans make one event, and what happened is its kind.
    fn of_task(kind: TaskKind) -> Self {
        Self {
            adds: kind == TaskKind::Commissioning,
            aggregates: kind == TaskKind::Packing,
            ..Self::SEEN
        }
    }

    fn of(read_point: &ReadPoint, key: &str) -> Self {
        Nature {
            coded: ["scan", "mark"].contains(&key),
            acts: !["mark", "alarm", "stay"].contains(&key),
            adds: key == "mark",
            aggregates: ["in", "out"].contains(&key)
                && read_point.aggregation != Aggregation::Never,
        }
    }
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let config = checker.config;
    for (name, read_point) in &config.read_point {
        for (key, step) in read_point.steps() {
            let section = ["read_point", name.as_str(), key];
            business(checker, &section, step, Nature::of(read_point, key));
        }
        for (index, task) in read_point.tasks() {
            if let (Some((table, kind, ..)), Some(event)) = (TASKS.get(index), &task.event) {
                let section = ["read_point", name.as_str(), table, "event"];
                business(checker, &section, event, Nature::of_task(*kind));
            }
        }
        let alert = ["read_point", name.as_str(), "guard", "alert"];
        if let Some(guard) = &read_point.guard
            && checker.tree.has(&alert)
        {
            business(checker, &alert, &guard.alert, Nature::SEEN);
        }
    }
}

/// Everything that one business part says.
pub(super) fn business(
    checker: &mut Checker<'_>,
    section: &[&str],
    business: &Business,
    nature: Nature,
) {
    for (list, parties) in [
        ("sources", &business.sources),
        ("destinations", &business.destinations),
    ] {
        for (kind, id) in parties {
            let path = below(section, &[list, kind.as_str()]);
            party(checker, &path, kind.as_str(), id);
            holes(checker, &path, &id.0, nature);
        }
    }
    for (kind, ids) in &business.biz_transactions {
        let path = below(section, &["biz_transactions", kind.as_str()]);
        ids.0
            .iter()
            .for_each(|id| holes(checker, &path, &id.0, nature));
    }
    for (name, value) in &business.fields {
        let path = below(section, &["fields", name.as_str()]);
        holes(checker, &path, &value.0, nature);
        let name = name.as_str();
        let is_own = remarks::OWN_FIELDS.contains(&name) && !remarks::SITE_FIELDS.contains(&name);
        if is_own && checker.config.gateway.namespace.is_none() {
            let title = format!("`{name}` is a field that the gateway writes itself");
            let help = "give it another name, or your fields a namespace of their own: [gateway] namespace = \"https://plant3.example/epcis/\"";
            let place = checker.tree.at_key(&path);
            checker.error("conflict", title, place, "", help);
        }
    }
    for (name, value) in &business.ilmd {
        let path = below(section, &["ilmd", name.as_str()]);
        holes(checker, &path, &value.0, nature);
    }
    kinds_of_event(checker, section, business, nature);
    persistent(checker, section, business);
}

/// What only some kinds of event can say.
fn kinds_of_event(
    checker: &mut Checker<'_>,
    section: &[&str],
    business: &Business,
    nature: Nature,
) {
    let key = section.last().copied().unwrap_or_default();
    let action = below(section, &["action"]);
    if checker.is_set(&action) && !nature.acts {
        let title = format!("`action` has no effect in `{key}`");
        let place = checker.tree.at_key(&action);
        let help = match (nature.adds, nature.aggregates) {
            (true, _) => "delete it: what is marked is always added",
            (_, true) => "delete it: what goes in is added, and what is unpacked is deleted",
            _ => "delete it: this is always an observation",
        };
        checker.error("no-effect", title, place, "", help);
    }
    let adds = nature.adds || nature.acts && business.action == Action::Add;
    let ilmd = below(section, &["ilmd"]);
    if !business.ilmd.is_empty() && !adds {
        let title = match nature.acts {
            true => "`ilmd` has no effect without action = \"add\"".to_owned(),
            false => format!("`ilmd` has no effect in `{key}`"),
        };
        let help = "master data belongs to what comes to be (EPCIS 2.0 §7.3.6); for what is only seen use fields = { … }";
        let place = checker.tree.at_key(&ilmd);
        checker.error("no-effect", title, place, "", help);
    }
    let persistent = below(section, &["persistent_dispositions"]);
    let is_set = |path: &[&str], there: bool| there.then(|| checker.tree.at_key(path));
    let places = [
        ("ilmd", is_set(&ilmd, !business.ilmd.is_empty() && adds)),
        (
            "persistent_dispositions",
            is_set(&persistent, business.persistent_dispositions.is_some()),
        ),
    ];
    for (key, place) in places.into_iter().filter(|_| nature.aggregates) {
        let Some(place) = place else { continue };
        if !nature.acts {
            let title = format!("`{key}` has no effect in packing");
            let help = "packing is told by AggregationEvents, which have no such field (EPCIS 2.0 §7.4.2): delete it";
            checker.error("no-effect", title, place, "", help);
            continue;
        }
        let title = format!("`{key}` cannot be told of a pallet with its goods");
        let help = "an AggregationEvent has no such field (EPCIS 2.0 §7.4.2): add aggregation = \"never\" to the read point, or delete this";
        checker.error("conflict", title, place, "", help);
    }
}

fn persistent(checker: &mut Checker<'_>, section: &[&str], business: &Business) {
    let Some(persistent) = &business.persistent_dispositions else {
        return;
    };
    let path = below(section, &["persistent_dispositions"]);
    if persistent.set.is_empty() && persistent.unset.is_empty() && !checker.tree.is_bad(&path) {
        let title = "`persistent_dispositions` says nothing".to_owned();
        let help = "example: persistent_dispositions = { set = [\"conformant\"], unset = [\"unavailable\"] }";
        let place = checker.tree.at(&path);
        checker.error("missing", title, place, "", help);
    }
    if let Some(both) = persistent
        .set
        .iter()
        .find(|it| persistent.unset.contains(it))
    {
        let title = format!("`{both}` is both set and unset");
        let place = checker.tree.at(&path);
        checker.error(
            "conflict",
            title,
            place,
            "",
            "delete it from one of the lists",
        );
    }
}

/// Placeholders that something fills.
fn holes(checker: &mut Checker<'_>, path: &[&str], template: &Template, nature: Nature) {
    let text = template.text("", "");
    let hole = match (text.needs_code(), text.needs_device()) {
        (true, _) => "what a code says",
        (_, true) => "{device}",
        _ => return,
    };
    if !nature.coded {
        let title = format!("{hole} is not known here: this is not told of one scan or mark");
        let place = checker.tree.at(path);
        let help = "placeholders here: {site}, {read_point}";
        checker.error("no-effect", title, place, "", help);
    }
}

/// A place is an SGLN, a party a PGLN; or GS1 Digital Links of theirs, or URIs of another kind.
fn party(checker: &mut Checker<'_>, path: &[&str], kind: &str, id: &UriTemplate) {
    const PLACE: &str = "a place is an SGLN: \"urn:epc:id:sgln:4012345.00001.0\"";
    const PARTY: &str = "a party is a PGLN: \"urn:epc:id:pgln:4012345.00225\"";
    let Some(uri) = id.0.constant() else { return };
    let is_place = match kind {
        "location" => true,
        "owning_party" | "possessing_party" => false,
        // The site's own.
        _ => return,
    };
    let names = |ai| {
        let link = parse_digital_link(uri, &LinkOptions::default());
        link.ok().filter(|_| uri.contains(ai)).is_some()
    };
    let (is_gln, is_party) = (uri.contains("/414/"), uri.contains("/417/"));
    let problem = if uri.starts_with("urn:epc:id:sgln:") {
        match check_sgln_urn(uri) {
            Err(error) => Some(error.to_string()),
            // Before PGLN there was only this name for a party.
            Ok(()) if !is_place && !uri.ends_with(".0") => {
                Some("an SGLN with an extension names a place, and this is a party".to_owned())
            }
            Ok(()) => None,
        }
    } else if uri.starts_with("urn:epc:id:pgln:") {
        match check_pgln_urn(uri) {
            Err(error) => Some(error.to_string()),
            Ok(()) if is_place => Some("a PGLN names a party, and this is a place".to_owned()),
            Ok(()) => None,
        }
    } else if uri.starts_with("urn:epc:") {
        Some("this names neither a place nor a party".to_owned())
    } else if is_gln && !names("/414/") || is_party && !names("/417/") {
        Some("the GLN in this link is wrong: 13 digits, the last a check digit".to_owned())
    } else if is_gln && !is_place || is_party && is_place {
        Some(match is_place {
            true => "(417) names a party, and this is a place".to_owned(),
            false => "(414) names a place, and this is a party".to_owned(),
        })
    } else {
        None
    };
    if let Some(label) = problem {
        let title = format!("bad value for `{}`", shown(kind));
        let place = checker.tree.at(path);
        let help = if is_place { PLACE } else { PARTY };
        checker.error("bad-value", title, place, &label, help);
    }
}

/// What events can never have, although a compliance profile asks for it. For a configuration without problems.
pub(super) fn gaps(checker: &mut Checker<'_>) {
    let config = checker.config;
    for (name, read_point) in &config.read_point {
        for (key, business) in read_point.steps().filter(|(key, _)| *key != "alarm") {
            let section = ["read_point", name.as_str(), key];
            let nature = Nature::of(read_point, key);
            let mut step = business.step(config, name);
            if nature.adds {
                step.action = StepAction::Add;
            }
            let mut lacking: BTreeMap<Element, Vec<&str>> = BTreeMap::new();
            for (profile, element) in compliance::undeliverable(&step, nature.coded) {
                lacking.entry(element).or_default().push(profile.as_str());
            }
            for (element, profiles) in lacking {
                let (what, asks) = (element.meaning(), profiles.join(", "));
                let name = shown(name);
                let title = format!("events of `{name}` lack {what} (asked for by {asks})");
                let label = format!("step {}", shown(&step.biz_step));
                let place = checker.tree.at_key(&section);
                let warning = Diagnostic::error("incomplete", title, place, label)
                    .help(format!("add: {}", element.remedy()))
                    .as_warning();
                checker.problems.push(warning);
            }
        }
    }
}

fn below<'a>(section: &[&'a str], keys: &[&'a str]) -> Vec<&'a str> {
    section.iter().chain(keys).copied().collect()
}
