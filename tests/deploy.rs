//! The files in `deploy/` are taken by the programs they are for: a real Mosquitto with our settings, access list and
//! certificates, the daemon, and Mosquitto's own client as the store.

mod support;

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{Gateway, free_port};
use tempfile::TempDir;
use tracegate::config::{self, Format};

const PATIENCE: Duration = Duration::from_secs(60);

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name)
}

/// A broker of the plant: our settings below Debian's, in a folder that has its certificates, too.
struct Plant {
    folder: TempDir,
    port: u16,
    broker: Option<Child>,
}

impl Plant {
    fn new() -> Self {
        let plant = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            port: free_port(),
            broker: None,
        };
        for arguments in [
            &["ca"][..],
            &["broker", "localhost", "127.0.0.1"],
            &["client", "tracegate"],
            &["client", "store"],
        ] {
            plant.certificates(arguments, "730");
        }
        plant
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn run_certificates(&self, arguments: &[&str], days: &str) -> Output {
        Command::new(deploy("broker/certificates"))
            .args(arguments)
            .current_dir(&self.folder)
            .env("DAYS", days)
            .output()
            .expect("the script runs")
    }

    /// What the script says on its standard output.
    fn certificates(&self, arguments: &[&str], days: &str) -> String {
        let output = self.run_certificates(arguments, days);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A broker elsewhere, of the same authority.
    fn beside(other: &Self) -> Self {
        let plant = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            port: free_port(),
            broker: None,
        };
        for entry in fs::read_dir(&other.folder).expect("its files") {
            let from = entry.expect("a file").path();
            let name = from.file_name().expect("a name");
            if from
                .extension()
                .is_some_and(|kind| kind == "pem" || kind == "key")
            {
                fs::copy(&from, plant.folder.path().join(name)).expect("copy it");
            }
        }
        plant
    }

