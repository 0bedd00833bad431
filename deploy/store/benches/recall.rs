//! A forward recall over ten million stored events: must answer within a second.
//!
//! `cargo bench -p tracegate-store` fills a PostgreSQL of its own with them, some minutes and 14 GB below `TMPDIR`, and
//! deletes it. `TRACEGATE_BENCH_EVENTS` is how many. As a test (without `--bench`) it is a few, to see that they are found.

use std::path::Path;
use std::time::{Duration, Instant};

use postgres::Postgres;

#[path = "../../../tests/support/leash.rs"]
mod leash;
#[path = "../../../tests/support/mosquitto.rs"]
mod mosquitto;
#[path = "../../../tests/support/postgres.rs"]
mod postgres;
#[path = "../../../tests/support/store.rs"]
mod store;

const EVENTS: u64 = 10_000_000;
/// Of one order in fill.sql.
const EVENTS_OF_ORDER: u64 = 920;
const LIMIT: Duration = Duration::from_secs(1);

fn main() {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let wanted = std::env::var("TRACEGATE_BENCH_EVENTS")
        .ok()
        .and_then(|text| text.parse().ok());
    let wanted = if is_bench {
        wanted.unwrap_or(EVENTS)
    } else {
        32 * EVENTS_OF_ORDER
    };
    let orders = wanted.div_ceil(EVENTS_OF_ORDER);
    let binary = Path::new(env!("CARGO_BIN_EXE_tracegate-store"));
    let server = Postgres::with(&[
        "max_wal_size=1GB",
        "wal_level=minimal",
        "max_wal_senders=0",
        "shared_buffers=512MB",
    ]);
    store::ask(binary, &server.url(), &["init"]);
    let started = Instant::now();
    let fill = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/fill.sql");
    server.run(&fill, &[format!("orders={orders}")]);
    let events = server.query("select count(*) from events");
    let size = server.query("select pg_size_pretty(pg_database_size('postgres'))");
    println!(
        "{events} events, {size}, filled in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    let gtin = "04012345123456";
    // A lot that went into 16 orders; others warm nothing up for it.
    let lots: Vec<u64> = (0..5).map(|n| orders * 3 / 16 * n / 5).collect();
    let mut worst = Duration::ZERO;
    for lot in lots {
        let lot = format!("L{lot}");
        let ask = || {
            let started = Instant::now();
            let answer = store::ask(
                binary,
                &server.url(),
                &["recall", "--gtin", gtin, "--lot", &lot, "--json"],
            );
            (started.elapsed(), answer)
        };
        let (first, answer) = ask();
        let (again, _) = ask();
        let products = answer.matches("\"left the site\"").count();
        println!(
            "recall of {lot}: {products} serial numbers and pallets, {first:.0?}, again {again:.0?}"
        );
        assert!(products >= 16 * 308, "{lot}: only {products} found");
        worst = worst.max(first);
    }
    let serial = format!("S{}-7", orders / 2);
    let started = Instant::now();
    let answer = store::ask(binary, &server.url(), &["trace", &serial, "--json"]);
    assert_eq!(answer.matches("badge-").count(), 3, "{answer}");
    println!("trace of {serial}: {:.0?}", started.elapsed());
    if is_bench {
        assert!(worst < LIMIT, "a recall took {worst:?}; at most {LIMIT:?}");
    }
}
