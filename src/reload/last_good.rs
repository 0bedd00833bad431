//! The last good copy of the configuration, in the state folder.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Its name in the folder.
pub const FILE_NAME: &str = "last-good.toml";
/// More is none that we wrote: a configuration has at most 1 MiB.
const MAX_BYTES: u64 = (1 << 20) + (64 << 10);

/// Its first line, which tells whose copy it is: another file must not start with it.
fn header(file: &Path) -> String {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let file = file.display().to_string().replace(['\n', '\r'], " ");
    format!("# Last good copy of {file}, written by the gateway; change that file, not this one.\n")
}

/// Writes it; all or nothing, also in a power cut. What is there already is not written again.
pub(super) fn write(folder: &Path, file: &Path, text: &[u8]) -> io::Result<()> {
    let whole = [header(file).as_bytes(), text].concat();
    let path = folder.join(FILE_NAME);
    if fs::read(&path).is_ok_and(|there| there == whole) {
        return Ok(());
    }
    let new = folder.join(format!("{FILE_NAME}.new"));
    let mut out = File::create(&new)?;
    out.set_permissions(Permissions::from_mode(0o640))?;
    out.write_all(&whole)?;
    out.sync_all()?;
    fs::rename(&new, &path)?;
    File::open(folder)?.sync_all()
}

/// The copy of this file in a folder, if there is one.
pub(super) fn read(folder: &Path, file: &Path) -> Option<Vec<u8>> {
    let path = folder.join(FILE_NAME);
    let found = fs::metadata(&path).ok()?;
    if !found.is_file() || found.len() > MAX_BYTES {
        return None;
    }
    let whole = fs::read(path).ok()?;
    let text = whole.strip_prefix(header(file).as_bytes())?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_of_one_file_and_exact() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, file) = (folder.path(), Path::new("/etc/a/gateway.toml"));
        assert_eq!(read(folder, file), None);
        let text = b"\xef\xbb\xbf[gateway]\r\nsite = \"a\"\r\n";
        write(folder, file, text).unwrap();
        assert_eq!(read(folder, file).unwrap(), text);
        assert_eq!(read(folder, Path::new("/etc/b/gateway.toml")), None);
        let mode = fs::metadata(folder.join(FILE_NAME)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o640);
        write(folder, file, b"other").unwrap();
        assert_eq!(read(folder, file).unwrap(), b"other");
        assert!(write(&folder.join("nowhere"), file, text).is_err());
    }
}
