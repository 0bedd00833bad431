use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[tokio::test]
async fn beacons_come_at_their_pace_and_some_are_lost() {
    let receiver = SimReceiver::start(Outlet::Serve, ANY, 7).await.unwrap();
    let stream = TcpStream::connect(receiver.addr().unwrap()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    receiver.put(SimTag {
        loss: 0.3,
        drain_pct: 0.5,
        ..SimTag::new("T1", LOOK)
    });
    let mut numbers = Vec::new();
    while numbers.len() < 40 {
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let beacon: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(beacon["tag_id"], "T1");
        numbers.push(beacon["beacon_seq"].as_u64().unwrap());
    }
    let (heard, lost) = receiver.counts();
    assert!(numbers.is_sorted() && heard >= 40);
    assert!((1..heard).contains(&lost), "{lost} of {heard}");
    receiver.take("T1");
    receiver.send(b"junk\n");
    loop {
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        if line == "junk" {
            break;
        }
    }
}
