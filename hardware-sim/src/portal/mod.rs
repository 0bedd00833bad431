//! Dock doors and belts with everything that goes wrong there, simulated with its truth, and a scorer.
//!
//! No sockets and no real time: a [`Day`] is made of a [`Situation`] and a seed, gives the inputs that a gateway would
//! have got, and knows what really happened. [`Method::tell`] lets the gateway's pipeline or one of the methods of
//! others decide, [`Day::score`] compares. The `portal` command prints the tables.
//!
//! From the bottom up: `radio` (link budget) and `surroundings` (fading, goods in the way) say how loud a tag is,
//! `inventory` who gets a turn; `waves` says both in another way, for the same days ([`Air`]); `path`, `goods` and `traffic` who is where, `site` and `situation` what is built, `delivery`
//! what the reader's clock and the network make of it, `truth` what has passed: it is read off the ways, not declared.
//!
//! Seeds [`TUNING_SEEDS`] are for tuning; [`HELD_BACK_SEEDS`] stay unused until a figure is reported, so that it
//! tells of days that nobody has looked at.

mod air;
mod alerts;
mod baseline;
mod claim;
mod day;
mod delivery;
mod dice;
mod eyes;
mod floor;
mod goods;
mod inventory;
mod path;
mod radio;
mod report;
mod score;
mod site;
mod situation;
mod surroundings;
mod traffic;
mod truth;
mod waves;

#[cfg(test)]
mod tests;

pub use air::{Air, Conditions};
pub use alerts::{Alerts, alerts};
pub use claim::{Claim, Method, Refusal, Told};
pub use day::Day;
pub use eyes::EyeEdge;
pub use goods::Cause;
pub use report::{HELD_BACK_SEEDS, Row, TUNING_SEEDS, again, causes, reasons, rows, story, table};
pub use score::{Score, WINDOW_S};
pub use site::Search;
pub use situation::Situation;
pub use truth::Movement;
