//! Where the running gateway's socket is, for commands whose configuration does not tell: after a change of `[control] socket`,
//! say, which waits for a restart.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf, absolute};

use serde::{Deserialize, Serialize};
use tracing::debug;

/// Its name in a folder.
pub const SIGNPOST_NAME: &str = "control.json";
/// Longer is none that we wrote.
const MAX_BYTES: u64 = 16 * 1024;

/// What stands on it: a signpost is for the commands of one configuration file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    config: PathBuf,
    socket: PathBuf,
}

/// Signposts of this gateway, one in each of its folders; gone when this is dropped.
#[derive(Debug)]
pub struct Signposts {
    files: Vec<PathBuf>,
    text: Vec<u8>,
}

impl Signposts {
    /// Puts one up in each of these folders where that can be done; nothing depends on a single one.
    #[must_use]
    pub fn put_up(folders: &[PathBuf], config: &Path, socket: &Path) -> Self {
        let words = absolute(config).and_then(|config| {
            let socket = absolute(socket)?;
            Ok(serde_json::to_vec(&Words { config, socket })?)
        });
        let text = words.unwrap_or_else(|error| {
            debug!(%error, "No signposts to the control socket");
            Vec::new()
        });
        let mut files = Vec::new();
        for folder in folders.iter().filter(|_| !text.is_empty()) {
            match write(folder, &text) {
                Ok(file) => files.push(file),
                Err(error) => {
                    let folder = folder.display();
                    debug!(%folder, %error, "No signpost to the control socket in this folder");
                }
            }
        }
        Self { files, text }
    }
}

impl Drop for Signposts {
    fn drop(&mut self) {
        for file in &self.files {
            if fs::read(file).is_ok_and(|text| text == self.text) {
                let _ = fs::remove_file(file);
            }
        }
    }
}

/// All or nothing: a command may read it at any moment.
fn write(folder: &Path, text: &[u8]) -> io::Result<PathBuf> {
    let (file, fresh) = (
        folder.join(SIGNPOST_NAME),
        folder.join(format!("{SIGNPOST_NAME}.new")),
    );
    let mut out = File::create(&fresh)?;
    out.set_permissions(Permissions::from_mode(0o640))?;
    out.write_all(text)?;
    fs::rename(&fresh, &file)?;
    Ok(file)
}

/// Where the signpost in this folder says that the gateway with this configuration file is.
#[must_use]
pub fn follow(folder: &Path, config: &Path) -> Option<PathBuf> {
    let file = folder.join(SIGNPOST_NAME);
    if !fs::metadata(&file).ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    let file = File::open(file).ok()?;
    file.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    let words: Words = serde_json::from_slice(&text).ok()?;
    let is_ours = absolute(config).is_ok_and(|config| config == words.config);
    is_ours.then_some(words.socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signpost_is_for_one_file_and_stands_while_the_gateway_runs() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [folder.path().to_owned(), folder.path().join("no-folder")];
        let (config, socket) = (Path::new("/etc/a/gateway.toml"), Path::new("/run/a"));
        let seen = |config: &str| follow(folder.path(), Path::new(config));
        assert_eq!(seen("/etc/a/gateway.toml"), None);
        let first = Signposts::put_up(&folders, config, socket);
        assert_eq!(seen("/etc/a/gateway.toml").as_deref(), Some(socket));
        assert_eq!(seen("/etc/b/gateway.toml"), None);
        let file = folder.path().join(SIGNPOST_NAME);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        // The next gateway's stays when the one before goes at last.
        let other = Path::new("/run/b");
        let second = Signposts::put_up(&folders, config, other);
        drop(first);
        assert_eq!(seen("/etc/a/gateway.toml").as_deref(), Some(other));
        drop(second);
        assert!(!file.exists());
        for text in [&b"{"[..], b"[]", &[b' '; 100_000]] {
            fs::write(&file, text).unwrap();
            assert_eq!(seen("/etc/a/gateway.toml"), None);
        }
    }
}
