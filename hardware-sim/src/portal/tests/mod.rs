//! Tests of the simulator and its scorer.

mod days;
mod physics;
mod scoring;
mod ways;
