//! The terminal while `top` has it: another screen without a cursor, keys that are not shown; and as it was once it is let go,
//! for good or for a while (Ctrl-Z).

use std::io::{IsTerminal as _, Read as _, Write as _};

use anyhow::Context;
use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};

/// Keys that wait to be heard; whoever leans on one is heard once.
const KEYS: usize = 8;
const TAKE: &str = "\x1b[?1049h\x1b[?25l";
const LET_GO: &str = "\x1b[?25h\x1b[?1049l";

/// What a person does to the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Leave.
    Quit,
    /// The screen is not what it was: draw it again.
    Redraw,
}

/// Whether standard output is a screen that can be drawn on.
pub(super) fn is_one() -> bool {
    let kind = std::env::var_os("TERM").unwrap_or_default();
    std::io::stdout().is_terminal() && !kind.is_empty() && kind != "dumb"
}

/// The screen, taken.
#[derive(Debug)]
pub(super) struct Screen {
    // Of the keyboard, if that is a terminal.
    before: Option<Termios>,
    keys: Receiver<u8>,
    resized: Listener,
    suspended: Listener,
    resumed: Listener,
    /// Unheard, Ctrl-\\ and a hang-up would end this with the terminal as it is.
    quit: Listener,
    hung_up: Listener,
}

impl Screen {
    /// Takes it.
    pub(super) fn take() -> anyhow::Result<Self> {
        let listen = |kind: SignalKind| signal(kind).context("listen for signals");
        let mut screen = Self {
            before: None,
            keys: keys(),
            resized: listen(SignalKind::window_change())?,
            suspended: listen(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
            resumed: listen(SignalKind::from_raw(Signal::CONT.as_raw()))?,
            quit: listen(SignalKind::quit())?,
            hung_up: listen(SignalKind::hangup())?,
        };
        screen.enter()?;
        Ok(screen)
    }

    fn enter(&mut self) -> anyhow::Result<()> {
        let keyboard = std::io::stdin();
        if keyboard.is_terminal()
            && let Ok(before) = tcgetattr(&keyboard)
        {
            let mut quiet = before.clone();
            quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
            // Without it keys are heard with the next line, and shown.
            if tcsetattr(&keyboard, OptionalActions::Now, &quiet).is_ok() {
                self.before.get_or_insert(before);
            }
        }
        show(TAKE)
    }

    fn leave(&mut self) -> anyhow::Result<()> {
        if let Some(before) = self.before.take() {
            // The terminal may be gone.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &before);
        }
        show(LET_GO)
    }

    /// Waits for a person to do something. Ctrl-Z is done here: afterwards the screen is drawn again.
    pub(super) async fn act(&mut self) -> anyhow::Result<Act> {
        loop {
            tokio::select! {
                Some(key) = self.keys.recv() => match key {
                    b'q' | b'Q' => return Ok(Act::Quit),
                    // Ctrl-L.
                    0x0c => return Ok(Act::Redraw),
                    _ => {}
                },
                Some(()) = self.quit.recv() => return Ok(Act::Quit),
                Some(()) = self.hung_up.recv() => return Ok(Act::Quit),
                Some(()) = self.resized.recv() => return Ok(Act::Redraw),
                // Stopped by another, and begun again.
                Some(()) = self.resumed.recv() => {
                    self.enter()?;
                    return Ok(Act::Redraw);
                }
                Some(()) = self.suspended.recv() => {
                    if has_shell() {
                        self.suspend().await?;
                    }
                    return Ok(Act::Redraw);
                }
            }
        }
    }

    async fn suspend(&mut self) -> anyhow::Result<()> {
        self.leave()?;
        kill_process(getpid(), Signal::STOP).context("stop until fg")?;
        // Stopping may take effect a moment later.
        self.resumed.recv().await;
        self.enter()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nobody is left to be told.
        drop(self.leave());
    }
}

/// Whether somebody could let this go on after it was stopped: a shell, in the same session.
fn has_shell() -> bool {
    let own = family("self");
    let parent = own.and_then(|(parent, _)| family(&parent.to_string()));
    own.zip(parent)
        .is_some_and(|(own, parent)| own.1 == parent.1)
}

/// The parent and the session of a process. Not by `getsid`: in a container that was entered from outside it is 0, which rustix
/// takes for a mistake of the kernel's. Nor by our own number: `/proc` may be one that counts otherwise.
fn family(process: &str) -> Option<(u32, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    family_in(&stat)
}

/// proc_pid_stat(5): the name in brackets may hold anything; state, parent, process group and session come after it.
fn family_in(stat: &str) -> Option<(u32, u32)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(1);
    let parent = fields.next()?.parse().ok()?;
    Some((parent, fields.nth(1)?.parse().ok()?))
}

/// What is typed, from a thread of its own that ends with the process: a read of a terminal cannot be called off.
fn keys() -> Receiver<u8> {
    let (sender, keys) = channel(KEYS);
    if std::io::stdin().is_terminal() {
        std::thread::spawn(move || {
            for byte in std::io::stdin().lock().bytes().map_while(Result::ok) {
                if sender.is_closed() {
                    break;
                }
                // When nobody listens for a while it is not missed.
                let _ = sender.try_send(byte);
            }
        });
    }
    keys
}

/// Writes at once.
pub(super) fn show(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("write to standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_behind_any_name_and_may_be_outside() {
        let within = family_in("14 (a) b (c)) S 9 14 7 0 -1 4");
        assert_eq!(within, Some((9, 7)));
        let outside = family_in("14804 (tracegate) Z 14651 19665 0 0 -1");
        assert_eq!(outside, Some((14651, 0)));
        assert_eq!(family_in("14 (tracegate) S 9"), None);
        assert_eq!(family_in(""), None);
    }

    #[test]
    fn the_kernel_says_the_session_of_this_process() {
        assert!(family("self").is_some());
    }
}
