//! General-purpose outputs.

use std::time::Duration;

use super::event::ClientEvent;
use super::{Client, State};
use crate::codec::message::{self, Message};
use crate::codec::param::GPOWriteData;
use crate::codec::{Frame, Params};

/// Most ports written to.
const PORTS_MAX: usize = 64;

impl Client {
    /// Sets an output, counted from 1: at once if the reader can be spoken to, otherwise as soon as it can, and again
    /// after each reconnect that has this client's [`Memory`](super::Memory). What cannot be done is told by
    /// [`ClientEvent::GpoFailed`].
    pub fn set_gpo(&mut self, _now: Duration, port: u16, high: bool) {
        let outputs = &mut self.memory.outputs;
        let explanation = if port == 0 {
            "outputs are numbered from 1".to_owned()
        } else if outputs.len() >= PORTS_MAX && !outputs.contains_key(&port) {
            format!("more than {PORTS_MAX} outputs are in use")
        } else {
            outputs.insert(port, high);
            return self.write_output(port, high);
        };
        self.emit(ClientEvent::GpoFailed { port, explanation });
    }

    /// Asks the reader for the reports it has gathered.
    pub fn fetch_reports(&mut self, _now: Duration) {
        self.send_unasked(message::GetReport {}.into());
    }

    pub(super) fn write_output(&mut self, port: u16, high: bool) {
        let data = GPOWriteData {
            gpo_port_number: port,
            gpo_data: high,
        };
        self.send_unasked(
            message::SetReaderConfig {
                reset_to_factory_default: false,
                params: Params::default().with(data),
            }
            .into(),
        );
    }

    fn send_unasked(&mut self, message: Message) {
        if self.state != State::Ready {
            return;
        }
        let message_id = self.next_message_id;
        self.next_message_id = message_id.checked_add(1).unwrap_or(1);
        let version = crate::VERSION_1_0_1;
        if let Ok(bytes) = (Frame {
            version,
            message_id,
            message,
        })
        .encode()
        {
            self.requests.push_back(bytes);
        }
    }
}
