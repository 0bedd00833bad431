//! Laser markers.

pub mod follow;
