//! `tracegate doctor`: the chain from each device, the broker, the disk and the clock, link by link, to the first that is
//! broken, and how to mend it.
//!
//! A gateway that runs is asked: it holds what a device gives to one only, a reader's client slot, a serial port. Only
//! when none runs are devices and broker tried from here, and left again at once; a reader's settings are not touched.
//!
//! Invariant: everything that the running gateway finds wrong is somewhere in the answer.

mod alone;
mod asked;
mod machine;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};

use serde::Serialize;
use serde_json::Value;

use crate::config::{Config, nearest};
use crate::health::{Code, DeviceKind, Severity, tame};

/// Names that are no devices.
const OTHERS: [&str; 4] = ["broker", "disk", "clock", "gateway"];
/// Why a link behind a broken one is not looked at.
const BROKEN: &str = "comes after what failed";

/// How a link of a chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It holds.
    Ok,
    /// It holds, and somebody should look at it.
    Warn,
    /// It is broken.
    Fail,
    /// It was not looked at.
    Skip,
}

/// A link of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// How it is.
    pub outcome: Outcome,
    /// What it is, or what is wrong with it.
    pub text: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_to_do: Option<String>,
}

/// Everything between the gateway and one thing that it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// The device, as in the configuration; or `broker`, `disk`, `clock`, `gateway`.
    pub name: String,
    /// What it is, and where.
    pub about: String,
    /// Its links, the nearest first.
    pub steps: Vec<Step>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Whether a running gateway was asked.
    pub asked: bool,
    /// A chain for each thing.
    pub chains: Vec<Chain>,
}

/// There is nothing with this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no device of this configuration, nor broker, disk, clock or gateway{}", hint(.meant, .devices))]
pub struct Unknown {
    name: String,
    meant: Option<String>,
    devices: Vec<String>,
}

/// The one that was meant, or all there are, if they are few enough to be read.
fn hint(meant: &Option<String>, devices: &[String]) -> String {
    match meant {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None if devices.is_empty() => String::new(),
        None if devices.len() > 20 => "; tracegate status lists the devices".to_owned(),
        None => format!("; devices are: {}", devices.join(", ")),
    }
}

/// Looks at everything, or at what `name` says. `status` is what the running gateway answers, if one does.
///
/// # Errors
/// There is nothing with this name.
pub async fn examine(
    config: &Config,
    name: Option<&str>,
    status: Option<&Value>,
) -> Result<Findings, Unknown> {
    let devices: Vec<_> = config.devices().collect();
    let names = || devices.iter().map(|(_, name)| name.as_str()).chain(OTHERS);
    if let Some(name) = name
        && !names().any(|it| it == name)
    {
        return Err(Unknown {
            meant: nearest(name, names()).map(str::to_owned),
            name: tame(name),
            devices: devices.iter().map(|(_, name)| (*name).clone()).collect(),
        });
    }
    let wanted = |it: &str| name.is_none_or(|name| name == it);
    let chains = match status {
        Some(status) => {
            let mut chains = asked::chains(config, status);
            chains.retain(|chain| wanted(&chain.name));
            chains
        }
        None => alone::chains(config, &wanted).await,
    };
    let asked = status.is_some();
    Ok(Findings { asked, chains })
}

impl Findings {
    /// Whether nothing is broken.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let mut steps = self.chains.iter().flat_map(|chain| &chain.steps);
        steps.all(|step| step.outcome != Outcome::Fail)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.asked {
            true => "A gateway is running and was asked.\n",
            false => "No gateway is running; everything was tried from here.\n",
        })?;
        for chain in &self.chains {
            let Chain { name, about, steps } = chain;
            match about.is_empty() {
                true => writeln!(f, "{name}")?,
                false => writeln!(f, "{name} ({about})")?,
            }
            for step in steps {
                let word = match step.outcome {
                    Outcome::Ok => "ok",
                    Outcome::Warn => "WARN",
                    Outcome::Fail => "FAIL",
                    Outcome::Skip => "skip",
                };
                writeln!(f, "  {word:<4}  {}", step.text)?;
                if let Some(fix) = &step.what_to_do {
                    writeln!(f, "        -> {fix}")?;
                }
            }
        }
        Ok(())
    }
}

impl Chain {
    fn new(name: &str, about: impl fmt::Display) -> Self {
        Self {
            name: name.to_owned(),
            about: tame(&about.to_string()),
            steps: Vec::new(),
        }
    }

    fn add(&mut self, outcome: Outcome, text: &str, what_to_do: Option<&str>) {
        self.steps.push(Step {
            outcome,
            text: tame(text),
            what_to_do: what_to_do.map(tame),
        });
    }

    fn ok(&mut self, text: &str) {
        self.add(Outcome::Ok, text, None);
    }

    fn fail(&mut self, text: &str, what_to_do: &str) {
        self.add(Outcome::Fail, text, Some(what_to_do));
    }

    /// Links that are not looked at, and why.
    fn skip(&mut self, links: &[&str], why: &str) {
        if !links.is_empty() {
            self.add(Outcome::Skip, &format!("{}: {why}", links.join(", ")), None);
        }
    }

    /// What a condition says, as severe as it is.
    fn condition(&mut self, code: Code, text: &str) {
        let outcome = match code.severity() {
            Severity::Error => Outcome::Fail,
            Severity::Warning => Outcome::Warn,
        };
        let mut text = text.to_owned();
        let _ = write!(text, " ({})", code.as_str());
        self.add(outcome, &text, Some(code.remedy()));
    }

    /// Why a device is down, in the words that it has for it.
    fn down(&mut self, reason: &str, kind: DeviceKind) {
        self.condition(Code::of_reason(reason, Some(kind)), reason);
    }
}

/// What a device is, for people.
const fn what(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Reader => "LLRP",
        DeviceKind::Scanner => "scanner",
        DeviceKind::Receiver => "receiver",
        DeviceKind::Marker => "marker",
        DeviceKind::Light => "light",
    }
}
