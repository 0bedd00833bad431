//! An edge node's life without a socket: births, changes and deaths in their order (Sparkplug 3.0 §6.4, §5).

use std::collections::{BTreeMap, BTreeSet};

use super::payload::{Metric, REBIRTH, Value, encode};

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
}

/// How everything is at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Of the gateway itself.
    pub node: Vec<Metric>,
    /// Of each device that is there; one that is down is missing.
    pub devices: BTreeMap<String, Vec<Metric>>,
}

/// The edge node.
#[derive(Debug)]
pub struct Node {
    group: String,
    name: String,
    /// Which connection this is, so that a late death is not taken for that of the next one.
    bd_seq: u8,
    seq: u8,
    told: Snapshot,
}

impl Node {
    /// A node that was never connected.
    #[must_use]
    pub fn new(group: &str, name: &str) -> Self {
        Self {
            group: group.to_owned(),
            name: name.to_owned(),
            bd_seq: u8::MAX,
            seq: 0,
            told: Snapshot::default(),
        }
    }

    fn topic(&self, kind: &str, device: Option<&str>) -> String {
        let Self { group, name, .. } = self;
        let device = device.map_or_else(String::new, |device| format!("/{device}"));
        format!("spBv1.0/{group}/{kind}/{name}{device}")
    }

    /// The topic of commands to this node.
    #[must_use]
    pub fn commands(&self) -> String {
        self.topic("NCMD", None)
    }

    /// A new connection begins; its Last Will.
    pub fn connect(&mut self, time_ms: u64) -> Message {
        self.bd_seq = self.bd_seq.wrapping_add(1);
        self.death(time_ms)
    }

    /// NDEATH of this connection.
    #[must_use]
    pub fn death(&self, time_ms: u64) -> Message {
        Message {
            topic: self.topic("NDEATH", None),
            payload: encode(time_ms, None, &[self.bd_seq()]),
        }
    }

    fn bd_seq(&self) -> Metric {
        Metric::new("bdSeq", Value::Int64(i64::from(self.bd_seq)))
    }

    fn message(
        &mut self,
        kind: &str,
        device: Option<&str>,
        time_ms: u64,
        metrics: &[Metric],
    ) -> Message {
        let payload = encode(time_ms, Some(self.seq), metrics);
        self.seq = self.seq.wrapping_add(1);
        Message {
            topic: self.topic(kind, device),
            payload,
        }
    }

    /// NBIRTH, and DBIRTH of each device that is there: at the beginning, and when somebody asks for it.
    pub fn births(&mut self, now: &Snapshot, time_ms: u64) -> Vec<Message> {
        self.seq = 0;
        let rebirth = Metric::new(REBIRTH, Value::Boolean(false));
        let metrics = [vec![self.bd_seq(), rebirth], now.node.clone()].concat();
        let mut messages = vec![self.message("NBIRTH", None, time_ms, &metrics)];
        for (device, metrics) in &now.devices {
            messages.push(self.message("DBIRTH", Some(device), time_ms, metrics));
        }
        self.told = now.clone();
        messages
    }

    /// What has changed since it was told: NDATA, DDATA, and the births and deaths of devices.
    pub fn changes(&mut self, now: &Snapshot, time_ms: u64) -> Vec<Message> {
        let before = std::mem::replace(&mut self.told, now.clone());
        let mut messages = Vec::new();
        let changed = news(&before.node, &now.node);
        if !changed.is_empty() {
            messages.push(self.message("NDATA", None, time_ms, &changed));
        }
        let names: BTreeSet<&String> = before.devices.keys().chain(now.devices.keys()).collect();
        for name in names {
            let device = Some(name.as_str());
            match (before.devices.get(name), now.devices.get(name)) {
                (None, Some(metrics)) => {
                    messages.push(self.message("DBIRTH", device, time_ms, metrics));
                }
                (Some(_), None) => messages.push(self.message("DDEATH", device, time_ms, &[])),
                // A name that the birth did not have needs another birth (§6.4.6).
                (Some(before), Some(now)) if has_new_name(before, now) => {
                    messages.push(self.message("DBIRTH", device, time_ms, now));
                }
                (Some(before), Some(now)) => {
                    let changed = news(before, now);
                    if !changed.is_empty() {
                        messages.push(self.message("DDATA", device, time_ms, &changed));
                    }
                }
                (None, None) => {}
            }
        }
        messages
    }
}

