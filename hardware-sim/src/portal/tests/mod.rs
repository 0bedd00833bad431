//! Tests of the simulator, its scorer and the baselines.
