//! Plays a timeline into simulated devices in real time.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    Task,
    clock::utc_us,
    reader::ReaderFeed,
    scanner::ScannerFeed,
    scenario::{Scan, Sighting, TimedFault, Timeline},
};

/// The devices a timeline is played into, by name; what has no device is counted and skipped.
#[derive(Debug, Clone, Default)]
pub struct Devices {
    /// Readers.
    pub readers: HashMap<String, ReaderFeed>,
    /// Scanners.
    pub scanners: HashMap<String, ScannerFeed>,
}

/// How far a play has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Sightings handed to readers.
    pub sightings: u64,
    /// Labels handed to scanners.
    pub scans: u64,
    /// Sightings, labels and faults of devices that are not there.
    pub skipped: u64,
    /// Faults carried out.
    pub faults: u64,
}

#[derive(Debug, Default)]
struct Counters {
    sightings: AtomicU64,
    scans: AtomicU64,
    skipped: AtomicU64,
    faults: AtomicU64,
}

/// A play under way; dropping it stops it.
#[derive(Debug)]
pub struct PlayHandle {
    counters: Arc<Counters>,
    start_utc_us: u64,
    stops: watch::Sender<HashMap<Arc<str>, u64>>,
    tasks: Vec<Task>,
}

impl PlayHandle {
    /// Waits until everything has been handed to the devices. A scanner may still wait for its last answers.
    pub async fn finished(&mut self) {
        for task in &mut self.tasks {
            task.finished().await;
        }
    }

    /// Whether everything has been handed to the devices.
    pub fn is_finished(&self) -> bool {
        self.tasks.iter().all(Task::is_finished)
    }

    /// Stops here; what was handed over stays so.
    pub fn cancel(&mut self) {
        self.tasks.clear();
    }

    /// Ends the play of each device at its time, in microseconds after the start.
    pub fn stop_at(&self, stops: HashMap<Arc<str>, u64>) {
        self.stops.send_replace(stops);
    }

    /// What was handed over so far.
    pub fn progress(&self) -> Progress {
        Progress {
            sightings: self.counters.sightings.load(Ordering::Relaxed),
            scans: self.counters.scans.load(Ordering::Relaxed),
            skipped: self.counters.skipped.load(Ordering::Relaxed),
            faults: self.counters.faults.load(Ordering::Relaxed),
        }
    }

    /// The wall clock at the start of the timeline, in microseconds since 1970.
    pub fn start_utc_us(&self) -> u64 {
        self.start_utc_us
    }
}

/// Starts playing: the timeline's zero is at `start`.
pub fn play(timeline: &Timeline, devices: Devices, start: Instant) -> PlayHandle {
    let counters = Arc::new(Counters::default());
    let start_utc_us = utc_us(start);
    let (stops, stop) = watch::channel(HashMap::new());
    let pace = |device: &Arc<str>| Pace {
        device: device.clone(),
        start,
        stop: stop.clone(),
    };
    let mut tasks = Vec::new();
    // One task per device: a scanner whose operator waits for a beep must not hold up the others.
    let mut sightings: HashMap<Arc<str>, Vec<Sighting>> = HashMap::new();
    for sighting in &timeline.sightings {
        sightings
            .entry(sighting.reader.clone())
            .or_default()
            .push(sighting.clone());
    }
    for (reader, sightings) in sightings {
        let (counters, feed) = (counters.clone(), devices.readers.get(&*reader).cloned());
        tasks.push(Task::spawn(play_sightings(
            sightings,
            feed,
            pace(&reader),
            start_utc_us,
            counters,
        )));
    }
    let mut scans: HashMap<Arc<str>, Vec<Scan>> = HashMap::new();
    for scan in &timeline.scans {
        scans
            .entry(scan.scanner.clone())
            .or_default()
            .push(scan.clone());
    }
    for (scanner, scans) in scans {
        let (counters, feed) = (counters.clone(), devices.scanners.get(&*scanner).cloned());
        tasks.push(Task::spawn(play_scans(
            scans,
            feed,
            pace(&scanner),
            counters,
        )));
    }
    let mut faults: HashMap<Arc<str>, Vec<TimedFault>> = HashMap::new();
    for fault in &timeline.faults {
        faults
            .entry(fault.reader.clone())
            .or_default()
            .push(fault.clone());
    }
    for (reader, faults) in faults {
        let (counters, feed) = (counters.clone(), devices.readers.get(&*reader).cloned());
        tasks.push(Task::spawn(play_faults(
            faults,
            feed,
            pace(&reader),
            counters,
        )));
    }
    PlayHandle {
        counters,
        start_utc_us,
        stops,
        tasks,
    }
}

/// When the things of one device happen.
struct Pace {
    device: Arc<str>,
    start: Instant,
    stop: watch::Receiver<HashMap<Arc<str>, u64>>,
}

