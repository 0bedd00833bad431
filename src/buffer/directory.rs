//! The folder of the buffer: made, locked, durable.

use std::fs::File;
use std::path::Path;

use super::{BufferError, FILE_NAME};

/// The buffer belongs to whoever holds this.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would not do: a process that is just being started has a copy of the file, until it runs its program.
        let _ = self.0.unlock();
    }
}

/// Two gateways on one buffer would send everything twice and delete what the other has not sent.
pub(super) fn lock(directory: &Path) -> Result<Lock, BufferError> {
    let unusable = |source| BufferError::Directory {
        path: directory.to_owned(),
        source,
    };
    std::fs::create_dir_all(directory).map_err(unusable)?;
    let path = directory.join("lock");
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(std::fs::TryLockError::WouldBlock) => Err(BufferError::InUse {
            path: directory.join(FILE_NAME),
        }),
        Err(std::fs::TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// A new file is durable only once its directory is, and a new directory once the one that it is in is.
pub(super) fn sync_directories(
    directory: &Path,
    existed: Option<&Path>,
) -> Result<(), BufferError> {
    for directory in directory.ancestors() {
        let readable = match directory.as_os_str().is_empty() {
            true => Path::new("."),
            false => directory,
        };
        File::open(readable)
            .and_then(|directory| directory.sync_all())
            .map_err(|source| BufferError::Directory {
                path: directory.to_owned(),
                source,
            })?;
        if existed == Some(directory) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As between fork and exec, when another thread starts a program.
    #[test]
    fn what_is_let_go_is_free_although_a_child_still_has_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        let inherited = held.0.try_clone().unwrap();
        let refused = lock(folder.path()).unwrap_err();
        assert!(matches!(refused, BufferError::InUse { .. }), "{refused}");
        drop(held);
        lock(folder.path()).unwrap();
        drop(inherited);
    }
}
