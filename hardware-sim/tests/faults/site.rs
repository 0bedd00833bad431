//! A reader, a client, and the truth between them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use tracegate_llrp::client::ClientConfig;
use tracegate_llrp::report::ReaderTime;
use tracegate_sim::reader::{Fault, ReaderConfig, SimReader, SimReaderConfig};
use tracegate_sim::scenario::Sighting;
use tracegate_sim::{utc_us, wait_until};

use super::host::{Host, Via};

/// For everything that must happen; nothing waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A tag report as both sides can name it.
type Report = (Vec<u8>, Option<u16>, Option<ReaderTime>, u16);

pub struct Site {
    pub reader: SimReader,
    pub host: Host,
    /// The reader may lose reports that nobody took: by a reboot, a full buffer, or because it cannot hold them.
    pub loses: bool,
    shown: u32,
}

/// A client with little patience, so that a test has it too; yet more than a busy machine takes from it.
pub fn quick() -> ClientConfig {
    ClientConfig {
        keepalive_period: Duration::from_millis(250),
        connect_timeout: Duration::from_secs(1),
        request_timeout: Duration::from_secs(2),
        version_timeout: Duration::from_millis(500),
        close_timeout: Duration::from_millis(100),
        ..ClientConfig::default()
    }
}

/// A reader that keeps a log, otherwise as usual.
pub fn logged(llrp: ReaderConfig) -> SimReaderConfig {
    SimReaderConfig {
        llrp,
        keeps_log: true,
        ..SimReaderConfig::default()
    }
}

impl Site {
    pub async fn new(reader: SimReaderConfig) -> Self {
        Self::with_client(reader, quick()).await
    }

    pub async fn with_client(reader: SimReaderConfig, client: ClientConfig) -> Self {
        let reader = SimReader::spawn(reader).await.unwrap();
        let via = Via::Tcp(reader.addr());
        Self::of(reader, Host::start(via, client)).await
    }

    /// Ready to show tags.
    pub async fn of(reader: SimReader, host: Host) -> Self {
        let site = Self {
            reader,
            host,
            loses: false,
            shown: 0,
        };
        site.reading().await;
        site
    }

    pub async fn until(&self, what: &str, condition: impl FnMut() -> bool) {
        if let Err(error) = wait_until(what, PATIENCE, condition).await {
            let log = self.reader.sent();
            panic!(
                "{error}; {:?}; {} reports whole, {} cut, {} told\n{}",
                self.reader.status(),
                log.whole.len(),
                log.cut.len(),
                self.host.told(|told| told.reads.len()),
                self.host.history()
            );
        }
    }

    /// Waits until client and reader agree that the reader reads.
    pub async fn reading(&self) {
        self.until("reading", || {
            let status = self.reader.status();
            let connected = status.connected && status.reading;
            connected && self.host.told(|told| told.ready > 0)
        })
        .await;
    }

    /// Makes something go wrong.
    pub async fn fault(&self, fault: &str) {
        self.reader.fault(fault.parse().unwrap()).await;
    }

    /// The same, and waits until the client has set the reader up anew.
    pub async fn fault_and_back(&self, fault: Fault) {
        let before = self.host.told(|told| told.ready);
        self.reader.fault(fault).await;
        self.until("the client is back", || {
            self.host.told(|told| told.ready > before)
        })
        .await;
    }

    /// Shows so many tags, each another, and waits until the reader has seen them.
    pub async fn show(&mut self, tags: u32) {
        let seen = |site: &Self| site.reader.status().seen + site.reader.status().unseen;
        let before = seen(self);
        let feed = self.reader.feed();
        for _ in 0..tags {
            let [a, b, c, d] = self.shown.to_be_bytes();
            let sighting = Sighting {
                at_us: 0,
                reader: "dock_1".into(),
                antenna: 1 + (self.shown % 4) as u16,
                epc: [0x30, 0, 0, 0, 0, 0, 0, 0, a, b, c, d].into(),
                pc: 0x3000,
                rssi_dbm: -60,
            };
            self.shown += 1;
            assert!(feed.see(utc_us(Instant::now()), sighting).await);
        }
        let after = before + u64::from(tags);
        self.until("the tags", || seen(self) == after).await;
    }

    /// Waits until nothing is under way, then compares what the client has with what the reader sent: every whole report
    /// once, nothing else. Every sighting that counted is accounted for.
    pub async fn settle(&self) {
        self.until("all reports", || {
            let status = self.reader.status();
            let lost = status.overflowed + status.discarded;
            status.connected && status.waiting == 0 && {
                let log = self.reader.sent();
                let told = self.host.told(|told| told.reads.len());
                told >= log.whole.len()
                    && (log.whole.len() + log.cut.len()) as u64 + lost >= status.seen
            }
        })
        .await;
        let mut balance: BTreeMap<Report, i32> = BTreeMap::new();
        for report in self.reader.sent().whole {
            let report = (report.epc, report.antenna, report.first_seen, report.count);
            *balance.entry(report).or_default() -= 1;
        }
        self.host.told(|told| {
            for read in &told.reads {
                let epc = read.epc.as_slice().to_vec();
                let count = read.seen_count.unwrap_or(1);
                let report = (epc, read.antenna, read.first_seen, count);
                *balance.entry(report).or_default() += 1;
            }
        });
        let wrong: Vec<_> = balance
            .into_iter()
            .filter(|(_, count)| *count != 0)
            .collect();
        assert!(
            wrong.is_empty(),
            "{} reports are wrong (-1: lost, 1: invented or twice): {:?}",
            wrong.len(),
            &wrong[..wrong.len().min(5)]
        );
        let (status, log) = (self.reader.status(), self.reader.sent());
        let accounted =
            (log.whole.len() + log.cut.len()) as u64 + status.overflowed + status.discarded;
        assert_eq!(accounted, status.seen, "sightings accounted for");
        let lost = status.overflowed + status.discarded;
        assert!(self.loses || lost == 0, "{lost} were not held");
    }

    /// The link is cut in a way, and the reader refuses the client for a while. Meanwhile `tags` are shown.
    pub async fn cut_while_shown(&mut self, cut: &str, tags: u32) {
        self.fault("stale 200ms").await;
        let before = self.host.told(|told| told.ready);
        self.fault(cut).await;
        self.show(tags).await;
        self.until("the client is back", || {
            self.host.told(|told| told.ready > before)
        })
        .await;
    }

    /// The client reads again: what is shown now arrives, unless a cut that is still to come takes it.
    pub async fn works(&mut self) {
        loop {
            self.reading().await;
            let counts = |site: &Self| {
                let told = site.host.told(|told| told.reads.len());
                (told, site.reader.sent().cut.len())
            };
            let (told, cut) = counts(self);
            self.show(7).await;
            self.settle().await;
            let (told, cut) = (counts(self).0 - told, counts(self).1 - cut);
            if told >= 7 {
                return;
            }
            assert!(cut > 0, "{told} of 7 arrived");
        }
    }
}
