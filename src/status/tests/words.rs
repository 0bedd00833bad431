//! What the page says about each condition.

use super::*;
use crate::health::{Code, Notice, headline};
use crate::status::page;

async fn text_of(health: &Health, recent: Option<Recent>) -> String {
    let facts = facts();
    let shown = |(name, kind): (String, DeviceKind)| {
        let (minute, antennas) = health.pace(&name);
        (health.device_report(&name, kind), minute, antennas)
    };
    let status = health.status();
    let view = View {
        facts: &facts,
        now: NOW.parse().unwrap(),
        headline: status.summary.clone(),
        devices: health.kinds().into_iter().map(shown).collect(),
        status,
        kinds: health.site_kinds(),
        config: health.config(),
        recent,
    };
    page::whole(&view)
}

fn first_line(page: &str) -> &str {
    let rest = page
        .split("<h1 id=\"state\" aria-live=\"polite\" class=\"")
        .nth(1);
    rest.and_then(|rest| rest.split("</h1>").next()).unwrap()
}

/// As it is shown: a delay's time passes.
async fn settle(health: &Health) {
    health.settle();
    tokio::time::advance(Duration::from_secs(120)).await;
}

#[tokio::test(start_paused = true)]
async fn each_condition_is_named_with_its_remedy_and_its_place_in_the_first_line() {
    type Make = fn(&Health);
    let cases: &[(Code, &str, Make)] = &[
        (Code::BufferFull, "error\">Nothing can be stored", |it| {
            it.storing(Some("the buffer is full".to_owned()));
        }),
        (Code::BrokerDown, "error\">Events wait here", |it| {
            it.broker(BrokerState::Down("connection refused".to_owned()));
        }),
        (Code::BrokerDenied, "error\">Events wait here", |it| {
            it.broker(BrokerState::Denied("bad user".to_owned()));
        }),
        (
            Code::StoreSilent,
            "error\">Events wait here and are not delivered. Look at the store",
            |it| {
                it.notice(Notice::StoreSilent, Some("it confirms nothing".to_owned()));
            },
        ),
        (
            Code::ReaderUnreachable,
            "error\">What is read is being delivered, but something is not read, or badly: dock_1.",
            |it| {
                let reason = "10.0.4.21 does not answer; check <power>".to_owned();
                it.device("dock_1", DeviceState::Down { reason });
            },
        ),
        (
            Code::AntennaDown,
            "error\">What is read is being delivered, but something is not read, or badly: dock_1/2.",
            |it| {
                it.problem(
                    "dock_1",
                    Problem::Antenna(2),
                    Some("antenna 2 is disconnected"),
                );
            },
        ),
        (
            Code::ReaderFault,
            "warning\">Everything is being delivered, but",
            |it| {
                it.problem(
                    "dock_1",
                    Problem::Exception,
                    Some("it reports a fault: <fan>"),
                );
            },
        ),
        (
            Code::EventsSetAside,
            "warning\">Everything is being delivered, but",
            |it| {
                it.counters().dead_letters.set(2);
            },
        ),
        (
            Code::ClockUnsynced,
            "warning\">Everything is being delivered, but",
            |it| {
                it.clock_synchronised(false);
            },
        ),
    ];
    for (code, first, make) in cases {
        let health = healthy();
        make(&health);
        settle(&health).await;
        let page = text_of(&health, Some(Recent::default())).await;
        let (class, words) = first.split_once("\">").unwrap();
        let line = first_line(&page);
        let (head, text) = line.rsplit_once("\">").unwrap();
        assert!(head.starts_with(class) && text.starts_with(words), "{line}");
        assert!(page.contains(code.as_str()), "{code:?}");
        let mut remedy = super::super::html::Html::default();
        remedy.text(code.remedy());
        assert!(page.contains(&remedy.finish()), "{code:?}");
        assert!(!page.contains("<power>") && !page.contains("<fan>"));
        let listed = page.matches("<span class=\"code ").count();
        assert_eq!(listed, 1, "{code:?} and no other");
    }
}

