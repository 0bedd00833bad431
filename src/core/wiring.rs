//! What the core shares with the rest, and how that changes while it runs.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::input::DeviceIndex;
use tracegate_pipeline::{Input, PipelineConfig};
use tracing::debug;

use super::storing::Ended;
use super::{BATCH, Core, Feedback, LightSwitch};
use crate::audit::Keep;
use crate::buffer::Request;
use crate::capture::tap::Tap;
use crate::clock::GatewayClock;
use crate::health::{Beat, Health};
use crate::reference;
use crate::source::marker::Known;

/// What the core shares with the rest.
#[derive(Debug)]
pub struct Wiring {
    /// From the sources; ends when all of them have.
    pub inputs: mpsc::Receiver<Input>,
    /// To scanners and readers.
    pub feedback: BTreeMap<DeviceIndex, mpsc::Sender<Feedback>>,
    /// To the lights beside scanners and markers.
    pub lights: BTreeMap<DeviceIndex, LightSwitch>,
    /// To receivers: how many inputs with their reads are stored, perhaps only beside the buffer ([`Store::defer`](crate::buffer::Store::defer)).
    pub stored: BTreeMap<DeviceIndex, watch::Sender<u64>>,
    /// To the forwarder: newest committed sequence number.
    pub committed: watch::Sender<i64>,
    /// From the forwarder: newest acknowledged sequence number.
    pub acknowledged: watch::Receiver<i64>,
    /// From a reload: another configuration.
    pub changes: mpsc::Receiver<Change>,
    /// From the forwarder: events that cannot be sent.
    pub requests: mpsc::Receiver<Request>,
    /// To the witness: what was committed.
    pub tap: Tap,
    /// What is known about things.
    pub known: reference::Known,
    /// Time.
    pub clock: GatewayClock,
    /// Conditions and counters.
    pub health: Health,
    /// Sign of life.
    pub beat: Beat,
    /// Ends the core after the forwarder's last acknowledgement.
    pub stop: CancellationToken,
    /// The core ends when the disk has failed for so long.
    pub give_up_after: Duration,
    /// Loads that are not booked are stored and sent, too.
    pub non_events: bool,
    /// How long the record of verdicts stays.
    pub keep_verdicts: Keep,
}

/// Another configuration, and where words to the devices of it go.
#[derive(Debug)]
pub struct Change {
    /// The pipeline's part.
    pub config: Box<PipelineConfig>,
    /// Devices whose tasks have ended for it.
    pub ended: Vec<DeviceIndex>,
    /// As in [`Wiring`].
    pub feedback: BTreeMap<DeviceIndex, mpsc::Sender<Feedback>>,
    /// As in [`Wiring`].
    pub lights: BTreeMap<DeviceIndex, LightSwitch>,
    /// As in [`Wiring`].
    pub stored: BTreeMap<DeviceIndex, watch::Sender<u64>>,
    /// As in [`Wiring`].
    pub keep_verdicts: Keep,
    /// Told once it is in force and stored; where feeds that are read again go on.
    pub done: oneshot::Sender<BTreeMap<String, Known>>,
}

impl Core {
    /// Takes another configuration, once everything that devices of the one before have said is taken in.
    pub(super) async fn change(&mut self, change: Change) -> Result<(), Ended> {
        let mut left = self.wiring.inputs.len();
        while left > 0 {
            let most = left.min(BATCH.0);
            let waiting = std::iter::from_fn(|| self.wiring.inputs.try_recv().ok());
            let batch: Vec<Input> = waiting.take(most).collect();
            left = left.saturating_sub(most);
            self.take(batch).await?;
        }
        let at = self.wiring.clock.now();
        let down = |device: &DeviceIndex| Input::Device {
            device: *device,
            at,
            up: false,
            reader_time: None,
        };
        let mut batch: Vec<Input> = change.ended.iter().map(down).collect();
        if *change.config != *self.pipeline.config() {
            batch.push(Input::Configure(change.config));
        }
        self.wiring.feedback = change.feedback;
        self.wiring.lights = change.lights;
        self.wiring.stored = change.stored;
        self.wiring.keep_verdicts = change.keep_verdicts;
        if !batch.is_empty() {
            self.take(batch).await?;
        }
        let names = self.pipeline.config().devices.iter();
        let known = names.filter_map(|name| {
            let feed = self.pipeline.mark_feed(name)?;
            Some((name.clone(), Known::of(Some(feed))))
        });
        if change.done.send(known.collect()).is_err() {
            debug!("Nobody waits for the new configuration any more");
        }
        Ok(())
    }
}
