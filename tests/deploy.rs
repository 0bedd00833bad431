//! The files in `deploy/` are taken by the programs they are for.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

struct Mosquitto(Child);

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// As on Debian: its own file, which includes ours.
#[test]
fn mosquitto_takes_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/mosquitto/tracegate.conf");
    let ours = std::fs::read_to_string(ours).unwrap();
    let replaced = ours
        .replace("listener 1883", &format!("listener {port} 127.0.0.1"))
        .replace(
            "/etc/mosquitto/tracegate.passwd\n\n",
            &format!("{}\n\n", file("passwd")),
        );
    assert!(replaced.contains(&file("passwd")));
    let acl = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/mosquitto/acl");
    std::fs::copy(acl, file("acl")).unwrap();
    let replaced = format!("{replaced}acl_file {}\n", file("acl"));
    std::fs::create_dir(folder.path().join("conf.d")).unwrap();
    std::fs::write(file("conf.d/tracegate.conf"), replaced).unwrap();
    std::fs::write(file("passwd"), "").unwrap();
    let debian = format!(
        "persistence true\npersistence_location {}/\nlog_dest file {}\ninclude_dir {}\n{}",
        folder.path().display(),
        file("log"),
        file("conf.d"),
        // As root Mosquitto becomes another user, which may not look into our folder.
        "user root\n"
    );
    std::fs::write(file("mosquitto.conf"), debian).unwrap();

    let path = format!(
        "{}:/usr/sbin:/usr/local/sbin",
        std::env::var("PATH").unwrap_or_default()
    );
    let broker = Command::new("mosquitto")
        .args(["-c", &file("mosquitto.conf")])
        .env("PATH", path)
        .stderr(Stdio::null())
        .spawn();
    let mut broker = Mosquitto(broker.expect("mosquitto is installed: tests/run sees to that"));
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let log = std::fs::read_to_string(file("log")).unwrap_or_default();
        assert!(
            matches!(broker.0.try_wait(), Ok(None)) && Instant::now() < deadline,
            "mosquitto does not listen:\n{log}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let log = std::fs::read_to_string(file("log")).unwrap();
    assert!(!log.contains("Error") && !log.contains("Warning"), "{log}");
}
