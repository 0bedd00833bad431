//! Rows that the broker does not take: kept, tried again, given up, and set aside in the buffer.

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{info, warn};

use super::super::mqtt::Links;
use super::super::words::Blame;
use super::{Session, tell};
use crate::buffer::Request;
use crate::health::{BrokerState, Code, Health};

impl Session<'_> {
    /// Rows were not taken: keep them, wait, send them again. Those that went together and are refused for what one of
    /// them is go again at once, one by one.
    pub(super) fn not_taken(&mut self, group: &[i64], why: String, blame: Blame, health: &Health) {
        let mut until = Instant::now() + self.settings.timing.hold;
        match (blame, group) {
            (Blame::Broker, _) => {
                self.paused_until = Some(until);
                self.cautious = true;
            }
            (Blame::Event, [_, _, ..]) => until = Instant::now(),
            (Blame::Event | Blame::Topic, _) => {}
        }
        self.lanes.refused(group, &why, until);
        if let (Blame::Event, [seq]) = (blame, group)
            && let Some((topic, _)) = self.lanes.content(*seq)
            && let Some(attempts) = self.memory.refused(&topic, *seq)
        {
            self.lanes.give_up(*seq, why, attempts);
        }
        self.refused = true;
        self.say_what_is_refused(health);
    }

    pub(super) fn say_what_is_refused(&mut self, health: &Health) {
        if !self.refused {
            return;
        }
        match self.lanes.refusal() {
            Some(why) => {
                if health.broker(BrokerState::Refuses(why.to_owned())) {
                    warn!(
                        code = Code::BrokerRefuses.as_str(),
                        reason = why,
                        "The broker did not take an event; it is kept and sent again"
                    );
                }
            }
            None => {
                self.refused = false;
                health.broker(BrokerState::Up);
                info!(
                    code = Code::BrokerRefuses.as_str(),
                    "The broker takes events again"
                );
            }
        }
    }

    /// Has the buffer set the first row aside, if it is hopeless.
    pub(super) fn set_first_aside(&mut self, links: &Links) {
        if self.aside.is_some()
            || self.paused_until.is_some()
            || self.lanes.to_set_aside().is_none()
        {
            return;
        }
        if self.downlink.mark().is_some() {
            if !self.is_idle() {
                return;
            }
            // Everything before it first: it leaves the buffer together with it.
            self.downlink.back_to(self.lanes.mark());
            if !self.downlink.is_confirmed() {
                return;
            }
        }
        let Some((seq, why, attempts)) = self.lanes.to_set_aside() else {
            return;
        };
        let (done, answer) = oneshot::channel();
        let request = Request::SetAside {
            seq,
            reason: why.to_owned(),
            attempts,
            done,
        };
        // With a full queue its answer never comes, and that is an answer too.
        let _ = links.requests.try_send(request);
        self.aside = Some((seq, answer));
    }

    /// Waits for the buffer's answer, or that of a device; for ever, if nobody was asked.
    pub(in crate::forward) async fn answers(&mut self, health: &Health) {
        let awaited = self.aside.as_mut().filter(|_| self.is_aside.is_none());
        let buffer = async {
            match awaited {
                Some((_, answer)) => answer.await == Ok(true),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = buffer => self.is_aside = Some(done),
            () = self.downlink.commands.device_answers(health) => {}
        }
    }

    /// Goes on behind the row that was set aside; one that could not be is tried again.
    pub(super) fn conclude(&mut self, links: &Links) {
        let Some(done) = self.is_aside.take() else {
            return;
        };
        let Some((seq, _)) = self.aside.take() else {
            return;
        };
        if !done {
            self.paused_until = Some(Instant::now() + self.settings.timing.hold);
            return;
        }
        self.memory.suspects.set_aside(seq);
        self.lanes.finish(seq);
        self.downlink.skip(seq, Instant::now());
        tell(links, self.downlink.mark().unwrap_or(self.lanes.mark()));
    }
}
