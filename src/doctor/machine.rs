//! Disk and clock of this machine.

use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::{Chain, Outcome};
use crate::buffer::size_text;
use crate::config::Config;
use crate::health::Code;

/// The buffer's folder and its disk.
pub(super) fn disk(config: &Config) -> Chain {
    let folder = config.buffer.directory.path();
    let mut chain = Chain::new("disk", folder.display());
    // The gateway makes what is missing of the path.
    let there = folder.ancestors().find(|it| it.exists());
    let there = there.unwrap_or(Path::new("/"));
    let links = ["room"];
    if !there.is_dir() {
        let text = format!("{} is no folder", there.display());
        chain.fail(&text, "name another [buffer] directory, or move the file");
        return skipped(chain, &links);
    }
    if let Err(error) = access(there, Access::WRITE_OK | Access::EXEC_OK) {
        let text = format!(
            "{} may not be written by this user: {error}",
            there.display()
        );
        chain.fail(
            &text,
            "give the folder to the gateway's user (chown), or ask as that user: sudo -u tracegate tracegate doctor",
        );
        return skipped(chain, &links);
    }
    chain.ok("may be written");
    match statvfs(there) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            room(&mut chain, free, config.buffer.keep_free.bytes());
        }
        Err(error) => chain.fail(
            &format!("the disk does not say how much is free: {error}"),
            "look at the kernel's log (dmesg) and the disk",
        ),
    }
    chain
}

/// Whether sources would find room.
pub(super) fn room(chain: &mut Chain, free: u64, keep: u64) {
    if free > keep {
        return chain.ok("has room");
    }
    let (free, keep) = (size_text(free), size_text(keep));
    let text = format!(
        "{free} are free, and [buffer] keep_free wants {keep} to stay free: sources would wait"
    );
    let fix = "make room on this disk, or put [buffer] directory on another one";
    chain.fail(&text, fix);
}

fn skipped(mut chain: Chain, links: &[&str]) -> Chain {
    chain.skip(links, super::BROKEN);
    chain
}

/// The clock, as systemd-timesyncd tells.
pub(super) fn clock(synchronised: bool) -> Chain {
    let mut chain = Chain::new("clock", "");
    match synchronised {
        true => chain.ok("follows a time server"),
        false => {
            let text = "this machine's clock is not synchronised: events would be marked";
            chain.add(Outcome::Warn, text, Some(Code::ClockUnsynced.remedy()));
        }
    }
    chain
}
