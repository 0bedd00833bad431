//! What a reader has at its sockets, and what read points name that it has not.

use super::device::Uses;

/// How many antennas and inputs a reader has; they count from 1. What it does not say stands at the largest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Antennas.
    pub antennas: u16,
    /// Inputs.
    pub inputs: u16,
}

impl Ports {
    /// What is worked with and not there, in words.
    pub(super) fn absent(self, uses: &Uses) -> impl Iterator<Item = String> {
        let Self { antennas, inputs } = self;
        let antenna = uses.antennas.iter().filter(move |id| **id > antennas);
        let antenna = antenna.map(move |id| {
            format!("antenna {id}, which a read point names, does not exist: the reader has antennas 1 to {antennas}")
        });
        let input = uses.eyes.iter().filter(move |id| **id > inputs);
        let input = input.map(move |id| match inputs {
            0 => format!("input {id}, which a photo-eye is wired to, does not exist: the reader has no inputs"),
            _ => format!("input {id}, which a photo-eye is wired to, does not exist: the reader has inputs 1 to {inputs}"),
        });
        antenna.chain(input)
    }
}
