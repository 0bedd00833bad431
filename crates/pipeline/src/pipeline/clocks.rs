//! What is known of the readers' clocks, and what waits until more is known.

use crate::clock::{Corrected, DeviceClock, Doubtful, Held};
use crate::fate::Fate;
use crate::input::{DeviceIndex, Output};
use crate::pipeline::Pipeline;
use crate::time::Time;

impl Pipeline {
    /// The clocks of all devices.
    pub fn clocks(&self) -> impl Iterator<Item = (DeviceIndex, &DeviceClock)> {
        (0..).zip(&self.state.devices)
    }

    /// Takes what arrived at `at`, or keeps it until it is known when it was made.
    pub(super) fn take(
        &mut self,
        device: DeviceIndex,
        at: Time,
        mut what: Held,
        outputs: &mut Vec<Output>,
    ) {
        let (arrived, reader_time) = what.times(at);
        if let Some(clock) = self.state.devices.get_mut(usize::from(device)) {
            if clock.weigh(arrived, reader_time) {
                // Late is what it is as long as nothing else is known.
                let fate = matches!(what, Held::Read(_)).then_some(Fate::Late);
                match clock.hold(Doubtful { at, what }) {
                    Ok(()) => {
                        self.note_fate(fate);
                        return;
                    }
                    Err(back) => what = back,
                }
            } else {
                self.release(device, at, outputs);
            }
        }
        let fate = self.take_dated(device, (at, at), what, outputs);
        self.note_fate(fate);
    }

    fn note_fate(&mut self, fate: Option<Fate>) {
        if let Some(trace) = &mut self.trace {
            trace.fates.extend(fate);
        }
    }

    /// Decides what has waited for long enough, or all that waits of a device `of` which nothing more will tell.
    pub(super) fn end_doubts(&mut self, of: Option<DeviceIndex>, outputs: &mut Vec<Output>) {
        let now = self.state.now;
        for device in (0..).take(self.state.devices.len()) {
            let Some(clock) = self.state.devices.get_mut(usize::from(device)) else {
                continue;
            };
            let due = clock.doubt_due();
            if let Some(due) = due.filter(|due| *due <= now || of == Some(device)) {
                clock.end_doubt();
                self.release(device, due.min(now), outputs);
            }
        }
    }

    fn release(&mut self, device: DeviceIndex, now: Time, outputs: &mut Vec<Output>) {
        let clock = self.state.devices.get_mut(usize::from(device));
        for it in clock.map(DeviceClock::released).unwrap_or_default() {
            self.take_dated(device, (it.at, now), it.what, outputs);
        }
    }

    /// Takes what arrived at `at` and can be dated `now`.
    fn take_dated(
        &mut self,
        device: DeviceIndex,
        (at, now): (Time, Time),
        what: Held,
        outputs: &mut Vec<Output>,
    ) -> Option<Fate> {
        match what {
            Held::Read(read) => Some(self.read(device, (at, now), read, outputs)),
            Held::Edge {
                port,
                high,
                reader_time,
            } => {
                let clock = self.state.devices.get_mut(usize::from(device))?;
                let dated = clock.date_edge(at, reader_time);
                self.note_step(device, now, dated, outputs);
                self.edge((device, port), dated.at, high);
                None
            }
        }
    }

    pub(super) fn note_step(
        &mut self,
        device: DeviceIndex,
        at: Time,
        dated: Corrected,
        outputs: &mut Vec<Output>,
    ) {
        if let Some(by) = dated.stepped_back {
            self.stats.clock_steps += 1;
            outputs.push(Output::ClockStepped { device, at, by });
        }
    }
}
