//! What a reader refuses, forgets, fills in, or says beyond need.

use tracegate_llrp::client::{ClientConfig, ClientEvent, ForeignRoSpecs};
use tracegate_sim::reader::{End, Fault, ReaderConfig, SimReaderConfig};

use super::site::{Site, logged, quick};

#[tokio::test]
async fn a_reader_that_refuses_for_a_while_is_set_up_in_the_end() {
    for refusal in [
        "refuse ADD_ROSPEC 2",
        "refuse SET_READER_CONFIG 2",
        "refuse ENABLE_ROSPEC 1",
        "refuse GET_READER_CAPABILITIES 1",
        "refuse SET_READER_CONFIG EventsAndReports 1",
        "refuse ADD_ROSPEC C1G2RFControl",
        "refuse ADD_ROSPEC TagReportContentSelector 1",
    ] {
        println!("{refusal}");
        let mut site = Site::new(SimReaderConfig {
            faults: vec![refusal.parse().unwrap()],
            ..logged(ReaderConfig::default())
        })
        .await;
        site.works().await;
        site.fault_and_back(Fault::Cut(End::Rst)).await;
        site.works().await;
    }
}

#[tokio::test]
async fn a_request_without_an_answer_is_tried_on_the_next_connection() {
    let mut site = Site::new(logged(ReaderConfig::default())).await;
    site.fault("ignore GET_ROSPECS").await;
    let before = site.host.told(|told| told.events.len());
    site.fault("cut fin").await;
    site.until("the request times out", || {
        let timed_out = |event: &ClientEvent| format!("{event:?}").contains("RequestTimedOut");
        site.host
            .told(|told| told.events[before..].iter().any(timed_out))
    })
    .await;
    site.show(30).await;
    // A reader that answers nothing is restarted by somebody.
    assert_eq!(site.reader.status().discarded, 0);
    drop(site);
}

#[tokio::test]
async fn a_rebooted_reader_is_noticed_and_set_up_anew() {
    let mut site = Site::new(logged(ReaderConfig::default())).await;
    site.works().await;
    site.fault_and_back(Fault::Reboot).await;
    site.works().await;
    assert!(
        site.host
            .was_told(|event| matches!(event, ClientEvent::Rebooted))
    );
}

#[tokio::test]
async fn held_reports_that_a_reboot_forgets_are_the_only_loss() {
    let mut site = Site::new(logged(ReaderConfig::default())).await;
    site.works().await;
    site.loses = true;
    site.fault("stale 5s").await;
    site.fault("cut fin").await;
    site.show(25).await;
    site.fault_and_back(Fault::Reboot).await;
    site.works().await;
    assert_eq!(site.reader.status().discarded, 25);
}

#[tokio::test]
async fn a_running_spec_is_kept_however_the_reader_tells_it() {
    for llrp in [
        ReaderConfig::default(),
        ReaderConfig {
            fills_in_defaults: true,
            ..ReaderConfig::default()
        },
        ReaderConfig {
            max_rospecs: 1,
            ..ReaderConfig::default()
        },
        ReaderConfig::impinj(),
        ReaderConfig::zebra(),
    ] {
        println!("{llrp:?}");
        let mut site = Site::new(logged(llrp)).await;
        site.works().await;
        site.fault_and_back(Fault::Cut(End::Fin)).await;
        let kept = |event: &ClientEvent| {
            matches!(
                event,
                ClientEvent::Ready {
                    kept_rospec: true,
                    ..
                }
            )
        };
        assert!(site.host.was_told(kept), "{}", site.host.history());
        assert_eq!(site.reader.status().unseen, 0, "reading had no gap");
        site.works().await;
    }
}

#[tokio::test]
async fn parameters_nobody_knows_cost_nothing() {
    for llrp in [ReaderConfig::default(), ReaderConfig::zebra()] {
        let mut site = Site::new(SimReaderConfig {
            faults: vec![Fault::UnknownParameters(true)],
            ..logged(llrp)
        })
        .await;
        site.show(120).await;
        site.works().await;
        site.fault_and_back(Fault::Cut(End::Rst)).await;
        site.works().await;
    }
}

#[tokio::test]
async fn a_very_big_answer_is_taken() {
    let mut site = Site::new(logged(ReaderConfig {
        capabilities_padding: 900_000,
        reports_per_message: 5_000,
        ..ReaderConfig::default()
    }))
    .await;
    site.host.stall(true);
    site.show(12_000).await;
    site.host.stall(false);
    site.works().await;
}

#[tokio::test]
async fn a_reader_that_negotiates_is_spoken_to_in_its_version() {
    for (max_version, spoken) in [(1, 1), (2, 2), (3, 2)] {
        let mut site = Site::new(logged(ReaderConfig {
            max_version,
            ..ReaderConfig::default()
        }))
        .await;
        site.works().await;
        let ready = |event: &ClientEvent| matches!(event, ClientEvent::Ready { version, .. } if *version == spoken);
        assert!(site.host.was_told(ready), "{}", site.host.history());
        site.fault_and_back(Fault::Cut(End::Rst)).await;
        site.works().await;
    }
}

#[tokio::test]
async fn a_reader_that_cannot_hold_loses_what_nobody_takes_and_no_more() {
    let llrp = ReaderConfig {
        can_hold_reports: false,
        ..ReaderConfig::default()
    };
    let client = ClientConfig {
        foreign_rospecs: ForeignRoSpecs::Keep,
        ..quick()
    };
    let mut site = Site::with_client(logged(llrp), client).await;
    site.loses = true;
    site.works().await;
    site.cut_while_shown("cut fin", 40).await;
    site.works().await;
    assert_eq!(site.reader.status().discarded, 40);
}
