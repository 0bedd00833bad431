//! A file that is read, and how files are known again.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use sha2::{Digest, Sha256};
use tracegate_feed::marker::lines::{Encoding, Lines};
use tracegate_pipeline::mark::{LogPlace, Print};

use super::{CHUNK, HEAD, RECENT, TAIL};

#[cfg(test)]
pub(super) use super::tests::days::meanwhile;

/// A place where a test lets others write, rotate and cut.
#[cfg(not(test))]
pub(super) const fn meanwhile() {}

#[derive(Debug)]
pub(super) struct Open {
    pub(super) file: File,
    pub(super) id: (u64, u64),
    pub(super) lines: Lines,
    /// Where the next byte is read.
    pub(super) at: u64,
    /// Where the last whole line ended.
    pub(super) read_to: u64,
    /// The bytes before `at`.
    pub(super) recent: Vec<u8>,
    /// It is not the one in place.
    pub(super) rotated: bool,
    /// When it was changed and how long it was, when copies of it were looked for last.
    pub(super) checked: Option<(i64, u64)>,
}

impl Open {
    /// Whether the bytes that were read last are still there.
    pub(super) fn is_unchanged(&self) -> io::Result<bool> {
        let len = self
            .recent
            .len()
            .min(usize::try_from(TAIL).unwrap_or(CHUNK));
        let known = self
            .recent
            .get(self.recent.len() - len..)
            .unwrap_or_default();
        let mut found = vec![0; len];
        let count = read_at(&self.file, &mut found, self.at - len as u64)?;
        Ok(count == len && found == known)
    }

    /// The bytes before `end`, which is that of a line; from memory if they are there, because the file may be cut any time.
    pub(super) fn tail(&self, end: u64) -> io::Result<Print> {
        let len = end.min(TAIL);
        let behind = usize::try_from(self.at.saturating_sub(end)).unwrap_or(RECENT);
        let stop = self.recent.len().checked_sub(behind);
        let begin = stop.and_then(|stop| stop.checked_sub(usize::try_from(len).ok()?));
        match begin
            .zip(stop)
            .and_then(|(begin, stop)| self.recent.get(begin..stop))
        {
            Some(bytes) => Ok(hash(bytes)),
            None => print(&self.file, end - len, len),
        }
    }
}

/// Whether the file holds what was read.
pub(super) fn is_same(file: &File, place: &LogPlace) -> io::Result<bool> {
    let found = file.metadata()?;
    if found.len() < place.read_to {
        return Ok(false);
    }
    let len = u64::from(place.tail.len);
    if len == 0 {
        return Ok(place.file == Some(id(&found)));
    }
    let head = u64::from(place.head.len);
    Ok(
        print(file, place.read_to - len.min(place.read_to), len)? == place.tail
            && print(file, 0, head)? == place.head,
    )
}

pub(super) fn id(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

pub(super) fn modified_ns(found: &Metadata) -> i64 {
    found
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(found.mtime_nsec())
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

pub(super) fn is_folder(path: &Path) -> bool {
    fs::read_dir(folder(path)).is_ok()
}

/// Names that rotation gives: `marks.log.1`, `marks.log-20261122`, `marks-20261122.log`, `marks.1.log`, `marks.log.old`. Packed ones
/// cannot be read.
pub(super) fn is_rotated(name: &str, base: &str) -> bool {
    let packed = [".gz", ".bz2", ".xz", ".zst", ".zip", ".tmp"];
    if name == base || packed.iter().any(|end| name.ends_with(end)) {
        return false;
    }
    if let Some(rest) = name.strip_prefix(base) {
        return rest.starts_with(['.', '-', '_', '~']);
    }
    let Some((stem, ending)) = base.rsplit_once('.') else {
        return false;
    };
    let middle = name
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_suffix(ending)?.strip_suffix('.'));
    middle.is_some_and(|middle| {
        !middle.is_empty()
            && middle
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | 'T'))
    })
}

/// Where the last whole line ends that ends in so many bytes.
pub(super) fn last_line_end(file: &File, encoding: Encoding, size: u64) -> io::Result<u64> {
    let (mut bytes, mut at) = (vec![0; CHUNK], 0);
    let (mut lines, mut out) = (Lines::new(encoding, 0), Vec::new());
    loop {
        let count = read_at(file, &mut bytes, at)?;
        let left = usize::try_from(size.saturating_sub(at)).unwrap_or(CHUNK);
        let count = count.min(left);
        let got = bytes.get(..count).unwrap_or_default();
        if at == 0 {
            lines.look(got);
        }
        if count == 0 {
            return Ok(lines.start());
        }
        lines.push(got, &mut out);
        out.clear();
        at += count as u64;
    }
}

/// As many bytes as there are, and fit.
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    meanwhile();
    let mut count = 0;
    while let Some(rest) = bytes.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + count as u64) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

pub(super) fn print(file: &File, at: u64, len: u64) -> io::Result<Print> {
    let mut bytes = vec![0; usize::try_from(len.min(HEAD as u64)).unwrap_or(HEAD)];
    let count = read_at(file, &mut bytes, at)?;
    bytes.truncate(count);
    Ok(hash(&bytes))
}

/// A hash that is the same on every machine and with every version.
pub fn hash(bytes: &[u8]) -> Print {
    let digest = Sha256::digest(bytes);
    let first = digest.iter().take(8);
    Print {
        len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        hash: first.fold(0, |hash, byte| hash << 8 | u64::from(*byte)),
    }
}
