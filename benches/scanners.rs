//! Scanners at work: `cargo bench --bench scanners` runs the real daemon with 20 scanners on ptys that scan 20 times a second
//! each, prints a table, and fails when a number that must hold does not. Without `--bench` a small version only shows that
//! it works.
//!
//! Must hold: from a scan to the operator's answer, which is sent once the scan is on disk, 20 ms in 99 of 100 cases;
//! reading, framing, classifying and answering in 3 % of one core. The daemon as a whole, with an event stored and
//! delivered for each scan, is told as well. `TRACEGATE_BENCH_DIR` names a folder on the disk to measure.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracegate::clock::GatewayClock;
use tracegate::config;
use tracegate::core::Feedback;
use tracegate::health::Health;
use tracegate::source::marker::Known;
use tracegate::topology::running::{Common, Running};
use tracegate_pipeline::Input;
use tracegate_sim::broker::Broker;
use tracegate_sim::scanner::wire::Wire;

const SCANNERS: usize = 20;
const EVERY: Duration = Duration::from_millis(50);
const ACK: u8 = 0x06;
const ANSWER_MS: f64 = 20.0;
const SOURCE_CPU_PERCENT: f64 = 3.0;
/// Only a bench that fails waits for so long.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if let ["sources", file] = words.as_slice() {
        runtime.block_on(sources(Path::new(file)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let full = words.contains(&"--bench");
    let holds = runtime.block_on(measure(full))?;
    Ok(if holds || !full {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn measure(full: bool) -> anyhow::Result<bool> {
    let parent = std::env::var_os("TRACEGATE_BENCH_DIR")
        .unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let folder = tempfile::tempdir_in(parent).context("make a folder to measure in")?;
    let (scanners, scans) = if full { (SCANNERS, 400) } else { (2, 5) };
    let broker = Broker::start().await?;
    println!("| what | value | must hold |\n|---|---|---|");
    let mut holds = true;
    let this = std::env::current_exe()?;
    let daemon = PathBuf::from(env!("CARGO_BIN_EXE_tracegate"));
    for (what, program, arguments) in [
        ("scanners alone", this, &["sources"][..]),
        ("whole daemon", daemon, &["run", "--config"][..]),
    ] {
        let mut wires = Vec::new();
        let mut paths = Vec::new();
        for _ in 0..scanners {
            let (wire, path) = Wire::pty()?;
            wires.push(wire);
            paths.push(path);
        }
        let directory = folder.path().join(arguments.concat());
        std::fs::create_dir(&directory)?;
        let file = directory.join("gateway.toml");
        std::fs::write(
            &file,
            configuration(&directory, &paths, broker.addr().port()),
        )?;
        let gateway = Gateway::start(&program, arguments, &file)?;
        let (mut answers, cpu_percent) = work(&gateway, wires, scans).await?;
        answers.sort_by(f64::total_cmp);
        let quantile = |share: f64| {
            let at = (answers.len() as f64 * share) as usize;
            answers.get(at).copied().unwrap_or(f64::INFINITY)
        };
        let p99 = quantile(0.99);
        let cpu_bound = (arguments == ["sources"]).then_some(SOURCE_CPU_PERCENT);
        let shown = cpu_bound.map(|bound| bound.to_string()).unwrap_or_default();
        println!(
            "| {what}, {scanners} scanners at 20 scans/s, share of one core | {cpu_percent:.1} % | {shown} |"
        );
        println!(
            "| scan to answer, median and 99 % of {} | {:.1} and {p99:.1} ms | {ANSWER_MS} |",
            answers.len(),
            quantile(0.5)
        );
        holds &= p99 < ANSWER_MS && cpu_bound.is_none_or(|bound| cpu_percent < bound);
    }
    Ok(holds)
}

fn configuration(directory: &Path, paths: &[PathBuf], port: u16) -> String {
    let names: Vec<String> = (0..paths.len()).map(|n| format!("\"s{n}\"")).collect();
    let mut text = format!(
        r#"[gateway]
site = "plant-3"
[read_point.line_1]
sgln = "urn:epc:id:sgln:4012345.00001.line1"
mode = "station"
scanners = [{}]
scan = {{ biz_step = "picking", disposition = "in_progress" }}
[buffer]
directory = {:?}
[control]
socket = {:?}
[mqtt]
url = "mqtt://127.0.0.1:{port}"
on_no_subscriber = "accept"
[status]
listen = "off"
"#,
        names.join(", "),
        directory.join("buffer"),
        directory.join("control.sock"),
    );
    for (number, path) in paths.iter().enumerate() {
        text += &format!("[scanner.s{number}]\nserial = {path:?}\non_accept = \"\\u0006\"\n");
    }
    text
}

/// The program that is measured, in a process of its own.
struct Gateway(Child);

impl Gateway {
    fn start(program: &Path, arguments: &[&str], file: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).arg(file).env_clear();
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self(child.context("start the gateway")?))
    }

    /// CPU time so far, in hundredths of a second (proc(5), `utime` and `stime`).
    fn cpu(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("a name in brackets")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks =
            |at: usize| -> anyhow::Result<f64> { Ok(fields.get(at).context("a time")?.parse()?) };
        Ok(ticks(11)? + ticks(12)?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Scans with all scanners; returns how long answers took in ms, and the share of a core in percent.
async fn work(gateway: &Gateway, wires: Vec<Wire>, scans: u32) -> anyhow::Result<(Vec<f64>, f64)> {
    let mut ready = JoinSet::new();
    for (number, mut wire) in wires.into_iter().enumerate() {
        ready.spawn(async move {
            let warm = timeout(PATIENCE, async {
                loop {
                    let tried = scan(&mut wire, number, 0);
                    if let Ok(Ok(_)) = timeout(Duration::from_secs(1), tried).await {
                        break;
                    }
                }
            });
            warm.await.context("the gateway answers").map(|()| wire)
        });
    }
    let wires: Vec<_> = ready.join_all().await;
    let (began, cpu) = (Instant::now(), gateway.cpu()?);
    let mut working = JoinSet::new();
    for (number, wire) in wires.into_iter().enumerate() {
        let mut wire = wire?;
        working.spawn(async move {
            // Operators do not scan in step.
            tokio::time::sleep(EVERY.mul_f64(number as f64 / SCANNERS as f64)).await;
            let mut beat = interval(EVERY);
            beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
            let mut answers = Vec::new();
            for serial in 1..=scans {
                beat.tick().await;
                let took = timeout(PATIENCE, scan(&mut wire, number, serial)).await??;
                answers.push(took.as_secs_f64() * 1e3);
            }
            anyhow::Ok((answers, wire))
        });
    }
    // Kept: a scanner that goes away is looked for.
    let (mut answers, mut kept) = (Vec::new(), Vec::new());
    while let Some(done) = working.join_next().await {
        let (more, wire) = done??;
        answers.extend(more);
        kept.push(wire);
    }
    let percent = (gateway.cpu()? - cpu) / began.elapsed().as_secs_f64();
    ensure!(!answers.is_empty(), "nothing was measured");
    Ok((answers, percent))
}

async fn scan(wire: &mut Wire, scanner: usize, serial: u32) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let code = format!("]d2010401234510020421{scanner:02}{serial:06}\r");
    wire.send(code.as_bytes()).await?;
    let mut byte = [0];
    loop {
        wire.hear(&mut byte).await?;
        if byte == [ACK] {
            return Ok(began.elapsed());
        }
    }
}

/// The sources of the daemon, and in place of the core a loop that accepts every scan.
async fn sources(file: &Path) -> anyhow::Result<()> {
    let loaded = config::load(file, std::iter::empty());
    let loaded = loaded.map_err(|report| anyhow::anyhow!(report.render(config::Format::Human)))?;
    let (inputs, mut taken) = mpsc::channel(256);
    let mut running = Running::new(Common {
        clock: GatewayClock::start(),
        health: Health::new("plant-3", "epoch"),
        inputs,
        stop: CancellationToken::new(),
    });
    let plan = running.plan(&loaded.config)?;
    let feedback = plan.feedback.clone();
    running.start(plan, |_| Known::default());
    while let Some(input) = taken.recv().await {
        let Input::Scan { device, .. } = input else {
            continue;
        };
        if let Some(scanner) = feedback.get(&device) {
            let _ = scanner.try_send(Feedback::Accept);
        }
    }
    Ok(())
}
