//! What happens on the simulated plant floor: who, where, how many, from which seed.
//!
//! A [`Scenario`] is written in TOML or built in code; [`Scenario::timeline`] turns it into every single read and
//! scan with its time, beside the movements that are really behind them. Nothing here reads a clock or does I/O, and
//! the same scenario gives the same timeline, byte for byte.
//!
//! ```toml
//! seed = 7
//! [company]
//! prefix = "4012345"
//! [[reader]]
//! name = "dock_1"
//! inside = [3, 4]
//! outside = [1, 2]
//! [[traffic]]
//! reader = "dock_1"
//! pallets = 50
//! items = [8, 24]
//! pattern = "in_then_out"
//! crossing = "1.2s"
//! gap = "1s"
//! [[scanner]]
//! name = "line_1"
//! kind = "pty"
//! lots = 20
//! every = "2s"
//! [[fault]]
//! reader = "dock_1"
//! at = "20s"
//! what = "cut rst"
//! ```

mod identity;
mod model;
mod portal;
mod timeline;
mod units;

#[cfg(test)]
mod tests;

pub use identity::{Company, canonical_uri, check_digit};
pub use model::{
    FaultSpec, Pattern, ReadPoint, ReaderSpec, ScannerKind, ScannerSpec, Scenario, Traffic,
};
pub use timeline::{
    Direction, Movement, Passage, Scan, ScanMovement, Sighting, TimedFault, Timeline,
};
pub(crate) use units::parse as duration;

/// Why a scenario cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The text is not TOML, or not of this shape.
    #[error("read the scenario")]
    Toml(#[from] toml::de::Error),
    /// The values do not fit together.
    #[error("scenario: {0}")]
    Invalid(String),
    /// An identity of the scenario cannot be written on a tag.
    #[error("encode tag {uri}: {reason}")]
    Tag {
        /// The tag URI.
        uri: String,
        /// What the encoder said.
        reason: String,
    },
}
