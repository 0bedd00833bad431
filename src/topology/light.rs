//! Which lights share a module.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::FEEDBACK_QUEUE;
use super::running::Work;
use crate::config::{self, Config};
use crate::core::Told;
use crate::downlink::order::{Directory, Target};
use crate::health::{Beat, Health};
use crate::source::light::{self, Context, Light, Way};

/// Without a setting: what I/O modules without units behind them usually take.
const UNIT: u8 = 1;

/// Lights that share a module, and how it is reached.
#[derive(Debug)]
pub(super) struct Panels {
    way: Way,
    lights: Vec<(String, config::Light)>,
}

impl PartialEq for Panels {
    /// Whether the same settings made them.
    fn eq(&self, other: &Self) -> bool {
        let is_same_way = match (&self.way, &other.way) {
            (Way::Modbus(a), Way::Modbus(b)) => a == b,
            (Way::Reader(a, _), Way::Reader(b, _)) => a == b,
            _ => false,
        };
        is_same_way && self.lights == other.lights
    }
}

impl Panels {
    /// Names of the lights, in the order of their numbers.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.lights.iter().map(|(name, _)| name.clone())
    }

    /// The reader whose outputs they are.
    pub(super) fn reader(&self) -> Option<&String> {
        match &self.way {
            Way::Reader(name, _) => Some(name),
            Way::Modbus(_) => None,
        }
    }

    /// The task, not begun yet, and where verdicts for it go.
    pub(super) fn prepare(
        &self,
        health: Health,
        beat: Beat,
        stop: CancellationToken,
    ) -> (mpsc::Sender<Told>, Work) {
        let (task, told) = mpsc::channel(FEEDBACK_QUEUE);
        let light = |(name, light): &(String, config::Light)| Light {
            name: name.clone(),
            unit: light.unit.unwrap_or(UNIT),
            outputs: light.outputs(),
            shows: light.shows(),
        };
        let lights = self.lights.iter().map(light).collect();
        let context = Context {
            told,
            health,
            beat,
            stop,
        };
        (
            task,
            Box::pin(light::run(self.way.clone(), lights, context)),
        )
    }
}

/// All lights, by what they share.
pub(super) fn panels(config: &Config, directory: &Directory) -> BTreeMap<String, Panels> {
    let mut all: BTreeMap<String, Panels> = BTreeMap::new();
    for (name, light) in &config.light {
        let (key, way) = match (&light.modbus, &light.reader) {
            (Some(address), _) => {
                let address = address.to_string();
                (format!("light {address}"), Way::Modbus(address))
            }
            (None, Some(reader)) => match directory.get(reader) {
                Some(target) => {
                    let target: Target = target.clone();
                    (
                        format!("light {reader}"),
                        Way::Reader(reader.clone(), target),
                    )
                }
                None => continue,
            },
            (None, None) => continue,
        };
        let lights = Vec::new();
        let panels = all.entry(key).or_insert(Panels { way, lights });
        panels.lights.push((name.clone(), light.clone()));
    }
    all
}
