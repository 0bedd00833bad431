//! A site's data at work: `cargo bench --bench site_data` lets the real daemon take 100,000 retained messages from a Mosquitto
//! on a fresh start, and looks among 100,000 lots for the one that goes first; it prints a table. Without `--bench` a small
//! version only shows that it works.
//!
//! Nothing here must hold by the clock: how long it takes is a matter of the machine. What must hold is that all came.
//! `TMPDIR` names a folder on the disk to measure.

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use support::{Gateway, Mosquitto};
use tokio::time::{Instant, sleep};
use tracegate::reference::Table;
use tracegate_pipeline::Time;
use tracegate_pipeline::reference::Facts;

const PATIENCE: Duration = Duration::from_secs(300);
const TOPIC: &str = "tracegate/plant-3/ref";
const GTINS: [&str; 2] = ["04012345000016", "04012345000023"];

fn main() -> anyhow::Result<ExitCode> {
    let full = std::env::args().any(|word| word == "--bench");
    let lots = if full { 100_000 } else { 400 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    println!("| what | value |\n|---|---|");
    runtime.block_on(measure(lots))?;
    Ok(ExitCode::SUCCESS)
}

async fn measure(lots: u32) -> anyhow::Result<()> {
    let broker = Mosquitto::in_memory();
    publish(&broker, lots).await?;
    let mut gateway = Gateway::new(|buffer| {
        format!(
            "[gateway]\nsite = \"plant-3\"\n[buffer]\ndirectory = {buffer:?}\n[status]\nlisten = \"off\"\n[reference]\n\
             topic = \"tracegate/{{site}}/ref\"\n[mqtt]\nurl = \"mqtt://{}\"\n",
            broker.addr()
        )
    });
    let buffer = gateway.folder.path().join("buffer");
    std::fs::create_dir(&buffer)?;
    for (times, what) in [(1, "fresh start"), (2, "start with all of it known")] {
        let began = Instant::now();
        gateway.start();
        while gateway.log().matches("The site's data is complete").count() < times {
            ensure!(began.elapsed() < PATIENCE, "{}", gateway.log());
            sleep(Duration::from_millis(20)).await;
        }
        let took = began.elapsed().as_secs_f64();
        let (now, most) = memory(gateway.id())?;
        println!(
            "| {what}, {lots} retained messages, to complete | {took:.1} s, of which 1 s is waited for more; {now:.1} MB in use, {most:.1} MB at most |"
        );
        ensure!(gateway.stop().success(), "{}", gateway.log());
    }
    let table = std::fs::metadata(buffer.join("reference.sqlite"))?.len();
    println!("| the table on disk | {:.1} MB |", table as f64 / 1e6);
    look(&buffer, lots).await
}

/// Looks for the lot that goes first, as each scan does, among all lots of one item.
async fn look(directory: &Path, lots: u32) -> anyhow::Result<()> {
    let mut table = Table::open(directory, 1_000_000, PATIENCE).await?;
    ensure!(table.records() >= u64::from(lots), "{}", table.records());
    table.at(Time(jiff::Timestamp::now().as_microsecond()));
    for (gtin, count) in GTINS.iter().zip([lots - lots / 100, lots / 100]) {
        let keys = [format!("https://id.gs1.org/01/{gtin}")];
        let mut took = Vec::new();
        for _ in 0..1_000 {
            let began = Instant::now();
            let found = table.look(&keys).await?;
            took.push(began.elapsed().as_secs_f64() * 1e3);
            let is_item = |it: &Facts| matches!(it, Facts::Item(item) if !item.lots.is_empty());
            ensure!(found.iter().filter_map(|it| it.facts.as_ref()).any(is_item));
        }
        took.sort_by(f64::total_cmp);
        println!(
            "| the lot that goes first, of {count} of one item: median and 99 % of 1000 | {:.2} and {:.2} ms |",
            took[500], took[990]
        );
    }
    Ok(())
}

/// Lots of two items, one of ten on hold, and what says that they are all.
async fn publish(broker: &Mosquitto, lots: u32) -> anyhow::Result<()> {
    let addr = broker.addr();
    let mut options = MqttOptions::new("site", addr.ip().to_string(), addr.port());
    options.set_keep_alive(Duration::from_secs(30));
    let (client, mut events) = AsyncClient::new(options, 1_000);
    let sender = tokio::spawn(async move {
        for lot in 0..lots {
            let gtin = GTINS[usize::from(lot % 100 == 98)];
            let status = if lot % 10 == 9 { "hold" } else { "released" };
            let (year, month, day) = (27 + lot % 60, 1 + lot % 12, 1 + lot % 28);
            let text = format!(
                "{{\"v\":1,\"status\":\"{status}\",\"expiry\":\"20{year}-{month:02}-{day:02}\",\"qty\":40,\"uom\":\"KGM\"}}"
            );
            let topic = format!("{TOPIC}/lot/{gtin}/L{lot}");
            client.publish(topic, QoS::AtLeastOnce, true, text).await?;
        }
        let at = jiff::Timestamp::now();
        let meta =
            format!("{{\"snapshot_id\":\"bench\",\"generated_at\":\"{at}\",\"count\":{lots}}}");
        client
            .publish(format!("{TOPIC}/meta"), QoS::AtLeastOnce, true, meta)
            .await
    });
    let mut left = lots + 1;
    while left > 0 {
        let event = events.poll().await.context("the broker is there")?;
        if let Event::Incoming(Packet::PubAck(_)) = event {
            left -= 1;
        }
    }
    Ok(sender.await??)
}

/// Memory of a process, in MB: now, and the most it ever had.
fn memory(process: u32) -> anyhow::Result<(f64, f64)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let of = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        kib.unwrap_or_default() * 1024.0 / 1e6
    };
    Ok((of("VmRSS"), of("VmHWM")))
}
