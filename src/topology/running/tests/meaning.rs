//! What a configuration means is the same whatever numbers its devices have, and in whatever order it is written.

use tracegate_pipeline::PipelineConfig;

use super::*;
use crate::topology;

/// All kinds of places, each with devices of its own.
const WHOLE: &str = r#"
[llrp.dock_1]
host = "127.0.0.1"
port = 1
[llrp.dock_2]
host = "127.0.0.1"
port = 2
[scanner.pack_1]
serial = "/dev/no-pack_1"
[scanner.pack_2]
serial = "/dev/no-pack_2"
duplicate_window = "3s"
[tags]
ignore = ["hex:34*"]
[read_point.dock_1]
mode = "dock"
sgln = "urn:epc:id:sgln:4012345.00001.dock1"
outside = ["dock_1/1", "dock_2/1"]
inside = ["dock_1/2"]
photo_eyes = { outside = "dock_2/3" }
rearm = "7s"
in = { biz_step = "receiving" }
[read_point.cage_1]
mode = "presence"
sgln = "urn:epc:id:sgln:4012345.00001.cage1"
antennas = ["dock_2/4"]
arrive = { biz_step = "storing" }
[read_point.pack_1]
mode = "station"
sgln = "urn:epc:id:sgln:4012345.00001.pack1"
scanners = ["pack_1", "pack_2"]
scan = { biz_step = "packing" }
"#;

fn fresh(sections: &str) -> PipelineConfig {
    let config = config(sections);
    topology::pipeline(&config, &topology::devices(&config).unwrap())
}

#[test]
fn the_order_of_sections_does_not_matter() {
    let mut sections: Vec<&str> = WHOLE.split("\n[").skip(1).collect();
    let first = fresh(WHOLE).canonical();
    for _ in 0..sections.len() {
        sections.rotate_left(1);
        sections.swap(0, 3);
        let text: String = sections.iter().map(|it| format!("[{it}\n")).collect();
        assert_eq!(fresh(&text).canonical(), first, "{text}");
    }
    let other = WHOLE.replace(r#"["dock_1/1", "dock_2/1"]"#, r#"["dock_2/1", "dock_1/1"]"#);
    assert_eq!(fresh(&other).canonical(), first);
}

/// A device keeps its number over reloads, so a gateway that runs has them in another order than one that starts.
#[tokio::test]
async fn reloads_give_other_numbers_and_no_other_meaning() {
    let mut rig = Rig::new();
    let none_of = |name: &str| {
        let sections = WHOLE.split("\n[").skip(1);
        let left = sections.filter(|it| !it.contains(name));
        left.map(|it| format!("[{it}\n")).collect::<String>()
    };
    let scanner = "[scanner.a_1]\nserial = \"/dev/no-a\"\n";
    rig.follow(&(none_of("dock_1") + scanner)).await;
    rig.follow(&none_of("pack_1")).await;
    let plan = rig.running.plan(&config(WHOLE)).unwrap();
    let (running, started) = (plan.pipeline, fresh(WHOLE));
    assert_ne!(running.devices, started.devices);
    assert_ne!(running, started);
    assert_eq!(running.canonical(), started.canonical());
    // A device that no read point works with decides nothing.
    let more = fresh(&format!("{scanner}{WHOLE}"));
    assert_eq!(more.canonical(), started.canonical());
    rig.running.stop().await;
}

#[test]
fn whatever_decides_matters() {
    let first = fresh(WHOLE).canonical();
    let mut seen = vec![first.clone()];
    for (old, new) in [
        ("rearm = \"7s\"", "rearm = \"8s\""),
        ("duplicate_window = \"3s\"", "duplicate_window = \"4s\""),
        ("\"hex:34*\"", "\"hex:35*\""),
        ("inside = [\"dock_1/2\"]", "inside = [\"dock_1/3\"]"),
        ("inside = [\"dock_1/2\"]", "inside = [\"dock_2/2\"]"),
        ("outside = \"dock_2/3\"", "outside = \"dock_1/3\""),
        ("outside = \"dock_2/3\"", "inside = \"dock_2/3\""),
        ("antennas = [\"dock_2/4\"]", "antennas = [\"dock_1/4\"]"),
        ("\"pack_1\", \"pack_2\"", "\"pack_1\""),
        ("biz_step = \"storing\"", "biz_step = \"shipping\""),
        ("[read_point.cage_1]", "[read_point.cage_2]"),
        ("4012345.00001.cage1", "4012345.00001.cage2"),
        ("[tags]", "[read_point.pack_1.guard]\n[tags]"),
    ] {
        assert!(WHOLE.contains(old), "{old}");
        let other = fresh(&WHOLE.replace(old, new)).canonical();
        assert!(!seen.contains(&other), "{new}");
        seen.push(other);
    }
    // The same antennas, of readers that have changed their names.
    let swapped = WHOLE
        .replace("dock_1/", "dock_0/")
        .replace("dock_2/", "dock_1/");
    let swapped = swapped.replace("dock_0/", "dock_2/");
    assert_ne!(fresh(&swapped).canonical(), first);
}
