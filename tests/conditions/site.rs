//! What the site tells of lots.

use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;

use super::*;

async fn say(client: &AsyncClient, topic: &str, payload: &str) {
    let topic = format!("plant/ref/{topic}");
    let sent = client.publish(topic, QoS::AtLeastOnce, true, payload.to_owned());
    sent.await.unwrap();
}

/// So many records there are, as of now.
fn meta(id: &str, count: u32) -> String {
    let now = jiff::Timestamp::now();
    format!(r#"{{"snapshot_id": "{id}", "generated_at": "{now}", "count": {count}}}"#)
}

/// What publishes them ends in the middle.
#[tokio::test]
async fn lots_incomplete() {
    let site = "[reference]\ntopic = \"plant/ref\"\n";
    let plant = Plant::with(SimReaderConfig::default(), site).await;
    shows(&plant.gateway, "LOTS-STALE", "lots").await;
    let (client, mut events) = support::subscriber("site", plant.broker.addr(), "none").await;
    let link = tokio::spawn(async move { while events.poll().await.is_ok() {} });
    let lot = r#"{"v": 1, "status": "released"}"#;
    say(&client, "lot/04012345000016/L1", lot).await;
    say(&client, "meta", &meta("a", 1)).await;
    shows_nothing(&plant.gateway).await;
    say(&client, "meta", &meta("b", 3)).await;
    shows(&plant.gateway, "LOTS-INCOMPLETE", "lots").await;
    link.abort();
}
