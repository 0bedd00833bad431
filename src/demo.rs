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
lost_after = "800ms"
rearm = "1s"
allowed_lateness = "400ms"
"#;

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
    for read_point in demo.read_points() {
        text.push_str(&section(scenario, &read_point));
    }
    let _ = write!(
        text,
        "\n[tags]\ncargo = [\"urn:epc:pat:sgtin-96:*.{prefix}.*.*\"]\n\n[buffer]\ndirectory = {buffer:?}\n\n[mqtt]\nurl = \"mqtt://{broker}\"\n",
        prefix = scenario.company.prefix(),
        buffer = buffer.display().to_string(),
    );
    text
}

fn section(scenario: &Scenario, read_point: &ReadPoint) -> String {
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
    text.push_str(BRISK);
    text
}
