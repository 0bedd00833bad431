//! Which air a day is played in: the radio model, how fast tags are read, and how a reader goes about its rounds.

use super::inventory::Pace;
use super::site::Search;

/// A model of everything between the antennas and the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Air {
    /// Decibels: free space, reflections off single points, goods in the way up to a limit; tags in turn.
    #[default]
    LinkBudget,
    /// Complex amplitudes: direct and floor ray with their polarisation, plane waves from all around, diffraction; slots
    /// that tags draw by chance, with collisions.
    Waves,
}

impl Air {
    /// Both.
    pub const ALL: [Self; 2] = [Self::LinkBudget, Self::Waves];

    /// The name as the command line has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LinkBudget => "link-budget",
            Self::Waves => "waves",
        }
    }
}

/// Reads in a second with FM0 or few tags and short tags' answers.
const FAST: f64 = 500.0;
/// Reads in a second with Miller 4, as most portals are set.
const USUAL: f64 = 200.0;
/// Reads in a second with Miller 8 in dense-reader mode.
const SLOW: f64 = 60.0;
/// A reader stays on an antenna of a door, or of a belt, for about so many reads.
const READS_A_DWELL: (f64, f64) = (40.0, 12.0);
/// But not shorter and not longer than this.
const DWELL_S: (f64, f64) = (0.06, 0.5);

/// What a day is played in. The default is what the situation's preset has in the link-budget air.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Conditions {
    /// Which model.
    pub air: Air,
    /// Reads a second of one reader whose antennas see about as many tags as it expects; the model's own if not given.
    pub reads_per_s: Option<f64>,
    /// Another way of inventory than the preset's.
    pub search: Option<Search>,
    /// The photo-eyes are wired to the readers, so that the gateway sees them.
    pub eyes: bool,
}

impl Conditions {
    /// Reads a second: a number from 10 to 2000, or `fast`, `usual` or `slow`.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub fn parse_reads_per_second(text: &str) -> Result<f64, String> {
        let number = match text {
            "fast" => Some(FAST),
            "usual" => Some(USUAL),
            "slow" => Some(SLOW),
            _ => text.parse().ok(),
        };
        number
            .filter(|number| (10.0..=2000.0).contains(number))
            .ok_or_else(|| {
                format!(
                    "expected reads a second from 10 to 2000, or fast ({FAST}), usual ({USUAL}) or slow ({SLOW})"
                )
            })
    }

    /// Reads a second, given or the model's own.
    #[must_use]
    pub fn reads_per_s(&self) -> f64 {
        self.reads_per_s.unwrap_or(match self.air {
            Air::LinkBudget => 1.0 / Pace::default().turn_s,
            Air::Waves => USUAL,
        })
    }

    /// For tables: model and reads a second.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {:.0}/s", self.air.as_str(), self.reads_per_s())
    }

    /// Turns and dwell of the link-budget air.
    pub(super) fn pace(&self, belt: bool) -> Pace {
        self.reads_per_s.map_or_else(Pace::default, |reads| Pace {
            turn_s: 1.0 / reads,
            dwell_s: self.dwell_s(belt),
        })
    }

    /// How long a reader stays on one antenna while tags answer, seconds.
    pub(super) fn dwell_s(&self, belt: bool) -> f64 {
        let reads = if belt {
            READS_A_DWELL.1
        } else {
            READS_A_DWELL.0
        };
        (reads / self.reads_per_s()).clamp(DWELL_S.0, DWELL_S.1)
    }
}
