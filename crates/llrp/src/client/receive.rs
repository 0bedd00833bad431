//! Messages from the reader, by their kind.

use std::time::Duration;

use super::error::ClientError;
use super::request::is_response;
use super::{ACKS_MAX, Client, State};
use crate::codec::Frame;
use crate::codec::message::{self, Message, message_name};
use crate::frame::{Header, RawFrame};

impl Client {
    pub(super) fn handle_frame(&mut self, now: Duration, raw: RawFrame<'_>) {
        let Header {
            version,
            message_type,
            message_id,
        } = raw.header;
        if matches!(self.state, State::AwaitingConnection { .. })
            && (!(1..=3).contains(&version) || message_name(message_type).is_none())
        {
            return self.fail(ClientError::NotLlrp(None));
        }
        match message_type {
            message::ROAccessReport::TYPE => self.handle_report(raw.body),
            message::Keepalive::TYPE => {
                self.counters.keepalives += 1;
                if self.acks.len() < ACKS_MAX {
                    self.acks.push_back(message_id);
                } else {
                    self.counters.dropped_acks += 1;
                }
            }
            message::ReaderEventNotification::TYPE => match self.decode(raw) {
                Ok(Frame {
                    message: Message::ReaderEventNotification(event),
                    ..
                }) => {
                    for data in event.params.all() {
                        self.handle_notification(now, data);
                    }
                }
                _ => self.counters.malformed_messages += 1,
            },
            _ if is_response(message_type) => self.handle_response(now, raw),
            _ => self.counters.unexpected_messages += 1,
        }
    }
}
