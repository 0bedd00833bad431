//! Readers whose clocks are missing, wrong, or change.

use tracegate_llrp::client::ClientEvent;
use tracegate_llrp::report::ReaderTime;
use tracegate_sim::reader::{End, Fault, ReaderConfig, SimReaderConfig};

use super::site::{Site, logged};

#[tokio::test]
async fn without_a_clock_times_are_since_the_start() {
    let mut site = Site::new(logged(ReaderConfig {
        has_utc_clock: false,
        ..ReaderConfig::default()
    }))
    .await;
    site.works().await;
    site.cut_while_shown("cut rst", 40).await;
    site.works().await;
    let uptime = |time: &Option<ReaderTime>| matches!(time, Some(ReaderTime::Uptime(us)) if *us < 600_000_000);
    assert!(
        site.host
            .told(|told| told.reads.iter().all(|read| uptime(&read.first_seen)))
    );
    // Time starts again with the reader.
    site.fault_and_back(Fault::Reboot).await;
    site.works().await;
    assert!(
        site.host
            .was_told(|event| matches!(event, ClientEvent::Rebooted))
    );
}

#[tokio::test]
async fn a_skewed_clock_tells_its_own_times() {
    let mut site = Site::new(SimReaderConfig {
        clock_offset_us: -3_600_000_000,
        ..logged(ReaderConfig::default())
    })
    .await;
    site.works().await;
    // Ahead, then back again within the session: keepalives and reports go on by the right time.
    site.fault("clock 86400").await;
    site.works().await;
    site.fault("clock -86400").await;
    site.works().await;
    site.fault_and_back(Fault::Cut(End::Fin)).await;
    site.works().await;
    assert_eq!(
        site.host.told(|told| told.ready),
        2,
        "a clock is no reason to end a session"
    );
}

#[tokio::test]
async fn a_clock_that_was_never_set_is_noticed() {
    let mut site = Site::new(SimReaderConfig {
        faults: vec![Fault::ClockUnset],
        ..logged(ReaderConfig::default())
    })
    .await;
    site.works().await;
    let unset = |event: &ClientEvent| {
        matches!(
            event,
            ClientEvent::Connected {
                clock_unset: true,
                ..
            }
        )
    };
    assert!(site.host.was_told(unset));
    // Somebody sets it.
    site.fault("clock 0").await;
    site.fault_and_back(Fault::Cut(End::Rst)).await;
    site.works().await;
}