    /// With further settings, and more in the access list.
    fn start(&mut self, settings: &str, access: &str) {
        let ours = fs::read_to_string(deploy("broker/mosquitto.conf")).expect("what we ship");
        let mut ours = format!("{ours}\n{settings}");
        let listener = format!("listener {} 127.0.0.1", self.port);
        for (shipped, here) in [
            ("listener 8883\n", format!("{listener}\n")),
            ("/etc/mosquitto/certs/", self.file("")),
            ("/etc/mosquitto/tracegate.acl", self.file("mosquitto.acl")),
        ] {
            assert!(ours.contains(shipped), "{shipped} is not in mosquitto.conf");
            ours = ours.replace(shipped, &here);
        }
        let list = fs::read_to_string(deploy("broker/mosquitto.acl")).expect("what we ship");
        fs::write(self.file("mosquitto.acl"), format!("{list}\n{access}")).expect("write it");
        fs::create_dir(self.file("conf.d")).expect("make it");
        fs::write(self.file("conf.d/tracegate.conf"), ours).expect("write it");
        // As root Mosquitto becomes another user, which may not look into our folder.
        let debian = format!(
            "persistence true\npersistence_location {}/\nlog_dest file {}\ninclude_dir {}\nuser root\n",
            self.folder.path().display(),
            self.file("log"),
            self.file("conf.d"),
        );
        fs::write(self.file("mosquitto.conf"), debian).expect("write it");
        let broker = Command::new("mosquitto")
            .args(["-c", &self.file("mosquitto.conf")])
            .env("PATH", path())
            .stderr(Stdio::null())
            .spawn();
        let broker = self
            .broker
            .insert(broker.expect("mosquitto is installed: tests/run sees to that"));
        let deadline = Instant::now() + PATIENCE;
        let log = self.folder.path().join("log");
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let log = fs::read_to_string(&log).unwrap_or_default();
            assert!(
                matches!(broker.try_wait(), Ok(None)) && Instant::now() < deadline,
                "mosquitto does not listen:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A daemon of the site plant-3; `own` names its certificate.
    fn gateway(&self, own: &str) -> Gateway {
        Gateway::new(|buffer| {
            format!(
                "[gateway]\nsite = \"plant-3\"\n[buffer]\ndirectory = {:?}\n[status]\nlisten = \"off\"\n\
                 [mqtt]\nurl = \"mqtts://localhost:{}\"\nca_file = {:?}\n{own}",
                buffer.display().to_string(),
                self.port,
                self.file("ca.pem"),
            )
        })
    }

    /// One of Mosquitto's own clients, as this user.
    fn client(&self, program: &str, user: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(["-V", "5", "-h", "localhost", "-p", &self.port.to_string()])
            .args(["--cafile", &self.file("ca.pem")])
            .args(["--cert", &self.file(&format!("{user}.pem"))])
            .args(["--key", &self.file(&format!("{user}.key"))])
            .args(arguments)
            .output()
            .expect("mosquitto-clients is installed: tests/run sees to that")
    }

    fn certificate_of(&self, name: &str) -> String {
        let (certificate, key) = (format!("{name}.pem"), format!("{name}.key"));
        format!(
            "client_certificate_file = {:?}\nclient_key_file = {:?}\n",
            self.file(&certificate),
            self.file(&key)
        )
    }

    /// The gateway's retained status, as somebody with this certificate is told it; else why not.
    fn status(&self, own: &[&str]) -> Result<String, String> {
        let output = Command::new("mosquitto_sub")
            .args(["-V", "5", "-h", "localhost", "-p", &self.port.to_string()])
            .args(["--cafile", &self.file("ca.pem"), "-C", "1", "-W", "10"])
            .args(["-t", "tracegate/plant-3/status"])
            .args(own)
            .output()
            .expect("mosquitto-clients is installed: tests/run sees to that");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        if let Some(mut broker) = self.broker.take() {
            let _ = broker.kill();
            let _ = broker.wait();
        }
    }
}

/// Debian's brokers are where only root's PATH leads.
fn path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/usr/local/sbin")
}

/// Asks again until it is so; a deadline ends it.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn mosquitto_takes_settings_and_certificates_and_so_does_the_daemon() {
    let mut plant = Plant::new();
    plant.start("", "");
    let log = fs::read_to_string(plant.file("log")).unwrap();
    assert!(!log.contains("Error") && !log.contains("Warning"), "{log}");

