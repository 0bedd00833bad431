//! Alert rules and dashboard name what there is, and Prometheus' own tool agrees with rules and metrics.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tracegate::health::{BrokerState, DeviceKind, DeviceState, Health};
use tracegate::status::metrics::{families, text};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names in a text that look like a gateway's metrics.
fn named(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("tracegate_") || word.starts_with("process_"))
        .collect()
}

#[test]
fn rules_and_dashboard_name_metrics_that_there_are() {
    let known: BTreeSet<String> = families().into_iter().map(|it| it.0).collect();
    for (file, least) in [
        ("deploy/prometheus/tracegate.rules.yml", 15),
        ("deploy/prometheus/tracegate.test.yml", 15),
        ("deploy/grafana/tracegate.json", 40),
        ("docs/monitoring.md", 5),
    ] {
        let text = read(file);
        let names = named(&text);
        for name in &names {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(
                known.contains(family),
                "{file} names {name}, which is no metric"
            );
        }
        assert!(names.len() >= least, "{file} names only {}", names.len());
    }
}

#[test]
fn every_alert_is_tried_and_explained() {
    let (rules, tried) = (
        read("deploy/prometheus/tracegate.rules.yml"),
        read("deploy/prometheus/tracegate.test.yml"),
    );
    let names = |text: &str, key: &str| -> BTreeSet<String> {
        let lines = text.lines();
        let names = lines.filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key));
        names.map(|name| name.trim().to_owned()).collect()
    };
    let alerts = names(&rules, "alert:");
    assert_eq!(names(&tried, "alertname:"), alerts);
    let guide = read("docs/monitoring.md");
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `"));
    let explained: BTreeSet<String> = rows
        .filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect();
    assert_eq!(explained, alerts);
}

#[test]
fn the_dashboard_is_one() {
    let board: serde_json::Value =
        serde_json::from_str(&read("deploy/grafana/tracegate.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()));
        if panel["type"] == "row" {
            continue;
        }
        let title = panel["title"].as_str().unwrap();
        assert!(
            panel["description"]
                .as_str()
                .is_some_and(|it| !it.is_empty()),
            "{title}"
        );
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert!(
                expression.contains("$job") && expression.contains("$instance"),
                "{title}"
            );
            let open = expression.matches('(').count();
            assert_eq!(open, expression.matches(')').count(), "{title}");
        }
    }
}

/// Prometheus' tool, of Debian's package prometheus.
fn promtool(arguments: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(root().join("deploy/prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing; on Debian: sudo apt-get install prometheus");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "promtool {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn prometheus_takes_rules_and_metrics() {
    promtool(&["check", "rules", "tracegate.rules.yml"], "");
    promtool(&["test", "rules", "tracegate.test.yml"], "");
    let health = Health::new("plant-3", "epoch");
    health.know("dock_1", DeviceKind::Reader);
    health.device("dock_1", DeviceState::Up);
    health.reads("dock_1", Some(2), 7);
    health.broker(BrokerState::Down("it is \"not\" there\\".to_owned()));
    health.decided(std::time::Duration::from_millis(70));
    health.queue("inputs", 3, 256);
    promtool(&["check", "metrics"], &text(&health));
}

/// The expressions of the dashboard, as rules, so that the same tool reads them.
#[test]
fn prometheus_understands_the_dashboard() {
    let board: serde_json::Value =
        serde_json::from_str(&read("deploy/grafana/tracegate.json")).unwrap();
    let mut rules = String::from("groups:\n  - name: dashboard\n    rules:\n");
    let panels = board["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    for (number, target) in targets.flatten().enumerate() {
        let expression = target["expr"].as_str().unwrap();
        let expression = expression.replace("$__rate_interval", "5m");
        let quoted = serde_json::Value::from(expression);
        rules += &format!("      - record: panel_{number}\n        expr: {quoted}\n");
    }
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("dashboard.yml");
    std::fs::write(&file, rules).unwrap();
    promtool(
        &["check", "rules", "--lint=none", file.to_str().unwrap()],
        "",
    );
}
