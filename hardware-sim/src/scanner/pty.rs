//! The scanner's end of a pseudo terminal.

use std::{io, os::fd::OwnedFd, path::PathBuf, time::Duration};

use rustix::{
    fs::{Mode, OFlags},
    pty::OpenptFlags,
    termios::{OptionalActions, QueueSelector},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::interval,
};

use super::Line;

/// A host that was killed leaves its exclusive claim (TIOCEXCL) on the tty, because our end keeps the tty open.
const UNCLAIM_EVERY: Duration = Duration::from_millis(50);

pub(super) struct Pty {
    master: AsyncFd<OwnedFd>,
    /// Ours as well as the daemon's: while it is open, bytes wait in the tty and the master sees no hang-up. A bare
    /// descriptor, because a serial port library would lock the daemon out.
    slave: OwnedFd,
}

impl Pty {
    /// A new pty in raw mode, and the path of its serial device.
    pub(super) fn open() -> io::Result<(Self, PathBuf)> {
        let master =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        let name = rustix::pty::ptsname(&master, Vec::new())?;
        let slave = rustix::fs::open(
            &name,
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let mut settings = rustix::termios::tcgetattr(&slave)?;
        settings.make_raw();
        rustix::termios::tcsetattr(&slave, OptionalActions::Now, &settings)?;
        rustix::io::ioctl_fionbio(&master, true)?;
        let path = PathBuf::from(name.into_string().map_err(io::Error::other)?);
        Ok((
            Self {
                master: watched(master)?,
                slave,
            },
            path,
        ))
    }
}

#[expect(
    deprecated,
    reason = "the replacement is an unsafe fn; its condition, a descriptor that is not closed while \
    registered, holds for an OwnedFd that is never taken out"
)]
fn watched(master: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(master)
}

impl Line for Pty {
    async fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let write = |master: &OwnedFd| Ok(rustix::io::write(master, bytes)?);
            let written = self.master.async_io(Interest::WRITABLE, write).await?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    async fn answer(&mut self) -> u8 {
        let mut unclaim = interval(UNCLAIM_EVERY);
        let mut byte = [0];
        loop {
            let read = |master: &OwnedFd| Ok(rustix::io::read(master, &mut byte)?);
            tokio::select! {
                read = self.master.async_io(Interest::READABLE, read) => match read {
                    Ok(1) => return byte[0],
                    // The slave is held open, so this is no end; look again at the next beat.
                    _ => {
                        unclaim.tick().await;
                    }
                },
                // If it fails the daemon finds the port busy and says so.
                _ = unclaim.tick() => drop(rustix::termios::ioctl_tiocnxcl(&self.slave)),
            }
        }
    }

    fn discard(&mut self) {
        // Fails only on a tty that is gone, where nothing waits any more.
        let _ = rustix::termios::tcflush(&self.slave, QueueSelector::IFlush);
    }
}
