//! What a device is told to do on command, and how it answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::health::DeviceKind;

/// Orders that wait for a device; more are refused.
const ORDER_QUEUE: usize = 4;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Show which one it is, by its light or its beeper, for so long.
    Identify(Duration),
    /// Switch an output.
    Output {
        /// Counted from 1.
        port: u16,
        /// To what.
        state: OutputState,
    },
}

/// What an output is switched to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputState {
    /// On, until told otherwise.
    On,
    /// Off, until told otherwise.
    Off,
    /// On for so long.
    Pulse(Duration),
}

/// One order.
#[derive(Debug)]
pub struct Order {
    /// What is to be done.
    pub action: Action,
    /// Whether it is done, or why not. Closed: nobody waits any more, and it must not be done.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// The device's end. Cheap to clone; whoever asks first gets the next order.
#[derive(Debug, Clone)]
pub struct Orders(Arc<Mutex<mpsc::Receiver<Order>>>);

impl Orders {
    /// The next order that somebody still waits for; for ever, if none will come. Cancel safe.
    pub async fn next(&self) -> Order {
        let mut orders = self.0.lock().await;
        loop {
            match orders.recv().await {
                Some(order) if order.done.is_closed() => {}
                Some(order) => return order,
                None => std::future::pending().await,
            }
        }
    }
}

/// A device that takes orders.
#[derive(Debug, Clone)]
pub struct Target {
    orders: mpsc::Sender<Order>,
    /// It has something to show which one it is.
    pub identifies: bool,
    /// Outputs that are left to commands.
    pub outputs: Vec<u16>,
}

impl Target {
    /// A target, and the device's end of it.
    #[must_use]
    pub fn new(identifies: bool, outputs: Vec<u16>) -> (Self, Orders) {
        let (orders, taken) = mpsc::channel(ORDER_QUEUE);
        let target = Self {
            orders,
            identifies,
            outputs,
        };
        (target, Orders(Arc::new(Mutex::new(taken))))
    }

    /// Gives an order; `None` when too many wait already.
    #[must_use]
    pub fn give(&self, action: Action) -> Option<oneshot::Receiver<Result<(), String>>> {
        let (done, answer) = oneshot::channel();
        self.orders.try_send(Order { action, done }).ok()?;
        Some(answer)
    }
}

/// All devices by name.
pub type Directory = BTreeMap<String, Target>;

/// What there is at this moment: a reload may change it.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// Devices that commands are for.
    pub targets: Directory,
    /// All devices, lights among them.
    pub kinds: BTreeMap<String, DeviceKind>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_order_that_nobody_waits_for_is_not_done() {
        let (target, orders) = Target::new(true, vec![]);
        let waits: Vec<_> = (0..10)
            .map(|n| target.give(Action::Identify(Duration::from_secs(n))))
            .collect();
        assert_eq!(waits.iter().flatten().count(), ORDER_QUEUE);
        let last = waits.into_iter().flatten().last();
        let order = orders.next().await;
        assert_eq!(order.action, Action::Identify(Duration::from_secs(3)));
        order.done.send(Ok(())).unwrap();
        assert_eq!(last.unwrap().await, Ok(Ok(())));
    }
}
