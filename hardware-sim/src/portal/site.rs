//! What stands there: doors and belts, antennas, readers, and how the gateway is told of them.

use tracegate_pipeline::PipelineConfig;
use tracegate_pipeline::association::LoadRules;
use tracegate_pipeline::config::{
    GateAntenna, GateConfig, ReadPointConfig, ReadPointKind, Side, Step, Tuning,
};
use tracegate_pipeline::filter::{Pattern, TagRules};

use super::dice::Dice;
use super::eyes::wiring;
use super::goods::COMPANY;
use super::radio::{Antenna, Transceiver, unit};
use super::surroundings::Scatterer;

/// From the middle of the door to its jambs.
pub(super) const HALF_DOOR_M: f64 = 1.3;
/// From the middle of the door to the antennas.
const ANTENNA_Y_M: f64 = 1.4;
/// From the door line to the antennas of a side, by site: from, to.
const ANTENNA_X_M: (f64, f64) = (0.45, 0.8);
/// Dock antennas look this far away from the door line, by site: from, to.
const ANTENNA_TURN_DEG: (f64, f64) = (15.0, 35.0);
/// From the line across a belt to its two antennas.
const BELT_ANTENNA_X_M: f64 = 0.4;
/// From the middle of one belt to that of the next.
pub(super) const BELT_SPACING_M: f64 = 1.2;

/// A dock door or a place on a belt, with the line x = 0 across it.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) name: String,
    pub(super) y: f64,
    /// What comes from this far on one side to this far on the other has passed.
    pub(super) settled_m: f64,
    pub(super) half_width_m: f64,
    pub(super) belt: bool,
}

/// How a reader goes about an inventory round (Gen2 6.3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Search {
    /// Session 0: every tag answers in every round.
    Session0,
    /// Session 1, target A only: a tag that answered is silent until its flag fades.
    Session1Single,
    /// Session 2, both targets in turn: every tag answers once in each.
    Session2Dual,
}

/// An antenna with the gate and side it looks at.
#[derive(Debug, Clone)]
pub(super) struct Port {
    pub(super) antenna: Antenna,
    pub(super) gate: usize,
    pub(super) side: Side,
}

/// A reader; port `n` of its list is antenna `n + 1`.
#[derive(Debug, Clone)]
pub(super) struct ReaderSite {
    pub(super) name: String,
    pub(super) radio: Transceiver,
    pub(super) ports: Vec<Port>,
    pub(super) search: Search,
    pub(super) scatterers: Vec<Scatterer>,
}

/// A plant's wall with its gates.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) gates: Vec<Gate>,
    pub(super) readers: Vec<ReaderSite>,
}

impl Site {
    /// `doors` doors, `spacing_m` apart, a reader with two antennas a side at each.
    pub(super) fn docks(
        doors: u32,
        spacing_m: f64,
        power_dbm: f64,
        search: Search,
        dice: &mut Dice,
    ) -> Self {
        let (mut gates, mut readers) = (Vec::new(), Vec::new());
        let x = dice.between(ANTENNA_X_M.0, ANTENNA_X_M.1);
        let turn = dice.between(ANTENNA_TURN_DEG.0, ANTENNA_TURN_DEG.1);
        for door in 0..doors {
            let y = f64::from(door) * spacing_m;
            gates.push(Gate {
                name: format!("dock_{}", door + 1),
                y,
                settled_m: 1.3,
                half_width_m: HALF_DOOR_M,
                belt: false,
            });
            let port = |side: Side, wall: f64| {
                let outward = if side == Side::Inside { 1.0 } else { -1.0 };
                let (sin, cos) = turn.to_radians().sin_cos();
                let height = if wall > 0.0 { 1.0 } else { 1.7 };
                Port {
                    antenna: Antenna {
                        at: [outward * x, y + wall * ANTENNA_Y_M, height],
                        boresight: [outward * sin, -wall * cos, 0.0],
                        gain_dbi: 8.0,
                        beam_deg: 68.0,
                        front_to_back_db: 18.0,
                    },
                    gate: door as usize,
                    side,
                }
            };
            readers.push(ReaderSite {
                name: format!("reader_{}", door + 1),
                radio: Transceiver {
                    power_dbm,
                    cable_loss_db: 1.0,
                    sensitivity_dbm: -80.0,
                },
                ports: vec![
                    port(Side::Outside, 1.0),
                    port(Side::Inside, -1.0),
                    port(Side::Outside, -1.0),
                    port(Side::Inside, 1.0),
                ],
                search,
                scatterers: (0..8).map(|_| scatterer(dice, y)).collect(),
            });
        }
        Self { gates, readers }
    }

