//! What the machine tells: its versions, its logs.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use super::Content;

/// A command that takes longer is ended.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes taken of what it says.
const MAX_OUTPUT: u64 = 4 << 20;

/// Program, system and hardware.
pub(super) fn versions(buffer: Option<&Path>) -> Content {
    let line = |path: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().next().unwrap_or("?").trim().to_owned()
    };
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release
        .lines()
        .find_map(|it| it.strip_prefix("PRETTY_NAME="));
    let mut text = format!(
        "tracegate {} ({})\nsystem    {}\nkernel    {}\nmachine   {}, {} processors, {}\nrunning   {} s, load {}\ntime      {}\n",
        env!("CARGO_PKG_VERSION"),
        if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        },
        name.unwrap_or("?").trim_matches('"'),
        line("/proc/version"),
        std::env::consts::ARCH,
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        line("/proc/meminfo"),
        line("/proc/uptime").split(' ').next().unwrap_or("?"),
        line("/proc/loadavg"),
        jiff::Timestamp::now(),
    );
    if let Some(folder) = buffer
        && let Ok(disk) = rustix::fs::statvfs(folder)
    {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let free = crate::buffer::size_text(free);
        text += &format!("disk      {free} free at {}\n", folder.display());
    }
    Content::Text(text)
}

/// The last warnings and errors that the journal has of the gateway.
pub(super) async fn log() -> Content {
    const ARGUMENTS: &[&str] = &[
        "--unit=tracegate",
        "--priority=warning",
        "--lines=500",
        "--output=short-iso",
        "--no-pager",
        "--quiet",
    ];
    match output("journalctl", ARGUMENTS).await {
        Ok(text) if text.trim().is_empty() => Content::Missing(
            "the journal shows this user no warning of tracegate.service; root and the group systemd-journal see all".to_owned(),
        ),
        Ok(text) => Content::Text(text),
        Err(why) => Content::Missing(why),
    }
}

/// What the kernel says of USB and serial devices.
pub(super) async fn kernel() -> Content {
    let said = match output("dmesg", &["--time-format=iso"]).await {
        Ok(said) => said,
        Err(why) => return Content::Missing(why),
    };
    let about = |line: &&str| {
        let line = line.to_lowercase();
        ["usb", "tty", "hid", "cdc_acm", "ftdi"]
            .iter()
            .any(|word| line.contains(word))
    };
    let lines: Vec<&str> = said.lines().filter(about).collect();
    Content::Text(lines.join("\n") + "\n")
}

/// What a program says; bounded in time and length.
async fn output(program: &'static str, arguments: &[&str]) -> Result<String, String> {
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.map_err(|error| format!("{program} cannot be run: {error}"))?;
    let pid = Pid::from_child(&child);
    let read = tokio::task::spawn_blocking(move || {
        let (mut text, mut said) = (Vec::new(), Vec::new());
        if let Some(out) = child.stdout.take() {
            let _ = out.take(MAX_OUTPUT).read_to_end(&mut text);
        }
        if let Some(errors) = child.stderr.take() {
            let _ = errors.take(4_096).read_to_end(&mut said);
        }
        // With both ends closed a program that still has something to say ends.
        let ended = child.wait().is_ok_and(|status| status.success());
        (text, said, ended)
    });
    match timeout(PATIENCE, read).await {
        Ok(Ok((text, _, ended))) if ended || !text.is_empty() => {
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
        Ok(Ok((_, said, _))) => {
            let said = String::from_utf8_lossy(&said);
            let first = said.lines().next().unwrap_or("it failed").to_owned();
            Err(format!("{program}: {}", crate::health::tame(&first)))
        }
        Ok(Err(_)) => Err(format!("{program} cannot be heard")),
        Err(_) => {
            // Then the task that waits for it ends, too.
            let _ = kill_process(pid, Signal::KILL);
            Err(format!("{program} does not end"))
        }
    }
}
