//! What guards need to know besides what was mentioned.

use tracegate_pipeline::config::{CodeRules, ReadPointKind, Step, TaskConfig, TaskKind};
use tracegate_pipeline::guard::GuardConfig;
use tracegate_pipeline::reference::{Content, Order};

use super::*;

const SSCC: &str = "040123450000000016";

fn lot(name: &str, version: u64, status: &str) -> Reference {
    Reference {
        key: format!("https://id.gs1.org/01/{GTIN}/10/{name}"),
        version,
        facts: Some(Facts::Lot(Lot {
            status: Some(status.to_owned()),
            ..Lot::default()
        })),
    }
}

fn pallet(serials: &[u32]) -> Reference {
    let content = |n: &u32| Content {
        item: serial(*n, 0, None).key,
        instance: true,
        lot: None,
        pieces: None,
    };
    Reference {
        key: format!("https://id.gs1.org/00/{SSCC}"),
        version: 1,
        facts: Some(Facts::Contents(serials.iter().map(content).collect())),
    }
}

fn guarded() -> Pipeline {
    let mut pipeline = station();
    let mut config = pipeline.config().clone();
    for read_point in &mut config.read_points {
        read_point.guard = Some(Box::new(GuardConfig::default()));
    }
    pipeline.handle(Input::Configure(Box::new(config)));
    pipeline
}

/// The refresh of all that is known costs, and rests for a while after. No scan waits for it.
#[tokio::test]
async fn a_hold_counts_for_the_next_scan_whenever_the_rest_is_refreshed() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    let facts = [
        serial(1, 1, Some("L1")),
        serial(2, 1, Some("L2")),
        lot("L1", 1, "released"),
    ];
    table.store(&facts, Origin::File, Time(1)).await.unwrap();
    let mut known = Known::open(folder.path(), 1_000, Health::new("plant-3", "e")).await;
    let mut pipeline = guarded();
    let scans = [1, 2].map(|n| {
        let data = format!("01{GTIN}21{n}").into_bytes();
        let (device, at) = (0, Time(0));
        [Input::Scan { device, at, data }]
    });
    for scan in &scans {
        let looked = known.look(&pipeline, scan).await;
        pipeline.handle(looked.into_input(Time(0)).unwrap());
    }
    known.rest(Duration::from_secs(3_600));
    // One lot was released, of the other nothing was known.
    let held = [lot("L1", 2, "hold"), lot("L2", 1, "hold")];
    table.store(&held, Origin::File, Time(2)).await.unwrap();
    let reads = [Input::Tick { at: Time(1) }];
    let looked = known.look(&pipeline, &reads).await;
    assert_eq!(looked, Looked::default(), "this can wait");
    for (scan, held) in scans.iter().zip(&held) {
        let looked = known.look(&pipeline, scan).await;
        assert!(looked.records.contains(held), "{looked:?}");
    }
}

#[tokio::test]
async fn a_pallet_brings_the_lots_of_what_is_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    let facts = [
        pallet(&[1, 2]),
        serial(1, 1, Some("L1")),
        serial(2, 1, Some("L2")),
        lot("L1", 1, "hold"),
    ];
    table.store(&facts, Origin::File, Time(1)).await.unwrap();
    let health = Health::new("plant-3", "e");
    let mut known = Known::open(folder.path(), 1_000, health.clone()).await;
    let scan = [Input::Scan {
        device: 0,
        at: Time(0),
        data: format!("00{SSCC}").into_bytes(),
    }];
    let looked = known.look(&station(), &scan).await;
    assert_eq!(looked.records, facts[..1], "nobody asks for more");
    let mut known = Known::open(folder.path(), 1_000, health).await;
    let mut pipeline = guarded();
    let looked = known.look(&pipeline, &scan).await;
    assert_eq!(looked.records, facts);
    pipeline.handle(looked.into_input(Time(0)).unwrap());

    // The other lot, of which nothing was known, is put on hold: that is told without a further scan.
    let held = [lot("L2", 1, "hold")];
    table.store(&held, Origin::File, Time(2)).await.unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    let tick = [Input::Tick { at: Time(1) }];
    loop {
        let looked = known.look(&pipeline, &tick).await;
        if looked.records == held {
            break;
        }
        assert_eq!(looked.records, []);
        assert!(std::time::Instant::now() < deadline, "it was not told");
        tokio::task::yield_now().await;
    }
}

fn order(key: &str, version: u64, status: &str) -> Reference {
    Reference {
        key: key.to_owned(),
        version,
        facts: Some(Facts::Order(Order {
            status: Some(status.to_owned()),
            ..Order::default()
        })),
    }
}

/// Whoever tells of orders need not know how the gateway names them in events.
#[tokio::test]
async fn an_order_told_by_its_number_is_found_by_the_uri_of_the_stations() {
    const URI: &str = "urn:epcglobal:cbv:bt:4012345000009:4711";
    let by_number = |version, status| order(&Order::key("4711"), version, status);
    let folder = tempfile::tempdir().unwrap();
    let mut site = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    let told = [by_number(3, "open")];
    site.store(&told, Origin::Broker, Time(1)).await.unwrap();
    let mut config = station().config().clone();
    for read_point in &mut config.read_points {
        let ReadPointKind::Station(station) = &mut read_point.kind else {
            panic!("{read_point:?}")
        };
        let mut task = TaskConfig::new(TaskKind::Issue, Step::default());
        task.codes = CodeRules {
            order_uri: "urn:epcglobal:cbv:bt:4012345000009:{order}".to_owned(),
            ..CodeRules::default()
        };
        station.task = Some(Box::new(task));
    }
    let wanted = vec![URI.to_owned()];
    let mut known = Known::open(folder.path(), 1_000, Health::new("plant-3", "e")).await;
    assert_eq!(known.look_up(wanted.clone()).await, []);
    known.configure(&config);
    assert_eq!(known.look_up(wanted.clone()).await, [order(URI, 3, "open")]);

    // Changes are told under the name that the pipeline knows.
    let mut table = Table::open(folder.path(), 1_000, PATIENCE).await.unwrap();
    table.order_uris(OrderUris::of(&config));
    let since = table.site().await.unwrap().generation;
    assert_eq!(table.look_since(&wanted, since).await.unwrap(), []);
    let told = [by_number(4, "closed")];
    site.store(&told, Origin::Broker, Time(2)).await.unwrap();
    let changed = [order(URI, 4, "closed")];
    assert_eq!(table.look_since(&wanted, since).await.unwrap(), changed);

    // What is said by the URI counts, whatever was known before.
    let told = [order(URI, 1, "open"), by_number(5, "closed")];
    site.store(&told, Origin::Broker, Time(3)).await.unwrap();
    let own = [order(URI, 5, "open")];
    assert_eq!(table.look_since(&wanted, since).await.unwrap(), own);
}
