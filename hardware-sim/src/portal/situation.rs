//! The presets: what is built, what drives, what goes wrong.

use super::dice::Dice;
use super::goods::Recipe;
use super::site::{Search, Site};

/// A named preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Situation {
    /// One door, an empty floor, one load after the other.
    EasyDock,
    /// Two opposing belts side by side, items 0.3 to 1 m apart, a reader for both.
    Conveyors,
    /// One door, pallets staged beside it that are put down, moved and picked up.
    ParkedStock,
    /// Two doors 3.5 m apart at full power without eyes, that hear each other and what drives by.
    StrayDoors,
    /// Four doors 3.5 m apart, staged stock, tailgating, lost links and clocks that step.
    CrowdedDoors,
    /// One door where loads shuttle, turn back and wait in the doorway.
    ShuttleDay,
}

impl Situation {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 6] = [
        Self::EasyDock,
        Self::Conveyors,
        Self::ParkedStock,
        Self::StrayDoors,
        Self::CrowdedDoors,
        Self::ShuttleDay,
    ];

    /// The name as the command line has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EasyDock => "easy-dock",
            Self::Conveyors => "conveyors",
            Self::ParkedStock => "parked-stock",
            Self::StrayDoors => "stray-doors",
            Self::CrowdedDoors => "crowded-doors",
            Self::ShuttleDay => "shuttle-day",
        }
    }
}

/// What can happen at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Straight through.
    Pass,
    /// Through, with a halt in the doorway.
    Pause,
    /// Two pallets on one truck.
    Twin,
    /// Two trucks, the second close behind.
    Tailgate,
    /// Into the doorway and back.
    TurnBack,
    /// Through, and back through after a little while.
    Shuttle,
    /// Along the wall.
    DriveBy,
    /// Through, and put down in the field.
    PutDown,
    /// Picked up in the field and through.
    PickUp,
    /// Picked up in the field, and not through.
    Handle,
}

/// Weights of the operations.
pub(super) type Mix = &'static [(Operation, f64)];

/// Everything a preset sets.
#[derive(Debug, Clone)]
pub(super) struct Preset {
    pub(super) site: Site,
    pub(super) mix: Mix,
    pub(super) recipe: Recipe,
    /// Between the end of one operation at a door and the beginning of the next, on average.
    pub(super) gap_s: f64,
    /// Share of the staging places that are taken when the day begins.
    pub(super) staged: f64,
    /// Between two people at a door, on average.
    pub(super) people_s: f64,
    pub(super) faults: Faults,
}

/// What goes wrong on the way from the reader to the gateway.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    /// Offset of the reader's clock, seconds either way.
    pub(super) offset_s: f64,
    /// Its drift, parts per million either way.
    pub(super) drift_ppm: f64,
    /// Steps of the clock in an hour, up to 2 s either way.
    pub(super) steps_per_h: f64,
    /// Lost links in an hour, 2 to 15 s each.
    pub(super) gaps_per_h: f64,
    /// Share of the lost links after which the reader delivers what it held.
    pub(super) held: f64,
    /// Reports a reader sends in a second.
    pub(super) reports_per_s: f64,
    /// Share of the reports that the network holds up, by up to 0.6 s.
    pub(super) late: f64,
    /// Numbers that nothing has, in an hour.
    pub(super) ghosts_per_h: f64,
}

const PALLET: Recipe = Recipe {
    tags: (1, 60),
    sscc_share: 0.7,
    materials: [0.5, 0.4, 0.1],
    size: [1.2, 0.8, 1.5],
};

const CARTON: Recipe = Recipe {
    tags: (1, 1),
    sscc_share: 0.0,
    materials: [0.7, 0.3, 0.0],
    size: [0.25, 0.25, 0.2],
};

const CALM: Faults = Faults {
    offset_s: 0.5,
    drift_ppm: 20.0,
    steps_per_h: 0.0,
    gaps_per_h: 0.0,
    held: 1.0,
    reports_per_s: 10.0,
    late: 0.0,
    ghosts_per_h: 10.0,
};

const USUAL: Faults = Faults {
    offset_s: 3.0,
    drift_ppm: 50.0,
    steps_per_h: 0.5,
    gaps_per_h: 1.0,
    held: 0.7,
    reports_per_s: 5.0,
    late: 0.02,
    ghosts_per_h: 40.0,
};

const EASY: Mix = &[(Operation::Pass, 0.9), (Operation::Pause, 0.1)];

const STAGED: Mix = &[
    (Operation::Pass, 0.42),
    (Operation::Pause, 0.06),
    (Operation::PutDown, 0.14),
    (Operation::PickUp, 0.14),
    (Operation::Handle, 0.12),
    (Operation::TurnBack, 0.06),
    (Operation::DriveBy, 0.06),
];

const STRAY: Mix = &[
    (Operation::Pass, 0.45),
    (Operation::Pause, 0.05),
    (Operation::Tailgate, 0.04),
    (Operation::PutDown, 0.09),
    (Operation::PickUp, 0.09),
    (Operation::Handle, 0.06),
    (Operation::TurnBack, 0.07),
    (Operation::DriveBy, 0.15),
];

const CROWDED: Mix = &[
    (Operation::Pass, 0.44),
    (Operation::Pause, 0.06),
    (Operation::Twin, 0.07),
    (Operation::Tailgate, 0.08),
    (Operation::PutDown, 0.09),
    (Operation::PickUp, 0.09),
    (Operation::Handle, 0.05),
    (Operation::TurnBack, 0.06),
    (Operation::DriveBy, 0.06),
];

const SHUTTLE: Mix = &[
    (Operation::Pass, 0.3),
    (Operation::Pause, 0.15),
    (Operation::Twin, 0.05),
    (Operation::Tailgate, 0.1),
    (Operation::TurnBack, 0.2),
    (Operation::Shuttle, 0.2),
];

impl Preset {
    pub(super) fn new(situation: Situation, dice: &mut Dice) -> Self {
        let dock = |site, mix, gap_s, staged, people_s, faults| Self {
            site,
            mix,
            recipe: PALLET,
            gap_s,
            staged,
            people_s,
            faults,
        };
        let s0 = Search::Session0;
        match situation {
            Situation::EasyDock => {
                let site = Site::docks(1, 3.5, 28.0, s0, dice);
                dock(site, EASY, 12.0, 0.0, 240.0, CALM)
            }
            Situation::Conveyors => Self {
                site: Site::belts(16.0, dice),
                mix: &[],
                recipe: CARTON,
                gap_s: 0.0,
                staged: 0.0,
                people_s: f64::INFINITY,
                faults: CALM,
            },
            Situation::ParkedStock => {
                let site = Site::docks(1, 3.5, 29.0, s0, dice);
                dock(site, STAGED, 10.0, 0.6, 120.0, CALM)
            }
            Situation::StrayDoors => {
                let site = Site::docks(2, 3.5, 31.0, s0, dice);
                dock(site, STRAY, 14.0, 0.5, 120.0, USUAL)
            }
            Situation::CrowdedDoors => {
                let site = Site::docks(4, 3.5, 29.0, Search::Session2Dual, dice);
                dock(site, CROWDED, 16.0, 0.5, 90.0, USUAL)
            }
            Situation::ShuttleDay => {
                let site = Site::docks(1, 3.5, 29.0, s0, dice);
                dock(site, SHUTTLE, 10.0, 0.0, 120.0, CALM)
            }
        }
    }
}
