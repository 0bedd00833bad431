//! What is counted for each read point, and how full the queues in between are.

use std::collections::BTreeMap;

use super::Health;

/// What became of something at a read point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Became {
    /// A movement was booked.
    Movement,
    /// A load was not booked, for this reason.
    NonEvent(&'static str),
    /// A scan of this device had this verdict.
    Verdict(&'static str),
}

/// A queue at the moment when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// What waits in it.
    pub length: usize,
    /// What has room in it.
    pub capacity: usize,
    /// The most that has waited since the start.
    pub most: usize,
}

/// Counts by configured names, of which there are few.
#[derive(Debug, Default)]
pub(super) struct Points {
    became: BTreeMap<(String, Became), u64>,
    queues: BTreeMap<&'static str, Queue>,
}

impl Points {
    /// Forgets what was counted for other devices.
    pub(super) fn retain_devices(&mut self, is_there: impl Fn(&str) -> bool) {
        let is_device = |what: &Became| matches!(what, Became::Verdict(_));
        let stays = |name: &str, what: &Became| !is_device(what) || is_there(name);
        self.became.retain(|(name, what), _| stays(name, what));
    }

    /// Forgets what was counted at other read points.
    pub(super) fn retain_read_points(&mut self, is_there: impl Fn(&str) -> bool) {
        let is_device = |what: &Became| matches!(what, Became::Verdict(_));
        let stays = |name: &str, what: &Became| is_device(what) || is_there(name);
        self.became.retain(|(name, what), _| stays(name, what));
    }
}

impl Health {
    /// Counts something at a read point, or a verdict by a scanner.
    pub fn became(&self, read_point: &str, what: Became) {
        let mut links = self.links();
        let is_gone = links.devices_are_known && !links.devices.contains_key(read_point);
        if matches!(what, Became::Verdict(_)) && is_gone {
            return;
        }
        let count = links.points.became.entry((read_point.to_owned(), what));
        *count.or_default() += 1;
    }

    /// What was counted: read point, what became, how often.
    #[must_use]
    pub fn at_read_points(&self) -> Vec<(String, Became, u64)> {
        let links = self.links();
        let all = links.points.became.iter();
        all.map(|((name, what), count)| (name.clone(), *what, *count))
            .collect()
    }

    /// Notes how full a queue is.
    pub fn queue(&self, name: &'static str, length: usize, capacity: usize) {
        let mut links = self.links();
        let most = links.points.queues.get(name).map_or(0, |it| it.most);
        let queue = Queue {
            length,
            capacity,
            most: most.max(length),
        };
        links.points.queues.insert(name, queue);
    }

    /// The queues, by name.
    #[must_use]
    pub fn queues(&self) -> Vec<(&'static str, Queue)> {
        let links = self.links();
        let all = links.points.queues.iter();
        all.map(|(name, queue)| (*name, *queue)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_and_the_most_that_waited() {
        let health = Health::new("plant-3", "e");
        for (name, what) in [
            ("dock_1", Became::Movement),
            ("dock_1", Became::NonEvent("unclear")),
            ("dock_1", Became::Movement),
            ("pack_1", Became::Verdict("refused")),
        ] {
            health.became(name, what);
        }
        let counts: Vec<u64> = health.at_read_points().iter().map(|it| it.2).collect();
        assert_eq!(counts, [2, 1, 1]);
        health.queue("inputs", 9, 256);
        health.queue("inputs", 3, 256);
        let queue = Queue {
            length: 3,
            capacity: 256,
            most: 9,
        };
        assert_eq!(health.queues(), [("inputs", queue)]);
    }
}
