//! Tests of the simulator and its scorer.

mod days;
mod physics;
mod replay;
mod scoring;
mod ways;
