//! What must be absent: tokio from the pure crates, clocks from them, the simulator from the packaged daemon, files that
//! nobody can read in one go.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes and time in, values out; see ARCHITECTURE.md.
const PURE: &[&str] = &["llrp", "gs1", "epcis", "pipeline", "feed"];

/// Longest file, in lines.
const LONGEST: usize = 500;
/// Files that may be longer, each with its reason.
const LONGER: &[(&str, &str)] = &[];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Names of the crates that `cargo tree` shows, without dev- and build-dependencies.
fn tree(arguments: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}",
        ])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("crate names are text");
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[test]
fn pure_crates_have_no_runtime_and_no_io() {
    for name in PURE {
        let package = format!("tracegate-{name}");
        let crates = tree(&["--package", &package]);
        assert_eq!(crates.first(), Some(&package));
        for banned in [
            "tokio", "rumqttc", "sqlx", "mio", "socket2", "rustls", "config",
        ] {
            assert!(
                !crates.iter().any(|name| name == banned),
                "{package} must not depend on {banned}"
            );
        }
    }
}

#[test]
fn pure_crates_read_no_clock() {
    for name in PURE {
        let file = format!("crates/{name}/clippy.toml");
        let lints = std::fs::read_to_string(root().join(&file)).expect(&file);
        for banned in [
            "std::time::Instant::now",
            "std::time::SystemTime::now",
            "std::thread::spawn",
        ] {
            assert!(
                lints.contains(&format!("path = \"{banned}\"")),
                "{file} does not ban {banned}"
            );
        }
    }
}

#[test]
fn the_packaged_daemon_carries_no_simulator() {
    let packaged = tree(&["--package", "tracegate", "--no-default-features"]);
    assert!(packaged.iter().any(|name| name == "tokio"));
    for absent in ["tracegate-sim", "tempfile"] {
        assert!(
            !packaged.iter().any(|name| name == absent),
            "{absent} is in the packaged daemon"
        );
    }
    let with_demo = tree(&["--package", "tracegate"]);
    assert!(with_demo.iter().any(|name| name == "tracegate-sim"));
}

/// An exception from the advisories that is needed no more hides the next one; each holds because rumqttc alone uses the
/// crate, and does not use what the advisory is about.
#[test]
fn exceptions_from_advisories_are_still_needed() {
    let read = |name: &str| -> toml::Table {
        let text = std::fs::read_to_string(root().join(name)).expect(name);
        text.parse().expect(name)
    };
    let (deny, lock) = (read(".ci/deny.toml"), read("Cargo.lock"));
    let packages = lock["package"].as_array().expect("packages");
    let text = |value: &toml::Value, key: &str| value[key].as_str().expect(key).to_owned();
    let exceptions = deny["advisories"]["ignore"].as_array().expect("a list");
    for exception in exceptions {
        let (id, reason) = (text(exception, "id"), text(exception, "reason"));
        let (subject, _) = reason.split_once(':').expect("crate and version, then why");
        let (name, version) = subject.split_once(' ').expect("crate and version");
        let same = packages
            .iter()
            .filter(|package| text(package, "name") == name);
        let versions: Vec<String> = same.map(|package| text(package, "version")).collect();
        assert!(
            versions.iter().any(|found| found == version),
            "{id}: {subject} is not in Cargo.lock any more; delete the exception"
        );
        // Cargo writes the version only where there are several.
        let written = if versions.len() > 1 { subject } else { name };
        let users = packages.iter().filter(|package| {
            let needs = package.get("dependencies").and_then(|list| list.as_array());
            needs.is_some_and(|needs| needs.iter().any(|need| need.as_str() == Some(written)))
        });
        let users: Vec<String> = users.map(|package| text(package, "name")).collect();
        assert_eq!(users, ["rumqttc"], "{id}: who uses {subject}");
    }
    assert!(!exceptions.is_empty());
}

#[test]
fn no_file_is_too_long_to_read() {
    let mut files = Vec::new();
    for folder in ["src", "crates", "deploy", "fuzz", "hardware-sim", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 100, "only {} files found", files.len());
    for file in files {
        let lines = std::fs::read_to_string(&file)
            .expect("sources are text")
            .lines()
            .count();
        let name = file
            .strip_prefix(root())
            .expect("below the root")
            .display()
            .to_string();
        let listed = LONGER.iter().any(|(longer, _)| *longer == name);
        assert_eq!(
            lines > LONGEST,
            listed,
            "{name} has {lines} lines; at most {LONGEST}, or a reason in LONGER"
        );
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("readable").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
