//! What is known of the readers' clocks.

use crate::clock::DeviceClock;
use crate::input::DeviceIndex;
use crate::pipeline::Pipeline;

impl Pipeline {
    /// The clocks of all devices.
    pub fn clocks(&self) -> impl Iterator<Item = (DeviceIndex, &DeviceClock)> {
        (0..).zip(&self.state.devices)
    }
}
