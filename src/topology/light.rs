//! Which lights share a module, and who tells them what.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::input::DeviceIndex;

use super::{Device, FEEDBACK_QUEUE};
use crate::config::Config;
use crate::core::LightSwitch;
use crate::downlink::order::Directory;
use crate::health::{DeviceState, Health};
use crate::source::light::{self, Context, Light, Way};

/// Without a setting: what I/O modules without units behind them usually take.
const UNIT: u8 = 1;

/// Starts the tasks of all lights; returns where the verdicts on each device's scans go.
pub fn start(
    config: &Config,
    devices: &[(String, Device)],
    directory: &Directory,
    health: &Health,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> BTreeMap<DeviceIndex, LightSwitch> {
    let mut modules: BTreeMap<String, (Way, Vec<Light>)> = BTreeMap::new();
    for (name, light) in &config.light {
        let (key, way) = match (&light.modbus, &light.reader) {
            (Some(address), _) => {
                let address = address.to_string();
                (format!("light {address}"), Way::Modbus(address))
            }
            (None, Some(reader)) => match directory.get(reader) {
                Some(target) => {
                    let way = Way::Reader(reader.clone(), target.clone());
                    (format!("light {reader}"), way)
                }
                None => continue,
            },
            (None, None) => continue,
        };
        health.device(name, DeviceState::Starting);
        let (_, lights) = modules.entry(key).or_insert((way, Vec::new()));
        lights.push(Light {
            name: name.clone(),
            unit: light.unit.unwrap_or(UNIT),
            outputs: light.outputs(),
            shows: light.shows(),
        });
    }
    let mut switches = BTreeMap::new();
    for (key, (way, lights)) in modules {
        let (task, told) = mpsc::channel(FEEDBACK_QUEUE);
        for (at, light) in lights.iter().enumerate() {
            let switch = LightSwitch {
                light: at,
                task: task.clone(),
            };
            switches.insert(light.name.clone(), switch);
        }
        let context = Context {
            told,
            health: health.clone(),
            beat: health.beat(&key),
            stop: stop.clone(),
        };
        tasks.spawn(light::run(way, lights, context));
    }
    let indexed = config.lit().filter_map(|(_, device, light)| {
        let at = devices.iter().position(|(name, _)| name == device)?;
        let index = DeviceIndex::try_from(at).ok()?;
        Some((index, switches.get(light)?.clone()))
    });
    indexed.collect()
}
