//! General-purpose outputs: written beside everything else, the newest state of each port winning.
//!
//! Each write is a request of its own, so that a refusal names its port. A port has one write under way; what is asked
//! for meanwhile waits, and only the newest of it is written. States asked for outlive the connection in
//! [`Memory`](super::Memory) and are written again on the next.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Client;
use super::event::ClientEvent;
use super::refusal::Refusal;
use super::request::Task;

/// Most ports written to.
const PORTS_MAX: usize = 64;

/// Ports with something to write, and those being written.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    unsent: BTreeSet<u16>,
    under_way: BTreeSet<u16>,
}

impl Client {
    /// Sets an output, counted from 1: at once if the reader can be spoken to, otherwise as soon as it can, and again
    /// after each reconnect that has this client's [`Memory`](super::Memory). What cannot be done is told by
    /// [`ClientEvent::GpoFailed`].
    pub fn set_gpo(&mut self, now: Duration, port: u16, high: bool) {
        let outputs = &mut self.memory.outputs;
        let explanation = if port == 0 {
            "outputs are numbered from 1".to_owned()
        } else if outputs.len() >= PORTS_MAX && !outputs.contains_key(&port) {
            format!("more than {PORTS_MAX} outputs are in use")
        } else {
            outputs.insert(port, high);
            self.outputs.unsent.insert(port);
            return self.write_outputs(now);
        };
        self.emit(ClientEvent::GpoFailed { port, explanation });
    }

    /// Everything is to be written, as after a reconnect.
    pub(super) fn rewrite_outputs(&mut self, now: Duration) {
        let all = self.memory.outputs.keys().copied();
        self.outputs.unsent.extend(all);
        self.write_outputs(now);
    }

    fn write_outputs(&mut self, now: Duration) {
        if !self.can_request() {
            return;
        }
        let Outputs { unsent, under_way } = &self.outputs;
        let due: Vec<u16> = unsent.difference(under_way).copied().collect();
        for port in due {
            self.outputs.unsent.remove(&port);
            if let Some(count) = self.setup.capabilities.outputs
                && port > count
            {
                self.memory.outputs.remove(&port);
                let has = match count {
                    0 => "no outputs".to_owned(),
                    _ => format!("outputs 1 to {count}"),
                };
                let explanation = format!("output {port} does not exist, the reader has {has}");
                self.emit(ClientEvent::GpoFailed { port, explanation });
            } else if let Some(&high) = self.memory.outputs.get(&port) {
                self.outputs.under_way.insert(port);
                self.request(now, Task::Output { port, high });
            }
        }
    }

    /// A write has been answered, or not in time.
    pub(super) fn output_written(
        &mut self,
        now: Duration,
        port: u16,
        high: bool,
        refusal: Option<Refusal>,
    ) {
        self.outputs.under_way.remove(&port);
        // Whatever came of it, the reader may count it as a change of its configuration.
        self.memory.state_value = None;
        match refusal {
            Some(refusal) => {
                let level = if high { "high" } else { "low" };
                let explanation = format!(
                    "output {port} cannot be set {level}: {}",
                    refusal.explanation
                );
                self.emit(ClientEvent::GpoFailed { port, explanation });
            }
            None => self.emit(ClientEvent::GpoWritten { port }),
        }
        self.write_outputs(now);
    }
}
