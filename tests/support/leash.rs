//! Processes that end with the test that started them, however the test ends.

use std::io;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Command, Stdio};

/// A child process. Whoever kills the test by force kills it, too: a shell reads from a pipe that only the test holds, and
/// kills it once the pipe breaks.
#[derive(Debug)]
pub struct Leashed {
    child: Child,
    leash: Child,
}

impl Leashed {
    /// Starts it.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut child = command.spawn()?;
        let leash = Command::new("sh")
            .args([
                "-c",
                "trap '' HUP INT TERM; read -r _; kill -9 \"$1\"",
                "leash",
            ])
            .arg(child.id().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match leash {
            Ok(leash) => Ok(Self { child, leash }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }
}

impl Deref for Leashed {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Leashed {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        // Before the pipe breaks: the number may be that of another process by now.
        let _ = self.leash.kill();
        let _ = self.leash.wait();
    }
}
