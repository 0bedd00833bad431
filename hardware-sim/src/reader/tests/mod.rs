use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use tracegate_llrp::{
    client::{Client, ClientConfig, ClientEvent},
    report::{ReaderTime, TagRead},
};

use super::*;
use crate::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);

/// The client half of the protocol on a socket, as the daemon would run it.
pub(crate) struct Host {
    client: Client,
    socket: TcpStream,
    start: Instant,
    pub(crate) reads: Vec<TagRead>,
}

impl Host {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let config = ClientConfig {
            keepalive_period: Duration::from_millis(100),
            ..ClientConfig::default()
        };
        let socket = TcpStream::connect(addr).await.unwrap();
        Self {
            client: Client::new(config, Duration::ZERO),
            socket,
            start: Instant::now(),
            reads: Vec::new(),
        }
    }

    /// Works until `wanted` says so; `false` when the session ended before.
    pub(crate) async fn until(
        &mut self,
        mut wanted: impl FnMut(&Self, &ClientEvent) -> bool,
    ) -> bool {
        timeout(PATIENCE, async {
            let mut chunk = [0; 4096];
            loop {
                while let Some(bytes) = self.client.poll_transmit() {
                    if self.socket.write_all(&bytes).await.is_err() {
                        return false;
                    }
                }
                while let Some(event) = self.client.poll_event() {
                    if let ClientEvent::Reports(reads) = &event {
                        self.reads.extend_from_slice(reads);
                    }
                    if matches!(event, ClientEvent::Closed { .. }) {
                        return false;
                    }
                    if wanted(self, &event) {
                        return true;
                    }
                }
                let due = self.client.poll_timeout().map_or(PATIENCE, |at| at.saturating_sub(self.start.elapsed()));
                tokio::select! {
                    read = self.socket.read(&mut chunk) => match read {
                        Ok(0) | Err(_) => self.client.handle_end(self.start.elapsed()),
                        Ok(count) => self.client.handle_bytes(self.start.elapsed(), &chunk[..count]),
                    },
                    () = sleep(due) => self.client.handle_timeout(self.start.elapsed()),
                }
            }
        })
        .await
        .expect("it comes in time")
    }

    pub(crate) async fn ready(&mut self) -> bool {
        self.until(|_, event| matches!(event, ClientEvent::Ready { .. }))
            .await
    }
}

fn tag(number: u8) -> Sighting {
    let epc: Arc<[u8]> = [0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number].into();
    Sighting {
        at_us: 0,
        reader: "r".into(),
        antenna: 2,
        epc,
        pc: 0x3000,
        rssi_dbm: -55,
    }
}

fn numbers(host: &Host) -> Vec<u8> {
    host.reads
        .iter()
        .filter_map(|read| read.epc.as_slice().last().copied())
        .collect()
}

#[tokio::test]
async fn a_client_gets_what_the_radio_sees_with_the_readers_time() {
    let ahead = SimReaderConfig {
        clock_offset_us: 5_000_000,
        ..SimReaderConfig::default()
    };
    let reader = SimReader::spawn(ahead).await.unwrap();
    reader.feed().see(1_000, tag(9)).await;
    wait_until("the unseen tag", PATIENCE, || reader.status().unseen == 1)
        .await
        .unwrap();
    let mut host = Host::connect(reader.addr()).await;
    assert!(host.ready().await);
    assert!(reader.status().connected && reader.status().reading);
    for number in 0..100 {
        reader
            .feed()
            .see(1_795_000_000_000_000 + u64::from(number), tag(number))
            .await;
    }
    assert!(host.until(|host, _| host.reads.len() == 100).await);
    assert_eq!(numbers(&host), (0..100).collect::<Vec<_>>());
    let read = &host.reads[7];
    assert_eq!((read.antenna, read.peak_rssi_dbm), (Some(2), Some(-55)));
    assert_eq!(
        read.first_seen,
        Some(ReaderTime::Utc(1_795_000_005_000_007))
    );
    assert_eq!(reader.status().seen, 100);
}

#[tokio::test]
async fn one_reader_serves_one_client() {
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let mut first = Host::connect(reader.addr()).await;
    assert!(first.ready().await);
    let mut second = Host::connect(reader.addr()).await;
    assert!(!second.ready().await, "the second is refused");
    assert_eq!(reader.status().refused, 1);
    reader.feed().see(1_795_000_000_000_000, tag(1)).await;
    assert!(
        first.until(|host, _| host.reads.len() == 1).await,
        "the first goes on"
    );
}

#[tokio::test]
async fn reports_are_held_while_the_client_is_away() {
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let mut host = Host::connect(reader.addr()).await;
    assert!(host.ready().await);
    reader.cut().await;
    wait_until("the cut", PATIENCE, || !reader.status().connected)
        .await
        .unwrap();
    assert!(!host.until(|_, _| false).await, "the client notices");
    for number in 0..60 {
        reader
            .feed()
            .see(1_795_000_000_000_000 + u64::from(number), tag(number))
            .await;
    }
    wait_until("the tags", PATIENCE, || reader.status().seen == 60)
        .await
        .unwrap();
    let mut host = Host::connect(reader.addr()).await;
    assert!(host.until(|host, _| host.reads.len() == 60).await);
    assert_eq!(numbers(&host), (0..60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_silent_reader_is_noticed_and_a_rebooted_one_set_up_again() {
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let mut host = Host::connect(reader.addr()).await;
    assert!(host.ready().await);
    reader.pause().await;
    assert!(!host.until(|_, _| false).await, "three keepalives missed");
    reader.resume().await;
    reader.reboot().await;
    wait_until("the reboot", PATIENCE, || {
        !reader.status().connected && !reader.status().reading
    })
    .await
    .unwrap();
    let mut host = Host::connect(reader.addr()).await;
    assert!(host.ready().await);
}

#[tokio::test]
async fn a_dropped_reader_frees_its_port() {
    let reader = SimReader::spawn(SimReaderConfig::default()).await.unwrap();
    let addr = reader.addr();
    let mut host = Host::connect(addr).await;
    assert!(host.ready().await);
    drop(reader);
    assert!(!host.until(|_, _| false).await);
    let again = SimReaderConfig {
        listen: Some(addr),
        ..SimReaderConfig::default()
    };
    let reader = SimReader::spawn(again).await.expect("the port is free");
    assert!(Host::connect(reader.addr()).await.ready().await);
}
