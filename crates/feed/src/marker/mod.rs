//! Laser markers: from frames to marks with one outcome each.