    let mut gateway = plant.gateway(&plant.certificate_of("tracegate"));
    gateway.start();
    let (certificate, key) = (plant.file("store.pem"), plant.file("store.key"));
    let store = ["--cert", &certificate, "--key", &key];
    let told = |words: &str| plant.status(&store).is_ok_and(|text| text.contains(words));
    until("the status", || told(r#""state":"online""#));
    until("the days of a new certificate", || {
        told(r#""days_left":729"#)
    });

    // Whoever has no certificate of this authority is not let in: neither a client, nor a daemon.
    plant.status(&[]).unwrap_err();
    let log = || fs::read_to_string(plant.file("log")).unwrap();
    until("Mosquitto's reason", || {
        log().contains("peer did not return a certificate")
    });
    let other = Plant::new();
    let (certificate, key) = (other.file("store.pem"), other.file("store.key"));
    plant
        .status(&["--cert", &certificate, "--key", &key])
        .unwrap_err();
    let refusals = [
        (String::new(), "it wants a certificate from the gateway"),
        (
            other.certificate_of("tracegate"),
            "does not accept the gateway's certificate",
        ),
    ];
    for (own, reason) in refusals {
        let mut stranger = plant.gateway(&own);
        stranger.start();
        until(reason, || stranger.log().contains(reason));
    }

    // Renewed in its place: taken into use without a restart, and told.
    plant.certificates(&["renew", "tracegate"], "10");
    until("the renewed certificate", || told(r#""days_left":9"#));
    assert!(gateway.is_running());
}

/// From the plant's broker to the central one and back, with properties; whichever side is there first.
#[test]
fn a_bridge_carries_what_is_said_both_ways() {
    let mut central = Plant::new();
    central.certificates(&["client", "bridge-plant-3"], "730");
    let mut plant = Plant::beside(&central);
    let list = fs::read_to_string(deploy("broker/mosquitto.acl")).unwrap();
    let gateway = list.split("user tracegate\n").nth(1).unwrap();
    let gateway = gateway.split("\n\n").next().unwrap();
    central.start("", &format!("user bridge-plant-3\n{gateway}\n"));
    let bridge = fs::read_to_string(deploy("broker/mosquitto-bridge.conf")).unwrap();
    let bridge = bridge.replace(
        "broker.example:8883",
        &format!("localhost:{}", central.port),
    );
    plant.start(&bridge, "");

    for (from, speaker, topic, to, listener) in [
        (
            &plant,
            "tracegate",
            "tracegate/plant-3/status",
            &central,
            "store",
        ),
        (
            &central,
            "store",
            "tracegate/plant-3/ack",
            &plant,
            "tracegate",
        ),
    ] {
        let word = [
            "-q",
            "1",
            "-r",
            "-t",
            topic,
            "-m",
            "said",
            "-D",
            "publish",
            "user-property",
            "epoch",
            "e1",
        ];
        let said = from.client("mosquitto_pub", speaker, &word);
        assert!(said.status.success(), "{said:?}");
        until(topic, || {
            let wait = ["-q", "1", "-t", topic, "-C", "1", "-W", "5", "-F", "%p %P"];
            let heard = to.client("mosquitto_sub", listener, &wait);
            String::from_utf8_lossy(&heard.stdout).trim_end() == "said epoch:e1"
        });
    }
}

#[test]
fn certificates_are_never_replaced_by_mistake() {
    let plant = Plant::new();
    let key = fs::read(plant.file("ca.key")).unwrap();
    for (arguments, reason) in [
        (&["ca"][..], "ca.pem is there already"),
        (&["broker", "localhost"], "broker.pem is there already"),
        (&["client", "store"], "store.pem is there already"),
        (&["client", "broker"], "is taken"),
        (&["client", "../store"], "is no name"),
        (&["client", "store\n[x]"], "is no name"),
        (&["renew", "nobody"], "there is no nobody.key"),
        (&["burn"], "certificates list"),
        (&[], "certificates list"),
    ] {
        let output = plant.run_certificates(arguments, "730");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(reason),
            "{arguments:?}: {said}"
        );
    }
    assert_eq!(fs::read(plant.file("ca.key")).unwrap(), key);
    let list = plant.certificates(&["list"], "730");
    assert_eq!(list.lines().count(), 4, "{list}");
    // What the authority is renewed to still vouches for what it signed before.
    plant.certificates(&["renew", "ca"], "3650");
    let verified = Command::new("openssl")
        .args(["verify", "-CAfile", "ca.pem", "broker.pem", "store.pem"])
        .current_dir(&plant.folder)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

/// The technician's first minute: what the package brings passes the check, and so does its door without the #.
#[test]
fn the_packaged_configuration_passes() {
    let text = fs::read_to_string(deploy("debian/gateway.toml")).unwrap();
    let (above, door) = text.split_once("# A dock door").expect("the door");
    let door = door.split_once("#\n").expect("its sections").1;
    let door: String = door
        .lines()
        .map(|line| format!("{}\n", line.trim_start_matches('#').trim_start()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    for (text, warnings) in [(text.clone(), 1), (format!("{above}{door}"), 0)] {
        fs::write(&file, text).unwrap();
        match config::load(&file, std::iter::empty()) {
            Ok(loaded) => {
                let said = loaded.report().render(Format::Short);
                assert_eq!(said.lines().count(), warnings, "{said}");
            }
            Err(report) => panic!("{}", report.render(Format::Human)),
        }
    }
}
