//! The demo's configuration: what a technician would write for the simulated plant. The end-to-end tests use it too.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use tracegate_sim::demo::Demo;
use tracegate_sim::scanner::ScannerPlace;
use tracegate_sim::scenario::{ReadPoint, Scenario};

/// Windows for pallets that cross in a second, where a real fork lift takes five.
pub const BRISK: &str = r#"dedup = "50ms"
side_tau = "200ms"
side_hold = "150ms"
load_gap = "500ms"
settle = "900ms"
lost_after = "1500ms"
rearm = "1s"
allowed_lateness = "400ms"
"#;

/// Where a store that acknowledges says so: the default of `[mqtt] ack_topic` for the demo's site.
pub const ACK_TOPIC: &str = "tracegate/demo/ack";

/// The TOML file for a daemon that works with the devices of `demo` and forwards to `broker`.
#[must_use]
pub fn config_text(demo: &Demo, broker: SocketAddr, buffer: &Path) -> String {
    let scenario = demo.scenario();
    let mut text = String::from("[gateway]\nsite = \"demo\"\n");
    for (name, address) in demo.readers() {
        let (host, port) = (address.ip(), address.port());
        let _ = writeln!(
            text,
            "\n[llrp.{name}]\nhost = \"{host}\"\nport = {port}\nkeepalive = \"2s\""
        );
    }
    for (name, place) in demo.scanners() {
        let place = match place {
            ScannerPlace::Path(path) => format!("serial = {:?}", path.display().to_string()),
            ScannerPlace::Addr(address) => format!("tcp = \"{address}\""),
        };
        let _ = writeln!(
            text,
            "\n[scanner.{name}]\n{place}\non_accept = \"\\u0006\"\non_refuse = \"\\u0015\""
        );
    }
    text.push_str(&read_points(scenario, BRISK));
    let _ = write!(
        text,
        "\n[buffer]\ndirectory = {buffer:?}\n\n[mqtt]\nurl = \"mqtt://{broker}\"\n",
        buffer = buffer.display().to_string(),
    );
    if let Some(topic) = demo.ack_topic() {
        let _ = writeln!(text, "acknowledge = \"store\"\nack_topic = {topic:?}");
    }
    text
}

/// A TOML file for the read points of a scenario whose devices and broker exist on paper only. `windows` are lines of
/// settings for every dock, such as [`BRISK`]; without any it works with the defaults.
#[must_use]
pub fn scenario_config_text(scenario: &Scenario, windows: &str) -> String {
    let mut text =
        String::from("[gateway]\nsite = \"demo\"\n\n[mqtt]\nurl = \"mqtt://127.0.0.1\"\n");
    for (index, reader) in scenario.readers.iter().enumerate() {
        let _ = writeln!(
            text,
            "\n[llrp.{}]\nhost = \"127.0.0.1\"\nport = {}",
            reader.name,
            5084 + index
        );
    }
    for scanner in &scenario.scanners {
        let _ = writeln!(
            text,
            "\n[scanner.{name}]\nserial = \"{name}\"",
            name = scanner.name
        );
    }
    text.push_str(&read_points(scenario, windows));
    text
}

fn read_points(scenario: &Scenario, windows: &str) -> String {
    let sections = scenario
        .read_points()
        .iter()
        .map(|read_point| section(scenario, read_point, windows))
        .collect::<String>();
    format!(
        "{sections}\n[tags]\ncargo = [\"urn:epc:pat:sgtin-96:*.{}.*.*\"]\n",
        scenario.company.prefix()
    )
}

fn section(scenario: &Scenario, read_point: &ReadPoint, windows: &str) -> String {
    let ReadPoint {
        name,
        sgln,
        device,
        in_step,
        out_step,
        scan_step,
        ..
    } = read_point;
    let mut text = format!("\n[read_point.{name}]\nsgln = \"{sgln}\"\n");
    if let Some(scan) = scan_step {
        let _ = write!(
            text,
            "mode = \"station\"\nscanners = [\"{device}\"]\nscan = {{ biz_step = \"{scan}\", disposition = \"in_progress\" }}\n"
        );
        return text;
    }
    let ports = |ports: &[u16]| {
        ports
            .iter()
            .map(|port| format!("\"{device}/{port}\""))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(reader) = scenario
        .readers
        .iter()
        .find(|reader| reader.name == *device)
    {
        let (inside, outside) = (ports(&reader.inside), ports(&reader.outside));
        let _ = write!(
            text,
            "mode = \"dock\"\ninside = [{inside}]\noutside = [{outside}]\n"
        );
    }
    for (key, step, disposition) in [
        ("in", in_step, "in_progress"),
        ("out", out_step, "in_transit"),
    ] {
        if let Some(step) = step {
            let _ = writeln!(
                text,
                "{key} = {{ biz_step = \"{step}\", disposition = \"{disposition}\" }}"
            );
        }
    }
    text.push_str(windows);
    text
}