fn has_new_name(before: &[Metric], now: &[Metric]) -> bool {
    let is_known = |metric: &Metric| before.iter().any(|it| it.name == metric.name);
    !now.iter().all(is_known)
}

fn news(before: &[Metric], now: &[Metric]) -> Vec<Metric> {
    let is_new = |metric: &&Metric| !before.contains(metric);
    now.iter().filter(is_new).cloned().collect()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::super::payload::tests::Payload;
    use super::*;

    fn snapshot(events: u64, devices: &[(&str, u64)]) -> Snapshot {
        let metric = |name: &str, value| vec![Metric::new(name, Value::UInt64(value))];
        let device = |&(name, reads): &(&str, u64)| (name.to_owned(), metric("Reads", reads));
        Snapshot {
            node: metric("Events", events),
            devices: devices.iter().map(device).collect(),
        }
    }

    /// Kind, device and sequence number of each.
    fn read(messages: &[Message]) -> Vec<(String, Option<u64>)> {
        let short = |message: &Message| {
            let rest = message.topic.strip_prefix("spBv1.0/plant/").unwrap();
            let payload = Payload::decode(message.payload.as_slice()).unwrap();
            (rest.replace("/dock", ""), payload.seq)
        };
        messages.iter().map(short).collect()
    }

    fn told(list: &[(&str, u64)]) -> Vec<(String, Option<u64>)> {
        let told = |&(text, seq): &(&str, u64)| (text.to_owned(), Some(seq));
        list.iter().map(told).collect()
    }

    #[test]
    fn births_changes_and_deaths_are_numbered_in_one_row() {
        let mut node = Node::new("plant", "dock");
        node.connect(1);
        let births = node.births(&snapshot(0, &[("a", 0), ("b", 0)]), 1);
        assert_eq!(
            read(&births),
            told(&[("NBIRTH", 0), ("DBIRTH/a", 1), ("DBIRTH/b", 2)])
        );
        assert_eq!(node.changes(&snapshot(0, &[("a", 0), ("b", 0)]), 2), []);
        let changes = node.changes(&snapshot(1, &[("a", 5), ("c", 0)]), 3);
        let expected = [
            ("NDATA", 3),
            ("DDATA/a", 4),
            ("DDEATH/b", 5),
            ("DBIRTH/c", 6),
        ];
        assert_eq!(read(&changes), told(&expected));
        let mut more = snapshot(1, &[("a", 5), ("c", 0)]);
        let antenna = Metric::new("Antennas/1/Reads", Value::UInt64(5));
        more.devices.get_mut("a").unwrap().push(antenna);
        assert_eq!(read(&node.changes(&more, 3)), told(&[("DBIRTH/a", 7)]));
        for number in 8..300u64 {
            more.node = snapshot(number, &[]).node;
            let change = node.changes(&more, 4);
            assert_eq!(read(&change), told(&[("NDATA", number % 256)]));
        }
        // Asked for again: from 0, in the same connection.
        let again = node.births(&snapshot(1, &[("a", 5)]), 5);
        assert_eq!(read(&again), told(&[("NBIRTH", 0), ("DBIRTH/a", 1)]));
    }

    #[test]
    fn birth_and_last_will_of_a_connection_have_the_same_number() {
        let mut node = Node::new("plant", "dock");
        for connection in (0..256u64).chain([0]) {
            let will = node.connect(1);
            assert_eq!(
                read(std::slice::from_ref(&will)),
                [("NDEATH".to_owned(), None)]
            );
            let birth = node.births(&snapshot(0, &[]), 1).remove(0);
            for message in [&will, &birth, &node.death(2)] {
                let payload = Payload::decode(message.payload.as_slice()).unwrap();
                assert_eq!(
                    payload.metric("bdSeq").unwrap().long_value,
                    Some(connection)
                );
            }
            let payload = Payload::decode(birth.payload.as_slice()).unwrap();
            let rebirth = payload.metric("Node Control/Rebirth").unwrap();
            assert_eq!(rebirth.boolean_value, Some(false));
        }
        assert_eq!(node.commands(), "spBv1.0/plant/NCMD/dock");
    }
}
