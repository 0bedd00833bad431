//! The daemon as systemd meets it: readiness, watchdog, status line, orderly stop, with nothing else there.

#[path = "support/leash.rs"]
mod leash;

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use leash::Leashed;
use tokio::net::TcpSocket;

/// Generous: the test fails by it, but never waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port that is taken, and where nobody listens: connections are refused for as long as this lives.
fn deaf_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("sockets exist");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(any).expect("a port is free");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

/// systemd's end of the notification socket.
struct Notifications {
    socket: UnixDatagram,
    seen: Vec<String>,
}

impl Notifications {
    /// Waits for a notification that `wanted` accepts; panics with everything seen when none comes.
    fn wait_for(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut bytes = [0; 4096];
        while Instant::now() < deadline {
            let Ok(length) = self.socket.recv(&mut bytes) else {
                continue;
            };
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let found = text.lines().any(&wanted);
            self.seen.push(text);
            if found {
                return;
            }
        }
        panic!("no {what} came, only {:?}", self.seen);
    }
}

/// The daemon; killed with the test if it is still there.
struct Daemon(Leashed);

impl Daemon {
    /// Waits for its end.
    fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().expect("it is our child") {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the daemon does not stop");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

#[test]
fn without_reader_and_broker_it_comes_up_tells_systemd_and_stops_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let ((_reader, reader), (_broker, broker)) = (deaf_port(), deaf_port());
    let config = folder.path().join("gateway.toml");
    let text = format!(
        r#"
[gateway]
site = "plant-3"
[llrp.dock_1]
host = "{}"
port = {}
[read_point.dock_1]
mode = "dock"
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
inside = ["dock_1/3", "dock_1/4"]
outside = ["dock_1/1", "dock_1/2"]
in = {{ biz_step = "receiving" }}
[buffer]
directory = "{}"
[mqtt]
url = "mqtt://{broker}"
[status]
listen = "off"
"#,
        reader.ip(),
        reader.port(),
        folder.path().join("buffer").display()
    );
    std::fs::write(&config, text).unwrap();
    let socket_path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&socket_path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let mut systemd = Notifications {
        socket,
        seen: Vec::new(),
    };

    let child = Leashed::spawn(
        Command::new(env!("CARGO_BIN_EXE_tracegate"))
            .args(["run", "--config"])
            .arg(&config)
            .env_clear()
            .env("NOTIFY_SOCKET", &socket_path)
            .env("WATCHDOG_USEC", "600000")
            .stderr(Stdio::piped()),
    );
    let mut daemon = Daemon(child.unwrap());
    let mut stderr = daemon.0.stderr.take().unwrap();
    let log = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text)
    });

    systemd.wait_for("READY=1", |line| line == "READY=1");
    // The watchdog is fed again and again, not once.
    for _ in 0..3 {
        systemd.wait_for("WATCHDOG=1", |line| line == "WATCHDOG=1");
    }
    systemd.wait_for("status line that names the broker", |line| {
        line.starts_with("STATUS=") && line.contains(&broker.to_string())
    });
    systemd.wait_for("status line that counts the reader too", |line| {
        line.starts_with("STATUS=") && line.contains("(and 1 more)")
    });
    // Once for the process and once for its group, as timeout(1) does it: that is no hurry.
    let twice = "kill -TERM \"$0\"; sleep 0.005; kill -TERM \"$0\"";
    let stopped = Command::new("sh")
        .args(["-c", twice, &daemon.0.id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success());
    systemd.wait_for("STOPPING=1", |line| line == "STOPPING=1");
    assert_eq!(daemon.exit_code(), Some(0));

    let log = log.join().unwrap().unwrap();
    for said in [
        format!("{reader} refuses connections; is LLRP switched on at the reader"),
        format!("cannot reach the broker at {broker}: connection refused"),
        "Stopped; what waits is kept".to_owned(),
    ] {
        assert!(log.contains(&said), "no {said:?} in\n{log}");
    }
    // Once per reason, not once per attempt.
    assert_eq!(log.matches("Broker not connected").count(), 1, "{log}");
}

/// systemd starts it again, until the disk is well; nothing but the exit code tells that from a mistake.
#[test]
fn a_disk_that_fails_at_the_start_is_named_and_has_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = folder.path().join("buffer");
    // Nobody can open that, not even root.
    std::fs::create_dir_all(buffer.join("buffer.sqlite")).unwrap();
    let config = folder.path().join("gateway.toml");
    let text = format!(
        r#"[gateway]
site = "plant-3"
[scanner.line_1]
tcp = "127.0.0.1:1"
[read_point.line_1]
sgln = "urn:epc:id:sgln:4012345.00001.line1"
mode = "station"
scanners = ["line_1"]
scan = {{ biz_step = "packing" }}
[buffer]
directory = {buffer:?}
[mqtt]
url = "mqtt://127.0.0.1:1"
[status]
listen = "off"
"#
    );
    std::fs::write(&config, text).unwrap();
    let child = Leashed::spawn(
        Command::new(env!("CARGO_BIN_EXE_tracegate"))
            .args(["run", "--config"])
            .arg(&config)
            .stderr(Stdio::piped()),
    );
    let mut daemon = Daemon(child.unwrap());
    assert_eq!(daemon.exit_code(), Some(74));
    let mut log = String::new();
    let mut stderr = daemon.0.stderr.take().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    assert!(
        log.contains("error: the buffer's disk fails, is full or is read-only"),
        "{log}"
    );
    assert!(log.contains("unable to open database file"), "{log}");
}

/// A test that is killed by force runs no destructor; the gateways and brokers that it started must not outlive it.
#[test]
fn what_a_test_started_ends_when_the_test_is_killed_by_force() {
    const HOLD: &str = "TRACEGATE_TEST_HOLDS";
    const NAME: &str = "what_a_test_started_ends_when_the_test_is_killed_by_force";
    if std::env::var_os(HOLD).is_some() {
        let held = Leashed::spawn(Command::new("sleep").arg("600")).unwrap();
        println!("\nholds {}", held.id());
        std::thread::sleep(PATIENCE);
        return;
    }
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(test.stdout.take().unwrap()).lines();
    let held = lines.find_map(|line| Some(line.unwrap().strip_prefix("holds ")?.to_owned()));
    let stat = format!("/proc/{}/stat", held.unwrap());
    let state = || {
        let stat = std::fs::read_to_string(&stat).unwrap_or_default();
        let rest = stat.rsplit_once(") ")?.1.to_owned();
        rest.chars().next().filter(|state| *state != 'Z')
    };
    assert!(state().is_some(), "it runs");
    test.kill().unwrap();
    test.wait().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while state().is_some() {
        assert!(Instant::now() < deadline, "it outlives the test");
        std::thread::sleep(Duration::from_millis(10));
    }
}
