//! Damaged files: kept under other names, the newest few of them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::BufferError;

/// Damaged files kept at most; and not more bytes than the buffer itself may have, but always the newest.
const KEPT: usize = 3;
/// Bytes copied at a time.
const COPY_BYTES: u64 = 8 << 20;

/// Called now and then while a repair is under way.
pub(super) type Working<'a> = dyn Fn() + Send + Sync + 'a;

/// Second names for the damaged files, with the time of day.
pub(super) fn keep(damaged: &Path, working: &Working<'_>) -> Result<PathBuf, BufferError> {
    let stamp = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let mut aside = beside(damaged, &format!(".damaged-{stamp}"));
    let mut more = 1;
    while aside.exists() {
        more += 1;
        aside = beside(damaged, &format!(".damaged-{stamp}-{more}"));
    }
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (beside(damaged, suffix), beside(&aside, suffix));
        if from.exists() {
            // Some file systems have no second names.
            fs::hard_link(&from, &to)
                .or_else(|_| copy(&from, &to, working).map(drop))
                .map_err(unusable(&to))?;
        }
    }
    Ok(aside)
}

/// Deletes older damaged files beyond [`KEPT`] or `max_bytes`; returns how many. What cannot be deleted stays.
pub(super) fn thin_out(damaged: &Path, max_bytes: u64) -> usize {
    let name = damaged.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{name}.damaged-");
    let entries = fs::read_dir(damaged.parent().unwrap_or(Path::new("."))).into_iter();
    // Each with its log and its index, in order of time: the stamp is part of the name.
    let mut sets: BTreeMap<PathBuf, u64> = BTreeMap::new();
    for entry in entries.flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) {
            let base = ["-wal", "-shm"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix));
            let bytes = entry.metadata().map_or(0, |file| file.len());
            *sets
                .entry(damaged.with_file_name(base.unwrap_or(&name)))
                .or_default() += bytes;
        }
    }
    let (mut kept, mut discarded) = (0_u64, 0);
    for (number, (path, bytes)) in sets.into_iter().rev().enumerate() {
        kept = kept.saturating_add(bytes);
        if number == 0 || (number < KEPT && kept <= max_bytes) {
            continue;
        }
        let gone = ["-wal", "-shm", ""].map(|suffix| remove(&beside(&path, suffix)));
        discarded += usize::from(gone.iter().all(Result::is_ok));
    }
    discarded
}

/// Copies in steps short enough for the watchdog, whatever the disk.
pub(super) fn copy(from: &Path, to: &Path, working: &Working<'_>) -> io::Result<u64> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let mut copied = 0;
    loop {
        working();
        match io::copy(&mut (&mut from).take(COPY_BYTES), &mut to)? {
            0 => return Ok(copied),
            bytes => copied += bytes,
        }
    }
}

pub(super) fn remove(path: &Path) -> Result<(), BufferError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn unusable(path: &Path) -> impl FnOnce(io::Error) -> BufferError {
    let path = path.to_owned();
    move |source| BufferError::Directory { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn only_the_newest_damaged_files_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let buffer = directory.path().join("buffer.sqlite");
        for suffix in [
            "",
            "-wal",
            ".damaged-20260101T000000Z",
            ".damaged-20260101T000000Z-wal",
            ".damaged-20260102T000000Z",
            ".damaged-20260102T000000Z-2",
            ".damaged-20260103T000000Z",
            ".damaged-20260103T000000Z-wal",
        ] {
            fs::write(beside(&buffer, suffix), [0; 100]).unwrap();
        }
        assert_eq!(thin_out(&buffer, 1_000), 1);
        let newest = "buffer.sqlite.damaged-20260103T000000Z";
        assert_eq!(
            left(directory.path()),
            [
                "buffer.sqlite",
                "buffer.sqlite-wal",
                "buffer.sqlite.damaged-20260102T000000Z",
                "buffer.sqlite.damaged-20260102T000000Z-2",
                newest,
                "buffer.sqlite.damaged-20260103T000000Z-wal",
            ]
        );
        assert_eq!(thin_out(&buffer, 300), 1, "too many bytes");
        assert_eq!(thin_out(&buffer, 100), 1);
        assert_eq!(thin_out(&buffer, 100), 0, "the newest stays");
        assert_eq!(left(directory.path())[2], newest);
    }
}
