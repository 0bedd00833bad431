//! The walk test: from reads and what really happened to settings that fit the place.
//!
//! Pure: inputs and passes go in, figures and proposals come out. What the pipeline would do with other settings is not
//! guessed; it is run over the same inputs (`trial`), and a setting is proposed only if that was better or no worse.

mod figures;
mod propose;
#[cfg(test)]
mod tests;
mod trial;
mod words;

use std::collections::BTreeMap;

use serde::Serialize;
use tracegate_pipeline::config::{Direction, GateConfig, ReadPointKind};
use tracegate_pipeline::{Input, Pipeline, PipelineConfig, Time};

pub use figures::{Antenna, Histogram};
pub use trial::Outcome;
pub use words::render;

/// What somebody saw with his own eyes: a load went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Not before.
    pub from: Time,
    /// Not after.
    pub to: Time,
    /// Which way.
    pub direction: Direction,
}

/// A walk test.
#[derive(Debug)]
pub struct Walk<'a> {
    /// The read point that was walked through.
    pub read_point: &'a str,
    /// The configuration it was done under.
    pub config: &'a PipelineConfig,
    /// The pipeline as it was before, where that is known: a load may have been on its way already.
    pub begun: Option<&'a Pipeline>,
    /// What the pipeline took meanwhile.
    pub inputs: &'a [Input],
    /// What really happened, in order.
    pub passes: &'a [Pass],
    /// Configured transmit power in dBm, by reader and antenna.
    pub power_dbm: &'a BTreeMap<(String, u16), f64>,
}

/// What came of a walk test.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Survey {
    /// The read point.
    pub read_point: String,
    /// Passes that were walked.
    pub passes: usize,
    /// Tags that were taken through.
    pub goods: usize,
    /// Tags that stand about: read as well when nothing passed.
    pub strays: usize,
    /// What each antenna read.
    pub antennas: Vec<Antenna>,
    /// What the gateway makes of the passes, as it is configured.
    pub now: Outcome,
    /// And with everything proposed that it knows of.
    pub then: Outcome,
    /// What to change.
    pub proposals: Vec<Proposal>,
}

/// A change of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// Section of the configuration file.
    pub section: String,
    /// Line to write there; a comment if it takes a decision.
    pub line: String,
    /// Why.
    pub reason: String,
}

/// Why there is no survey.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SurveyError {
    /// There is no such read point, or it has no antennas.
    #[error("{name} is no read point with antennas; there are {}", .known.join(", "))]
    NoGate {
        /// As asked for.
        name: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// Nothing was walked.
    #[error("no pass was marked; a survey needs some of them, better ten each way")]
    NoPass,
    /// Nothing was read.
    #[error(
        "no tag was read while goods passed; is the reader connected (tracegate status), and are its antennas those of the read point?"
    )]
    NoReads,
}

/// Does the survey.
///
/// # Errors
/// The read point has no antennas, or there is nothing to look at.
pub fn survey(walk: &Walk<'_>) -> Result<Survey, SurveyError> {
    let gate = gate(walk.config, walk.read_point)?;
    if walk.passes.is_empty() {
        return Err(SurveyError::NoPass);
    }
    let figures = figures::Figures::of(walk, gate);
    if figures.goods() == 0 {
        return Err(SurveyError::NoReads);
    }
    let now = trial::run(walk, gate);
    let (proposals, then) = propose::propose(walk, gate, &figures, now);
    Ok(Survey {
        read_point: walk.read_point.to_owned(),
        passes: walk.passes.len(),
        goods: figures.goods(),
        strays: figures.strays(),
        antennas: figures.antennas(),
        now,
        then,
        proposals,
    })
}

/// The read point's antennas and figures.
///
/// # Errors
/// There is no such read point, or it has no antennas.
pub fn gate<'a>(config: &'a PipelineConfig, name: &str) -> Result<&'a GateConfig, SurveyError> {
    let gates = config.read_points.iter().filter_map(|it| match &it.kind {
        ReadPointKind::Gate(gate) => Some((it.name.as_str(), gate)),
        ReadPointKind::Station(_) | ReadPointKind::Zone(_) => None,
    });
    let found = gates.clone().find(|(other, _)| *other == name);
    found
        .map(|(_, gate)| gate)
        .ok_or_else(|| SurveyError::NoGate {
            name: name.to_owned(),
            known: gates.map(|(name, _)| name.to_owned()).collect(),
        })
}
