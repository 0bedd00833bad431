//! A reader that goes wrong in every way, against the truth: its own log of reports sent whole.

use std::collections::BTreeMap;

use tokio::time::Instant;
use tracegate_llrp::report::ReaderTime as LlrpTime;
use tracegate_pipeline::ReaderTime;
use tracegate_sim::reader::{SimReader, SimReaderConfig};
use tracegate_sim::scenario::Sighting;

use super::reader::{reading, settings, tag};

use super::*;
use crate::source::llrp::run;

/// Shows so many tags, each another, and waits until the reader has seen them.
async fn show(reader: &SimReader, shown: &mut u32, tags: u32) {
    let seen = |reader: &SimReader| reader.status().seen + reader.status().unseen;
    let before = seen(reader);
    for _ in 0..tags {
        let mut epc = [0x30; 12];
        epc[8..].copy_from_slice(&shown.to_be_bytes());
        let sighting = Sighting {
            epc: epc.into(),
            ..tag(0)
        };
        *shown += 1;
        reader
            .feed()
            .see(tracegate_sim::utc_us(Instant::now()), sighting)
            .await;
    }
    wait_until("the tags", PATIENCE, || {
        seen(reader) == before + u64::from(tags)
    })
    .await
    .unwrap();
}

async fn back(reader: &SimReader, connections: u64) {
    wait_until("the gateway is back", PATIENCE, || {
        let status = reader.status();
        status.connections > connections && status.reading && status.waiting == 0
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn every_whole_report_reaches_the_core_once_whatever_goes_wrong() {
    let reader = SimReader::spawn(SimReaderConfig {
        keeps_log: true,
        ..SimReaderConfig::default()
    })
    .await
    .unwrap();
    let mut settings = settings(reader.addr());
    // More than a busy machine takes from it: a link given up in vain has reports under way.
    settings.client.keepalive_period = Duration::from_millis(400);
    settings.client.connect_timeout = Duration::from_secs(2);
    let mut rig = Rig::start(100, |context| {
        run(settings, context, None, mpsc::channel(1).1)
    });
    reading(&reader).await;
    let mut shown = 0;
    // What goes wrong, and whether it ends the connection.
    for (fault, ends) in [
        ("segment random 3 20", false),
        ("cut-in-report rst 25", true),
        ("cut-in-report fin 11", true),
        ("unknown-parameters on", false),
        ("cut rst", true),
        ("segment joined 5", false),
        ("stale 300ms", false),
        ("cut fin", true),
        ("clock -3600", false),
        ("close", true),
        ("reboot", true),
    ] {
        println!("{fault}");
        let connections = reader.status().connections;
        reader.fault(fault.parse().unwrap()).await;
        show(&reader, &mut shown, 40).await;
        if ends {
            back(&reader, connections).await;
        }
        show(&reader, &mut shown, 10).await;
    }
    println!("silence");
    let connections = reader.status().connections;
    reader.pause().await;
    show(&reader, &mut shown, 40).await;
    rig.says("reader silent for").await;
    reader.resume().await;
    back(&reader, connections).await;
    show(&reader, &mut shown, 10).await;
    wait_until("all reports", PATIENCE, || {
        let (status, log) = (reader.status(), reader.sent());
        let sent = (log.whole.len() + log.cut.len()) as u64;
        status.waiting == 0 && sent + status.discarded == status.seen
    })
    .await
    .unwrap();

    let whole = reader.sent().whole;
    let mut balance: BTreeMap<(Vec<u8>, Option<u64>), i32> = BTreeMap::new();
    for report in &whole {
        let time = report.first_seen.map(|time| match time {
            LlrpTime::Utc(us) | LlrpTime::Uptime(us) => us,
        });
        *balance.entry((report.epc.clone(), time)).or_default() -= 1;
    }
    let mut came = 0;
    while came < whole.len() {
        for read in rig.reads().await {
            let time = read.device_time.map(|time| match time {
                ReaderTime::Utc(us) | ReaderTime::Uptime(us) => us,
            });
            assert_eq!(read.more, 0, "nothing had to be merged");
            *balance.entry((read.epc, time)).or_default() += 1;
            came += 1;
        }
    }
    balance.retain(|_, count| *count != 0);
    assert!(
        balance.is_empty(),
        "-1: lost, 1: invented or twice: {balance:?}"
    );
    // All but what the cuts and the reboot took.
    assert!(whole.len() > 450, "{} reports", whole.len());
    rig.stop().await;
}
