//! The buffer's files as a kill, or a power cut in the middle of a write, leaves them.
//!
//! SQLite appends a transaction to the WAL and flushes it; only then does it copy pages into the database. So a write that
//! is half done tears the WAL beside the database as it was before, and a copying that is half done tears the database
//! beside the whole WAL. Bytes of the WAL that did not change were flushed before and are never torn.

use std::path::Path;

use tracegate::buffer::FILE_NAME;

const PAGE: usize = 4096;
const SECTOR: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    database: Vec<u8>,
    wal: Vec<u8>,
}

/// What became of the bytes that were being written.
#[derive(Debug, Clone, Copy)]
pub enum Torn {
    /// The file ends within them.
    Cut,
    /// The first of them are there, behind them is what was there before.
    Mixed,
    /// One sector of them is missing.
    Hole,
}

impl Torn {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Mixed => "mixed",
            Self::Hole => "hole",
        }
    }
}

impl Image {
    pub fn take(directory: &Path) -> Self {
        Self {
            database: std::fs::read(directory.join(FILE_NAME)).unwrap(),
            wal: std::fs::read(directory.join(format!("{FILE_NAME}-wal"))).unwrap_or_default(),
        }
    }

    pub fn put(&self, directory: &Path) {
        std::fs::write(directory.join(FILE_NAME), &self.database).unwrap();
        std::fs::write(directory.join(format!("{FILE_NAME}-wal")), &self.wal).unwrap();
    }

    /// The write from `self` to `after`, half done. `None` if it wrote nothing to the WAL.
    pub fn torn(&self, after: &Self, torn: Torn, random: &mut fastrand::Rng) -> Option<Self> {
        let (old, new) = (&self.wal, &after.wal);
        let chunks = (0..new.len()).step_by(SECTOR);
        let differing: Vec<usize> = chunks
            .filter(|at| {
                let end = (at + SECTOR).min(new.len());
                old.get(*at..end) != Some(&new[*at..end])
            })
            .collect();
        let differs = |at: &usize| old.get(*at) != new.get(*at);
        let first = (*differing.first()?..new.len()).find(differs)?;
        let last = (0..new.len().min(differing.last()? + SECTOR)).rfind(differs)?;
        let cut = random.usize(first..=last);
        let wal = match torn {
            Torn::Cut => new[..cut].to_vec(),
            Torn::Mixed => {
                let rest = old.get(cut..).unwrap_or_default();
                [&new[..cut], rest].concat()
            }
            Torn::Hole => {
                let mut wal = new.clone();
                let sector = cut / SECTOR * SECTOR;
                let hole = sector.max(first)..(sector + SECTOR).min(last + 1);
                let before = old.get(hole.clone()).unwrap_or(&[0; SECTOR][..hole.len()]);
                wal[hole].copy_from_slice(before);
                wal
            }
        };
        let database = match self.begun_anew(after) {
            true => after.database.clone(),
            false => self.database.clone(),
        };
        Some(Self { database, wal })
    }

    /// The WAL was begun anew, which happens only when all of the old one is in the database.
    fn begun_anew(&self, after: &Self) -> bool {
        self.wal.get(..32) != after.wal.get(..32)
    }

    /// Pages are copied into the database, some already, some not. `None` if none were.
    pub fn half_copied(&self, after: &Self, random: &mut fastrand::Rng) -> Option<Self> {
        if self.database == after.database || self.begun_anew(after) {
            return None;
        }
        let mut database = self.database.clone();
        database.resize(database.len().max(after.database.len()), 0);
        for (page, new) in after.database.chunks(PAGE).enumerate() {
            if random.bool() {
                database[page * PAGE..][..new.len()].copy_from_slice(new);
            }
        }
        Some(Self {
            database,
            wal: after.wal.clone(),
        })
    }
}
