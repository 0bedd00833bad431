//! The files in `config/`, and the environment above them.

use super::*;

#[test]
fn every_file_in_config_passes_without_a_warning() {
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("config")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        match load(&text, &[]) {
            Ok(loaded) => assert_eq!(
                loaded.report().render(Format::Short),
                "",
                "{}",
                path.display()
            ),
            Err(report) => panic!("{}\n{}", path.display(), report.render(Format::Human)),
        }
        count += 1;
    }
    assert!(count >= 4);
}

#[test]
fn file_names_are_resolved() {
    let text = std::fs::read_to_string(root().join("config/plant.toml")).unwrap();
    let path = Path::new("/etc/tracegate/gateway.toml");
    let resolved = |env: &[(&str, &str)]| {
        let env: Vec<_> = env
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        let loaded = config::from_bytes(path, text.as_bytes(), env.into_iter()).unwrap();
        loaded.config.mqtt.password_file.unwrap().to_string()
    };
    assert_eq!(resolved(&[]), "/etc/tracegate/mqtt-password");
    assert_eq!(
        resolved(&[("CREDENTIALS_DIRECTORY", "/run/credentials/x")]),
        "/run/credentials/x/mqtt-password"
    );
}

#[test]
fn variables_are_read_as_the_type_the_field_wants() {
    let env = [
        ("TRACEGATE_LLRP__DOCK_1__ANTENNAS", "1, 2,3,4"),
        ("TRACEGATE_LLRP__DOCK_1__REPLACE_FOREIGN_ROSPECS", "true"),
        ("TRACEGATE_LLRP__DOCK_1__PORT", "5085"),
        ("TRACEGATE_MQTT__USERNAME", "0123"),
        ("TRACEGATE_READ_POINT__DOCK_1__SIDE_LEVEL", "0.4"),
        (
            "TRACEGATE_READ_POINT__DOCK_1__IN",
            "{ biz_step = \"storing\" }",
        ),
        ("TRACEGATE_READ_POINT__DOCK_1__OUT__BIZ_STEP", "departing"),
        ("TRACEGATE_TAGS__IGNORE", "[\"hex:34*\", \"hex:35*\"]"),
        ("TRACEGATE_LOG", "debug"),
        ("PATH", "/bin"),
    ];
    let env: Vec<_> = env
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();
    let config = load(&reference(), &env)
        .map_err(|report| report.render(Format::Human))
        .unwrap()
        .config;
    let (llrp, point) = (&config.llrp["dock_1"], &config.read_point["dock_1"]);
    assert_eq!(
        llrp.antennas,
        config::Antennas::Ports((1..=4).map(|port| (port, None)).collect())
    );
    assert!(llrp.replace_foreign_rospecs);
    assert_eq!(llrp.port, Some(5085));
    assert_eq!(config.mqtt.username.unwrap().as_str(), "0123");
    assert_eq!(point.side_level, Some(0.4));
    assert_eq!(point.r#in.as_ref().unwrap().biz_step.as_str(), "storing");
    assert_eq!(point.out.as_ref().unwrap().biz_step.as_str(), "departing");
    assert_eq!(config.tags.ignore.len(), 2);
}
