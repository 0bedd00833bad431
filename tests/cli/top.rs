//! `tracegate top` on a real terminal, a pty, beside something that answers as a gateway does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

const PATIENCE: Duration = Duration::from_secs(60);
const TAKE: &str = "\x1b[?1049h";
const LET_GO: &str = "\x1b[?1049l";

/// What a gateway answers; its site says which of them it is.
fn answer(site: &str) -> String {
    let sample = serde_json::json!({
        "at_ms": 1_795_341_600_000_i64,
        "status": {
            "site": site, "version": "0.1.0", "summary": "Everything is being delivered.",
            "conditions": [], "brokers": [], "buffer": { "percent": 1 }, "counters": { "reads": 5 },
        },
        "devices": {},
        "recent": { "passages": [], "non_events": [], "alerts": [], "stations": {}, "guards": {} },
    });
    serde_json::json!({ "v": 1, "answer": sample }).to_string() + "\n"
}

/// Answers at `socket`, until it is let go.
struct Gateway {
    socket: PathBuf,
    links: Receiver<UnixStream>,
}

impl Gateway {
    fn new(socket: &Path, site: &'static str) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let (sender, links) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if sender.send(stream.try_clone().unwrap()).is_err() {
                    break;
                }
                thread::spawn(move || {
                    let mut asked = BufReader::new(stream.try_clone().unwrap());
                    let (mut stream, mut line) = (stream, String::new());
                    while asked.read_line(&mut line).is_ok_and(|len| len > 0) {
                        if stream.write_all(answer(site).as_bytes()).is_err() {
                            break;
                        }
                        line.clear();
                    }
                });
            }
        });
        Self {
            socket: socket.to_owned(),
            links,
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        std::fs::remove_file(&self.socket).unwrap();
        for link in self.links.try_iter() {
            drop(link.shutdown(std::net::Shutdown::Both));
        }
    }
}

/// A terminal, and `top` on it.
struct Terminal {
    master: OwnedFd,
    slave: OwnedFd,
    seen: Receiver<Vec<u8>>,
    text: String,
    top: Child,
}

impl Terminal {
    fn new(socket: &Path, variables: &[(&str, &str)]) -> Self {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let name = name.into_string().unwrap();
        let slave = File::options().read(true).write(true).open(name).unwrap();
        let slave = OwnedFd::from(slave);
        resize(&master, 80, 24);
        let end = || std::process::Stdio::from(slave.try_clone().unwrap());
        let top = Command::new(env!("CARGO_BIN_EXE_tracegate"))
            .args(["top", "--socket", socket.to_str().unwrap()])
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let (sender, seen) = channel();
        let mut reading = File::from(master.try_clone().unwrap());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(len) = reading.read(&mut bytes) {
                if len == 0 || sender.send(bytes[..len].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            master,
            slave,
            seen,
            text: String::new(),
            top,
        }
    }

    /// Waits until this is written; what was written up to there is taken off.
    fn until(&mut self, wanted: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.text.find(wanted) {
                let rest = self.text.split_off(at + wanted.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let more = self.seen.recv_timeout(left);
            let more = more.unwrap_or_else(|_| panic!("no {wanted:?} in {:?}", self.text));
            self.text += &String::from_utf8_lossy(&more);
        }
    }

    fn type_keys(&self, keys: &str) {
        rustix::io::write(&self.master, keys.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.top), signal).unwrap();
    }

    fn shows_keys(&self) -> bool {
        let modes = tcgetattr(&self.slave).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// Its state as the kernel says it: `T` is stopped.
    fn wait_for_state(&self, wanted: char) {
        let deadline = Instant::now() + PATIENCE;
        let path = format!("/proc/{}/stat", self.top.id());
        loop {
            let stat = std::fs::read_to_string(&path).unwrap();
            let (_, rest) = stat.rsplit_once(") ").unwrap();
            if rest.starts_with(wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "{stat}");
            thread::yield_now();
        }
    }

    fn ended(&mut self) -> Option<i32> {
        self.top.wait().unwrap().code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.top.kill());
        drop(self.top.wait());
    }
}

fn resize(master: &OwnedFd, columns: u16, lines: u16) {
    let size = Winsize {
        ws_col: columns,
        ws_row: lines,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(master, size).unwrap();
}

const SCREEN: &[(&str, &str)] = &[("TERM", "xterm")];

#[test]
fn it_takes_the_screen_follows_its_size_and_gives_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let _gateway = Gateway::new(&socket, "plant-3");
    let mut terminal = Terminal::new(&socket, SCREEN);
    terminal.until(TAKE);
    let frame = terminal.until("not booked -   delivered -");
    assert!(
        frame.contains("\x1b[32mEverything is being delivered.\x1b[0m"),
        "{frame:?}"
    );
    assert!(
        !terminal.shows_keys(),
        "what is typed would be drawn over the frame"
    );
    // At once, not with the next second.
    resize(&terminal.master, 30, 6);
    terminal.signal(Signal::WINCH);
    terminal.until("more lines)");
    terminal.type_keys("xq");
    let end = terminal.until(LET_GO);
    assert!(
        end.ends_with("\x1b[?25h\x1b[?1049l") && !end.contains('q'),
        "{end:?}"
    );
    assert_eq!(terminal.ended(), Some(0));
    assert!(terminal.shows_keys(), "as it was");
}

#[test]
fn it_lets_go_of_the_screen_while_it_is_stopped_and_when_it_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let _gateway = Gateway::new(&socket, "plant-3");
    let mut terminal = Terminal::new(&socket, &[("TERM", "xterm"), ("NO_COLOR", "1")]);
    terminal.until(TAKE);
    let frame = terminal.until("delivered -");
    assert!(!frame.contains("[32m"), "{frame:?}");
    // As Ctrl-Z does.
    terminal.signal(Signal::TSTP);
    terminal.until(LET_GO);
    terminal.wait_for_state('T');
    assert!(terminal.shows_keys(), "the shell's turn");
    terminal.signal(Signal::CONT);
    terminal.until(TAKE);
    terminal.until("plant-3");
    assert!(!terminal.shows_keys());
    // As Ctrl-C does.
    terminal.signal(Signal::INT);
    terminal.until(LET_GO);
    assert_eq!(terminal.ended(), Some(0));
    assert!(terminal.shows_keys());
}

#[test]
fn a_gateway_that_stops_is_missed_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let first = Gateway::new(&socket, "plant-3");
    let mut terminal = Terminal::new(&socket, SCREEN);
    terminal.until("plant-3");
    drop(first);
    terminal.until("NO ANSWER: ");
    terminal.until("Below is what it said last");
    let _second = Gateway::new(&socket, "plant-4");
    terminal.until("plant-4");
    terminal.type_keys("q");
    terminal.until(LET_GO);
    assert_eq!(terminal.ended(), Some(0));
}

/// Where nothing can be drawn over, one frame is all there is, without a control character.
#[test]
fn a_terminal_that_cannot_be_drawn_on_gets_one_frame() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("control.sock");
    let _gateway = Gateway::new(&socket, "plant-3");
    for variables in [&[("TERM", "dumb")][..], &[]] {
        let mut terminal = Terminal::new(&socket, variables);
        assert_eq!(terminal.ended(), Some(0));
        let text = terminal.until("it does not grow");
        assert!(
            text.starts_with("plant-3") && !text.contains('\x1b'),
            "{text:?}"
        );
    }
}
