//! What is in a bundle, and what is not.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::json;

use super::*;

/// Names and texts of an archive's files, by its own headers.
fn files(archive: &[u8]) -> Vec<(String, String)> {
    let mut bytes = Vec::new();
    GzDecoder::new(archive).read_to_end(&mut bytes).unwrap();
    let (mut files, mut rest) = (Vec::new(), bytes.as_slice());
    while rest[0] != 0 {
        let text = |range: std::ops::Range<usize>| {
            let field = &rest[range];
            let end = field.iter().position(|it| *it == 0).unwrap_or(field.len());
            String::from_utf8(field[..end].to_vec()).unwrap()
        };
        let size = usize::from_str_radix(&text(124..136), 8).unwrap();
        let sum: u32 = rest[..148]
            .iter()
            .chain(&rest[156..512])
            .map(|it| u32::from(*it))
            .sum();
        assert_eq!(format!("{:06o}", sum + 8 * 32), text(148..156));
        assert_eq!(text(257..263), "ustar");
        let body = String::from_utf8(rest[512..512 + size].to_vec()).unwrap();
        files.push((text(0..100), body));
        rest = &rest[512 + size.div_ceil(512) * 512..];
    }
    assert_eq!(rest.len(), 1_024);
    files
}

fn part(name: &'static str, content: Content) -> Part {
    Part {
        name,
        tells: "a part",
        content,
    }
}

#[test]
fn parts_become_files_and_what_is_missing_says_why() {
    let parts = vec![
        part("a.txt", Content::Text("one\n".to_owned())),
        part("b.json", Content::Json(json!({ "two": [2] }))),
        part("c.txt", Content::Missing("nobody is there".to_owned())),
        part("long.txt", Content::Text("0123456789\n".repeat(300_000))),
    ];
    let bundle = Bundle::new(parts, &Secrets::default());
    let packed = write(&bundle, "tracegate-plant-3", 1_795_341_600, Vec::new()).unwrap();
    assert_eq!(
        bundle.contents(),
        "a.txt               a part  (1 KiB)\nb.json              a part  (1 KiB)\n\
         c.txt               a part  (missing: nobody is there)\nlong.txt            a part  (2 MiB)\n"
    );
    let files = files(&packed);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["contents.txt", "a.txt", "b.json", "long.txt"];
    assert_eq!(
        names,
        expected.map(|name| format!("tracegate-plant-3/{name}"))
    );
    assert_eq!(files[1].1, "one\n");
    assert_eq!(files[2].1, "{\n  \"two\": [\n    2\n  ]\n}\n");
    assert!(
        files[3].1.len() < MAX_PART + 50 && files[3].1.ends_with("9\n(cut here: it is longer)\n")
    );
}

#[test]
fn secrets_are_taken_out_whatever_form_they_have() {
    let folder = tempfile::tempdir().unwrap();
    let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\nAwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";
    std::fs::write(folder.path().join("mqtt-password"), "marker-secret\n").unwrap();
    std::fs::write(folder.path().join("gateway.key"), key).unwrap();
    std::fs::write(folder.path().join("gateway.pem"), "not-a-secret").unwrap();
    let text = "[mqtt]\npassword_file = \"mqtt-password\"  # x\nclient_key_file = 'gateway.key'\n\
                client_certificate_file = \"gateway.pem\"\nca_file = \"absent.pem\"\n";
    let secrets = Secrets::named_in(text, &[folder.path()]);
    let planted = format!(
        "{text}url = \"mqtt://user:url-secret@broker\"\npassword = \"inline-secret\"\nthe broker said marker-secret\n{key}not-a-secret\n\
         half a line MIGHAgEAMBMGByqGSM49AgEGCCqGSM49\n-----BEGIN CERTIFICATE-----\npublic\n-----END CERTIFICATE-----\n"
    );
    let json = json!({
        "reason": "the password is wrong: look at mqtt-password",
        "said": ["marker-secret", "mqtt://user:url-secret@broker is not there"],
        "password": "inline-secret",
        "deep": { "key": key },
    });
    let parts = vec![
        part("a.txt", Content::Text(planted)),
        part("b.json", Content::Json(json)),
        part(
            "c.txt",
            Content::Missing("no marker-secret here".to_owned()),
        ),
    ];
    let bundle = Bundle::new(parts, &secrets);
    let packed = write(&bundle, "t", 0, Vec::new()).unwrap();
    for (name, text) in files(&packed) {
        for secret in [
            "marker-secret",
            "url-secret",
            "inline-secret",
            "MIGH",
            "AwEHBG0",
        ] {
            assert!(!text.contains(secret), "{secret} in {name}: {text}");
        }
        if name == "t/a.txt" {
            assert!(
                text.contains("not-a-secret") && text.contains("mqtt://***@broker"),
                "{text}"
            );
            assert!(
                text.contains("-----BEGIN CERTIFICATE-----\npublic"),
                "{text}"
            );
        }
        if name == "t/b.json" {
            assert!(
                text.contains("the password is wrong: look at mqtt-password"),
                "{text}"
            );
            serde_json::from_str::<Value>(&text).expect("it is JSON still");
        }
    }
}

#[tokio::test]
async fn without_a_gateway_and_a_configuration_it_says_what_is_missing() {
    let nobody = Err("no gateway is running".to_owned());
    let bundle = gather(std::path::Path::new("/nowhere/gateway.toml"), nobody).await;
    let contents = bundle.contents();
    assert_eq!(
        contents.matches("missing: no gateway is running").count(),
        5,
        "{contents}"
    );
    assert!(
        contents.contains("/nowhere/gateway.toml cannot be read"),
        "{contents}"
    );
    assert!(
        contents.contains("does not tell where the buffer is"),
        "{contents}"
    );
    let packed = write(&bundle, "t", 0, Vec::new()).unwrap();
    assert!(
        files(&packed)
            .iter()
            .any(|(name, _)| name == "t/versions.txt")
    );
}