    /// Two belts side by side, one reader with two antennas above each.
    pub(super) fn belts(power_dbm: f64, dice: &mut Dice) -> Self {
        let (mut gates, mut ports) = (Vec::new(), Vec::new());
        for belt in 0..2_u8 {
            let y = f64::from(belt) * BELT_SPACING_M;
            gates.push(Gate {
                name: format!("belt_{}", belt + 1),
                y,
                settled_m: 0.5,
                half_width_m: 0.4,
                belt: true,
            });
            for (side, outward) in [(Side::Outside, -1.0), (Side::Inside, 1.0)] {
                let antenna = Antenna {
                    at: [outward * BELT_ANTENNA_X_M, y, 0.55],
                    boresight: unit([outward * 0.35, 0.0, -1.0]),
                    gain_dbi: 6.0,
                    beam_deg: 70.0,
                    front_to_back_db: 18.0,
                };
                ports.push(Port {
                    antenna,
                    gate: usize::from(belt),
                    side,
                });
            }
        }
        let readers = vec![ReaderSite {
            name: "reader_1".to_owned(),
            radio: Transceiver {
                power_dbm,
                cable_loss_db: 1.0,
                sensitivity_dbm: -80.0,
            },
            ports,
            search: Search::Session0,
            scatterers: (0..3).map(|_| scatterer(dice, 0.5)).collect(),
        }];
        Self { gates, readers }
    }

    /// What the gateway would be configured with: its own defaults, and which tags are goods.
    pub(super) fn pipeline_config(&self, eyes: bool) -> PipelineConfig {
        let step = |biz_step: &str, disposition: &str| {
            Some(Step {
                biz_step: biz_step.to_owned(),
                disposition: Some(disposition.to_owned()),
                ..Step::default()
            })
        };
        let gate = |(index, gate): (usize, &Gate)| ReadPointConfig {
            name: gate.name.clone(),
            uri: format!("urn:epc:id:sgln:{COMPANY}.00001.{}", gate.name),
            guard: None,
            kind: ReadPointKind::Gate(GateConfig {
                antennas: self.antennas_of(index),
                inward: step("receiving", "in_progress"),
                outward: step("shipping", "in_transit"),
                tuning: if gate.belt {
                    Tuning::belt()
                } else {
                    Tuning::dock()
                },
                loads: LoadRules::default(),
                stay: None,
                eyes: if eyes && !gate.belt {
                    wiring(u16::try_from(index).unwrap_or(u16::MAX))
                } else {
                    Vec::new()
                },
            }),
        };
        let patterns = |texts: &[String]| {
            let parsed = texts.iter().filter_map(|text| Pattern::parse(text).ok());
            parsed.collect()
        };
        PipelineConfig {
            time_zone: "Europe/Berlin".to_owned(),
            sensors: Vec::new(),
            devices: self.readers.iter().map(|r| r.name.clone()).collect(),
            read_points: self.gates.iter().enumerate().map(gate).collect(),
            tags: TagRules {
                ignore: patterns(&["hex:34*".to_owned()]),
                cargo: patterns(&[format!("urn:epc:pat:sgtin-96:*.{COMPANY}.*.*")]),
                ..TagRules::default()
            },
        }
    }

    fn antennas_of(&self, gate: usize) -> Vec<GateAntenna> {
        let mut antennas = Vec::new();
        for (device, reader) in (0..).zip(&self.readers) {
            for (number, port) in (1..).zip(&reader.ports) {
                if port.gate == gate {
                    antennas.push(GateAntenna {
                        device,
                        antenna: number,
                        side: port.side,
                    });
                }
            }
        }
        antennas
    }
}

fn scatterer(dice: &mut Dice, y: f64) -> Scatterer {
    Scatterer {
        at: [
            dice.between(-3.5, 3.5),
            y + dice.between(-3.0, 3.0),
            dice.between(0.3, 3.5),
        ],
        reflects: dice.sign() * dice.between(0.08, 0.35),
        sways: if dice.chance(0.3) {
            (dice.between(0.1, 0.8), dice.between(0.02, 0.3))
        } else {
            (0.0, 0.0)
        },
    }
}