/// The text between two pieces of markup.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let rest = page
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {page}"));
    rest.1.split_once(after).unwrap().0
}

#[tokio::test]
async fn every_condition_has_its_first_line_its_title_and_its_remedy() {
    let mut all = String::new();
    for code in Code::ALL {
        let health = healthy();
        let mut status = health.status();
        status.conditions = vec![Condition {
            code: *code,
            severity: code.severity(),
            subject: "dock_1".to_owned(),
            since: NOW.to_owned(),
            text: "dock_1: what is wrong, in <words>".to_owned(),
            what_to_do: code.remedy(),
        }];
        let facts = facts();
        let view = View {
            facts: &facts,
            now: NOW.parse().unwrap(),
            headline: headline(&status.conditions),
            devices: Vec::new(),
            status,
            kinds: BTreeMap::new(),
            config: health.config(),
            recent: None,
        };
        let page = page::whole(&view);
        let title = between(&page, "<title>", "</title>");
        assert!(page.contains(&format!("data-title=\"{title}\"")), "{title}");
        let first = between(
            &page,
            "<h1 id=\"state\" aria-live=\"polite\" class=\"",
            "</h1>",
        );
        let class = first.split('"').next().unwrap();
        assert_eq!(class, code.severity().as_str());
        let shown = between(&page, "<section id=\"conditions\"", "</section>");
        assert_eq!(shown.matches("<li>").count(), 1, "{shown}");
        assert!(shown.contains("dock_1: what is wrong, in &lt;words&gt;"));
        let remedy = between(shown, "What to do:</b> ", "</p>");
        let first = first.rsplit_once("\">").unwrap().1;
        all += &format!(
            "{}\n  {title}\n  {class}: {first}\n  {remedy}\n",
            code.as_str()
        );
    }
    expect("conditions.txt", &all);
}

fn expect(name: &str, text: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/status/tests");
    let file = folder.join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&file).unwrap_or_default());
}

#[tokio::test(start_paused = true)]
async fn a_page_without_data_is_small_and_one_of_a_plant_is_bounded() {
    let health = healthy();
    let empty = text_of(&health, None).await;
    assert!(empty.contains("Not known at this moment"));
    let fixed = empty.len() + page::STYLE.len() + page::SCRIPT.len();
    assert!(fixed < 50_000, "{fixed} bytes");
    for reader in 0..16 {
        let name = format!("dock_{reader}");
        health.know(&name, DeviceKind::Reader);
        health.device(&name, DeviceState::Up);
        for antenna in 1..=4 {
            health.reads(&name, Some(antenna), 1_000);
        }
    }
    let busy = text_of(&health, Some(recent())).await;
    assert_eq!(busy.matches("<svg class=\"bars\"").count(), 64);
    assert!(busy.len() < 100_000, "{} bytes", busy.len());
}

#[tokio::test(start_paused = true)]
async fn the_whole_page_of_a_door() {
    let health = healthy();
    let page = text_of(&health, Some(recent())).await;
    // What the moment of the test decides.
    let page = page.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let mut text = String::new();
    let mut rest = page.as_str();
    while let Some((before, after)) = rest.split_once("<time datetime=\"") {
        text += before;
        let (time, after) = after.split_once("</time>").unwrap();
        let known = time.starts_with("2026-11-22T11:5") || time.starts_with("2026-11-22T12:00:00");
        text += if known {
            time.split_once("\">").unwrap().1
        } else {
            "TIME"
        };
        rest = after;
    }
    text += rest;
    let lines = text.replace("><", ">\n<");
    expect("door.html", &lines);
}

