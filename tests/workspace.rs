//! What must be absent: tokio from the pure crates, clocks from them, the simulator from the packaged daemon, files that
//! nobody can read in one go.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Bytes and time in, values out; see ARCHITECTURE.md.
const PURE: &[&str] = &["llrp", "gs1", "epcis", "pipeline"];

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

#[test]
fn no_file_is_too_long_to_read() {
    let mut files = Vec::new();
    for folder in ["src", "crates", "fuzz", "hardware-sim", "tests"] {
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
