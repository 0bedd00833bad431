//! Complex amplitudes.

use std::ops::{Add, AddAssign, Mul};

/// A complex number: strength and phase of a wave.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Phasor {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Phasor {
    pub(super) const fn new(re: f64, im: f64) -> Self {
        Self { re, im }
    }

    /// Of strength one with this phase, radians.
    pub(super) fn turn(phase: f64) -> Self {
        let (im, re) = phase.sin_cos();
        Self { re, im }
    }

    /// Its power, decibels.
    pub(super) fn db(self) -> f64 {
        10.0 * (self.re * self.re + self.im * self.im).max(1e-30).log10()
    }
}

impl Add for Phasor {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(self.re + other.re, self.im + other.im)
    }
}

impl AddAssign for Phasor {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul for Phasor {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self::new(
            self.re * other.re - self.im * other.im,
            self.re * other.im + self.im * other.re,
        )
    }
}

impl Mul<f64> for Phasor {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Self::new(self.re * factor, self.im * factor)
    }
}

/// An amplitude from decibels of power.
pub(super) fn amplitude(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}
