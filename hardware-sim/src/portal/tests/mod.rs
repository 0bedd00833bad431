//! Tests of the simulator and its scorer.

mod alerts;
mod days;
mod physics;
mod replay;
mod scoring;
mod ways;
