//! Nothing accepted is ever lost: 20,000 events a scenario through the real store and the real forwarder, in a process that
//! is killed, over a network that fails, to brokers that misbehave.
//!
//! ```sh
//! cargo test --test faults                       # all of them; prints a table
//! cargo test --test faults -- "gateway killed"   # those with this in their name
//! TRACEGATE_TEST_SEED=7 cargo test --test faults
//! ```
//!
//! In every scenario: no event lost, none that was not stored, first sightings in order (except behind an event that the
//! broker refused), at most a window of duplicates for each fault, and every one of them has the id and the content of the
//! first. Events are entered by the receiving side before it acknowledges them.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../../src/tls/certificates.rs"]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod certificates;
mod gateway;
mod ledger;
mod mosquitto;
mod process;
mod scenarios;
mod script;
mod site;
mod special;
mod store;
mod tls;

use std::collections::VecDeque;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use site::Outcome;

/// Scenarios side by side.
const LANES: usize = 2;
const SEED: &str = "TRACEGATE_TEST_SEED";
/// This one mounts files of its own.
const NEEDS_ROOT: &str = "broker's name unknown, then known";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    if let ["gateway", folder, load] = words.as_slice() {
        runtime.block_on(gateway::run(Path::new(folder), load))?;
        return Ok(ExitCode::SUCCESS);
    }
    // As libtest has it: words are parts of names, the rest is for the printing.
    let wanted: Vec<&str> = words
        .into_iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse()?,
        Err(_) => fastrand::u64(..1_000_000),
    };
    Ok(runtime.block_on(run(&wanted, seed)))
}

async fn run(wanted: &[&str], seed: u64) -> ExitCode {
    let started = Instant::now();
    let is_root = rustix::process::geteuid().is_root();
    let mut scenarios = scenarios::all();
    scenarios.retain(|scenario| {
        wanted.is_empty() || wanted.iter().any(|word| scenario.name.contains(word))
    });
    if !is_root && scenarios.iter().any(|scenario| scenario.name == NEEDS_ROOT) {
        println!("not run, because it needs root: {NEEDS_ROOT}");
        scenarios.retain(|scenario| scenario.name != NEEDS_ROOT);
    }
    println!("{SEED}={seed}");
    println!(
        "| scenario | events | faults | lost | foreign | duplicates | at most | out of order | seconds |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let waiting: Mutex<VecDeque<_>> = Mutex::new(scenarios.into());
    let outcomes = Mutex::new(Vec::new());
    let lane = async || {
        while let Some(scenario) = { waiting.lock().expect("no panic").pop_front() } {
            // Whichever others are run, a scenario has the same seed.
            let own = scenario.name.bytes().fold(seed, |sum, byte| {
                sum.wrapping_mul(31).wrapping_add(u64::from(byte))
            });
            let outcome = site::play(scenario, own).await;
            println!("{}", row(&outcome));
            outcomes.lock().expect("no panic").push(outcome);
        }
    };
    const { assert!(LANES == 2) };
    tokio::join!(lane(), lane());
    let outcomes = outcomes.into_inner().expect("no panic");
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.failure.is_some())
        .collect();
    for outcome in &failed {
        let failure = outcome.failure.as_deref().unwrap_or_default();
        println!("\n---- {} ({SEED}={seed}) ----\n{failure}", outcome.name);
    }
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s",
        outcomes.len() - failed.len(),
        failed.len(),
        started.elapsed().as_secs_f64()
    );
    match failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn row(outcome: &Outcome) -> String {
    let Outcome {
        name,
        events,
        faults,
        tally,
        allowed,
        took,
        failure,
    } = outcome;
    let failed = if failure.is_some() { " **FAILED**" } else { "" };
    format!(
        "| {name}{failed} | {events} | {faults} | {} | {} | {} | {allowed} | {} | {:.1} |",
        tally.lost,
        tally.foreign,
        tally.duplicates,
        tally.out_of_order,
        took.as_secs_f64()
    )
}