#[tokio::test]
async fn the_page_shows_how_old_the_site_s_data_is() {
    let health = healthy();
    let line = "<dt>current</dt><dd>";
    assert!(!text_of(&health, None).await.contains(line));
    health.site_data_matters(Duration::from_secs(3_600));
    health.site_records(20_000);
    let shown = |page: String| {
        let rest = page.split(line).nth(1).unwrap().to_owned();
        rest.split("</dd>").next().unwrap().to_owned()
    };
    let old = ": <b class=\"warning\">too old</b>";
    let unknown = shown(text_of(&health, None).await);
    assert_eq!(unknown, format!("nobody has told{old}"));
    let told = |hours: i64| {
        let at = Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        health.site_data(Some(tracegate_pipeline::Time(at.as_microsecond())), None);
    };
    told(3);
    assert_eq!(shown(text_of(&health, None).await), format!("3 h ago{old}"));
    told(0);
    let fresh = shown(text_of(&health, None).await);
    assert!(fresh.ends_with(" s ago"), "{fresh}");
    let newest = NOW.parse().unwrap();
    let known = KindKnown {
        records: 12_345,
        newest,
    };
    health.note_site_kinds(BTreeMap::from([("lot", known)]));
    let page = text_of(&health, None).await;
    assert!(page.contains("<th scope=\"row\">lot</th><td>12\u{202f}345</td><td><time"));
    let metrics = crate::status::metrics::text(&health);
    for line in [
        "tracegate_reference_records{kind=\"lot\"} 12345",
        "tracegate_reference_age_seconds{kind=\"site\"} 0",
        "tracegate_reference_age_seconds{kind=\"lot\"} ",
    ] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[tokio::test]
async fn a_gateway_without_devices_says_what_to_do() {
    let health = Health::new("plant-3", "epoch");
    health.broker(BrokerState::Up);
    let page = text_of(&health, None).await;
    let line = "warning\" data-title=\"LOOK - plant-3 - Tracegate\">There is nothing to read yet: no device is configured.";
    assert_eq!(first_line(&page), line);
    assert!(
        page.contains(
            "<h2 id=\"h-devices\">Devices</h2><div class=\"card\"><p>None is configured."
        )
    );
    assert!(health.reads_nothing());
    health.device("dock_1", DeviceState::Starting);
    assert!(!health.reads_nothing() && !text_of(&health, None).await.contains("nothing to read"));
}

#[tokio::test]
async fn a_rejected_file_is_explained_as_check_explains_it() {
    let health = healthy();
    let part = |page: &str| between(page, "<section id=\"configuration\"", "</section>").to_owned();
    assert!(!part(&text_of(&health, None).await).contains("<pre"));
    let rendered = "error: unknown setting `hots` in [llrp.dock_1]\n --> gateway.toml:7:1\n  |\n7 | hots = \"<b>\"\n  | ^^^^ did you mean `host`?\n  = help: a\n";
    let state = |rendered: String| ConfigState {
        file: PathBuf::from("/etc/tracegate/gateway.toml"),
        loaded_at: NOW.parse().unwrap(),
        last_good: true,
        rejected: Some(Rejected {
            at: NOW.parse().unwrap(),
            rendered,
        }),
        ..ConfigState::default()
    };
    health.config_loaded(state(rendered.to_owned()));
    let shown = part(&text_of(&health, None).await);
    let text = between(&shown, "<pre tabindex=\"0\">", "</pre>");
    let expected = rendered.replace('<', "&lt;").replace('>', "&gt;");
    let expected = expected.replace('"', "&quot;");
    // What is no picture may go on below itself.
    let help = "  = help: a";
    let expected = expected.replace(help, &format!("<span class=\"words\">{help}</span>"));
    assert_eq!(text, expected);
    assert!(shown.contains("the last good copy"));
    let waits = ["mqtt.url", "log.level"].map(str::to_owned).to_vec();
    health.config_loaded(ConfigState {
        waits,
        ..state(String::new())
    });
    let shown = part(&text_of(&health, None).await);
    let waits = "waits for a restart</dt><dd class=\"warning\">mqtt.url, log.level";
    assert!(shown.contains(waits), "{shown}");
    health.config_loaded(state("error: x\n".repeat(100_000)));
    let shown = part(&text_of(&health, None).await);
    assert!(shown.len() < 20_000 && shown.contains("…\n</pre>"));
}