impl Pace {
    /// Waits for the moment; `false` when the play ends before it.
    async fn until(&mut self, at_us: u64) -> bool {
        let stopped = async {
            let ends = |stops: &HashMap<Arc<str>, u64>| {
                stops
                    .get(&self.device)
                    .is_some_and(|stop_us| at_us >= *stop_us)
            };
            // A handle that is gone takes this task with it.
            let _ = self.stop.wait_for(ends).await;
        };
        tokio::select! {
            biased;
            () = stopped => false,
            () = sleep_until(self.start + Duration::from_micros(at_us)) => true,
        }
    }
}

async fn play_sightings(
    sightings: Vec<Sighting>,
    feed: Option<ReaderFeed>,
    mut pace: Pace,
    start_utc_us: u64,
    counters: Arc<Counters>,
) {
    for sighting in sightings {
        if !pace.until(sighting.at_us).await {
            return;
        }
        // The tag answered at its own moment, not when this task came to run.
        let seen_utc_us = start_utc_us + sighting.at_us;
        let counter = match &feed {
            Some(feed) if feed.see(seen_utc_us, sighting).await => &counters.sightings,
            _ => &counters.skipped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

async fn play_faults(
    faults: Vec<TimedFault>,
    feed: Option<ReaderFeed>,
    mut pace: Pace,
    counters: Arc<Counters>,
) {
    for TimedFault { at_us, fault, .. } in faults {
        if !pace.until(at_us).await {
            return;
        }
        let counter = match &feed {
            Some(feed) if feed.fault(fault).await => &counters.faults,
            _ => &counters.skipped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

async fn play_scans(
    scans: Vec<Scan>,
    feed: Option<ScannerFeed>,
    mut pace: Pace,
    counters: Arc<Counters>,
) {
    for scan in scans {
        if !pace.until(scan.at_us).await {
            return;
        }
        let counter = match &feed {
            Some(feed) if feed.scan(scan.text).await => &counters.scans,
            _ => &counters.skipped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpStream;

    use crate::{
        reader::{SimReader, SimReaderConfig},
        scanner::{ScannerConfig, SimScanner},
        scenario::{ScannerKind, Scenario},
        wait_until,
    };

    fn scans(lots: u32, every_ms: u64) -> Timeline {
        let mut scenario = Scenario::empty(1).line("line_1", ScannerKind::Pty, lots);
        scenario.scanners[0].every = Duration::from_millis(every_ms);
        scenario.timeline().unwrap()
    }

    #[tokio::test]
    async fn a_play_takes_its_time_and_counts() {
        let silent = ScannerConfig {
            ack_timeout: None,
            tries: 1,
        };
        let scanner = SimScanner::pty(silent).unwrap();
        let devices = Devices {
            scanners: [("line_1".to_owned(), scanner.feed())].into(),
            ..Devices::default()
        };
        let start = Instant::now();
        let mut play = play(&scans(3, 30), devices, start);
        play.finished().await;
        assert!(start.elapsed() >= Duration::from_millis(90));
        assert_eq!(
            play.progress(),
            Progress {
                scans: 3,
                ..Progress::default()
            }
        );
        wait_until("the last label", Duration::from_secs(1), || {
            scanner.stats().done() == 3
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn faults_happen_to_their_reader_in_their_time() {
        let text = "[company]\nprefix = \"4012345\"\n[[reader]]\nname = \"d\"\ninside = [1]\noutside = [2]\n\
                    [[fault]]\nreader = \"d\"\nat = \"40ms\"\nwhat = \"cut rst\"\n\
                    [[fault]]\nreader = \"d\"\nat = \"20ms\"\nwhat = \"keepalives off\"\n";
        let timeline = Scenario::parse(text).unwrap().timeline().unwrap();
        let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
        let client = TcpStream::connect(reader.addr()).await.unwrap();
        wait_until("the client", Duration::from_secs(1), || {
            reader.status().connected
        })
        .await
        .unwrap();
        let devices = Devices {
            readers: [("d".to_owned(), reader.feed())].into(),
            ..Devices::default()
        };
        let start = Instant::now();
        let mut play = play(&timeline, devices, start);
        play.finished().await;
        assert!(start.elapsed() >= Duration::from_millis(40));
        assert_eq!(play.progress().faults, 2);
        wait_until("the cut", Duration::from_secs(1), || {
            !reader.status().connected
        })
        .await
        .unwrap();
        drop(client);
    }

    #[tokio::test]
    async fn a_cancelled_play_stops_and_missing_devices_are_counted() {
        let mut cancelled = play(&scans(2, 60_000), Devices::default(), Instant::now());
        assert!(!cancelled.is_finished());
        cancelled.cancel();
        cancelled.finished().await;
        let mut without_device = play(&scans(2, 1), Devices::default(), Instant::now());
        without_device.finished().await;
        assert_eq!(
            without_device.progress(),
            Progress {
                skipped: 2,
                ..Progress::default()
            }
        );
    }
}
