//! What goes out and comes in beside the events: subscriptions, the status, messages about devices, answers to commands.

use std::collections::BTreeMap;

use tracing::warn;

use super::super::announce::{self, Announcer};
use super::super::client::{Message, Properties};
use super::super::mqtt::SessionEnd;
use super::super::window::Item;
use super::super::words;
use super::Session;
use crate::health::{DeviceKind, Health, Status};
use crate::logs;

impl Session<'_> {
    pub(super) fn subscribe(&mut self) -> Result<(), SessionEnd> {
        let now = tokio::time::Instant::now();
        let filters = self.downlink.subscriptions_due(now, self.is_idle());
        if filters.is_empty() {
            return Ok(());
        }
        let asked = self.client.subscribe(filters);
        asked.map_err(|error| SessionEnd::Lost(error.to_string()))
    }

    /// For the devices that there are.
    pub(in crate::forward) fn announcer(&self, kinds: &BTreeMap<String, DeviceKind>) -> Announcer {
        let settings = announce::Settings {
            devices: kinds.clone(),
            ..self.settings.devices.clone()
        };
        Announcer::new(&settings, &self.settings.site)
    }

    /// There are other devices now.
    pub(in crate::forward) fn reannounce(
        &self,
        announcer: &mut Announcer,
        kinds: &BTreeMap<String, DeviceKind>,
    ) {
        announcer.follow(&self.settings.devices, kinds, &self.settings.site);
    }

    /// Hands the client a message about a device, if one is due and there is room; one at a time, so that events go on. The
    /// status goes before all of them.
    pub(in crate::forward) fn announce(
        &mut self,
        announcer: &mut Announcer,
        health: &Health,
    ) -> Result<(), SessionEnd> {
        if self.status_due || !self.room_for_status() {
            return Ok(());
        }
        match announcer.next(health, self.is_idle()) {
            Some((topic, payload)) => self.publish_health(topic, payload),
            None => Ok(()),
        }
    }

    /// The status, or a message about a device.
    pub(super) fn publish_health(
        &mut self,
        topic: String,
        payload: String,
    ) -> Result<(), SessionEnd> {
        let message = Message {
            topic,
            retain: true,
            payload: payload.into(),
            properties: Properties {
                content_type: Some("application/json".to_owned()),
                ..Properties::default()
            },
        };
        self.publish_beside(message)
    }

    fn publish_beside(&mut self, message: Message) -> Result<(), SessionEnd> {
        let size = message.size();
        if let Some(maximum) = self.too_large(size) {
            // Events matter more than this: the connection goes on without.
            warn!(
                code = logs::MESSAGE_TOO_LARGE,
                reason = words::too_large(size, maximum),
                topic = message.topic,
                "Message not sent"
            );
            return Ok(());
        }
        self.publish(Item::Status, message)
    }

    pub(super) fn publish_answers(&mut self) -> Result<(), SessionEnd> {
        while self.room_for_status()
            && let Some((reply, payload)) = self.downlink.commands.next_answer()
        {
            let message = Message {
                topic: reply.topic,
                retain: false,
                payload: payload.into(),
                properties: Properties {
                    content_type: Some("application/json".to_owned()),
                    correlation: reply.correlation,
                    ..Properties::default()
                },
            };
            self.publish_beside(message)?;
        }
        Ok(())
    }

    /// Sends the last status; false while there is no room.
    pub(in crate::forward) fn say_goodbye(&mut self, health: &Health) -> bool {
        let status = Status {
            state: "offline".into(),
            reason: Some("stopped".into()),
            summary: "The gateway was stopped; what waits is kept.".into(),
            ..health.status()
        };
        let topic = self.settings.status_topic.clone();
        self.room_for_status() && self.publish_health(topic, status.to_json()).is_ok()
    }
}
