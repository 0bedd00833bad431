//! Room on the disks that the gateway writes to: told before it is used up.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Code, Health, Subject};

/// Low from this share of a disk on, one part in so many, within these limits.
const SHARE: u64 = 20;
const LIMITS: (u64, u64) = (64 << 20, 1 << 30);

/// A disk that the gateway writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disk {
    /// That of the buffer.
    Buffer,
    /// That of systemd's state directory, if it is another one.
    State,
}

impl Disk {
    /// As in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buffer => "buffer",
            Self::State => "state",
        }
    }
}

/// How much room a disk has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that the gateway may still write.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
    /// Which file system it is.
    pub device: u64,
}

impl Room {
    /// Less than this is told.
    const fn low_from(&self) -> u64 {
        let (least, most) = LIMITS;
        let share = self.size / SHARE;
        if share < least {
            least
        } else if share > most {
            most
        } else {
            share
        }
    }
}

/// What was measured last.
#[derive(Debug, Default)]
pub(super) struct Disks(BTreeMap<Disk, (Room, bool)>);

impl Disks {
    /// Takes a measurement; returns whether it begins or ends being low. It ends with a quarter more than it began with, so
    /// that a log that is rotated makes no alarm come and go.
    fn look(&mut self, disk: Disk, room: Room) -> bool {
        let was_low = self.0.get(&disk).is_some_and(|(_, low)| *low);
        let bound = room.low_from();
        let bound = if was_low { bound + bound / 4 } else { bound };
        let is_low = room.free < bound;
        self.0.insert(disk, (room, is_low));
        is_low != was_low
    }

    /// What is low.
    pub(super) fn conditions(&self) -> impl Iterator<Item = (Code, Subject, String)> {
        let low = self.0.iter().filter(|(_, (_, is_low))| *is_low);
        low.map(|(disk, (room, _))| {
            let (subject, whose) = match disk {
                Disk::Buffer => (Subject::Buffer, "the buffer"),
                Disk::State => (Subject::Gateway, "the state directory"),
            };
            let (free, size) = (room.free >> 20, room.size >> 20);
            let text = format!("the disk of {whose} has {free} MiB left of {size} MiB");
            (Code::DiskLow, subject, text)
        })
    }
}

impl Health {
    /// Notes how much room a disk has.
    pub fn disk(&self, disk: Disk, room: Room) {
        let news = self.links().disks.look(disk, room);
        self.announce(news);
    }

    /// What was measured of each disk last.
    #[must_use]
    pub fn disks(&self) -> Vec<(Disk, Room)> {
        let links = self.links();
        let all = links.disks.0.iter();
        all.map(|(disk, (room, _))| (*disk, *room)).collect()
    }
}

/// The folder that systemd keeps for the service (`$STATE_DIRECTORY`, systemd.exec(5)), if it runs as one.
#[must_use]
pub fn state_directory() -> Option<PathBuf> {
    let all = std::env::var_os("STATE_DIRECTORY")?;
    let first = std::env::split_paths(&all).next();
    first.filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(health: &Health) -> Vec<String> {
        let shown = health.shown().into_iter();
        let shown = shown.filter(|it| it.code == Code::DiskLow);
        shown
            .map(|it| format!("{}: {}", it.subject, it.text))
            .collect()
    }

    #[test]
    fn a_disk_is_low_until_there_is_clearly_more_room() {
        let health = Health::new("plant-3", "e");
        let room = |mib: u64, size: u64| Room {
            free: mib << 20,
            size: size << 20,
            device: 1,
        };
        let small = |mib| room(mib, 8_000);
        for (mib, is_low) in [
            (401, false),
            (399, true),
            (450, true),
            (501, false),
            (450, false),
        ] {
            health.disk(Disk::Buffer, small(mib));
            assert_eq!(!told(&health).is_empty(), is_low, "{mib} MiB");
        }
        // A share of a large disk would be told years too early, one of a small one too late.
        for (size, low, high) in [(4_000_000, 1_023, 1_025), (500, 63, 65)] {
            health.disk(Disk::State, room(high, size));
            assert_eq!(told(&health), [""; 0]);
            health.disk(Disk::State, room(low, size));
            let text = format!(
                "gateway: the disk of the state directory has {low} MiB left of {size} MiB"
            );
            assert_eq!(told(&health), [text]);
            health.disk(Disk::State, room(high * 2, size));
        }
        health.broker(crate::health::BrokerState::Up);
        health.disk(Disk::Buffer, small(1));
        health.shows_alone("DISK-LOW");
        assert_eq!(
            told(&health),
            ["buffer: the disk of the buffer has 1 MiB left of 8000 MiB"]
        );
        // Of a full buffer it need not be said.
        health.storing(Some("the buffer is full".to_owned()));
        assert_eq!(told(&health), [""; 0]);
    }
}
