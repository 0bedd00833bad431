//! The socket with real clients, and its bounds.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracegate_pipeline::{Input, Pipeline, Time};

use super::client::{Client, ControlError};
use super::server::{Door, OpenError};
use super::*;
use crate::capture::tap::{Batch, Tap};
use crate::capture::witness::Witness;
use crate::health::{Beat, Health};

struct Gateway {
    folder: TempDir,
    path: PathBuf,
    health: Health,
    tap: Tap,
    stop: CancellationToken,
    beat: Beat,
    served: JoinHandle<()>,
}

impl Gateway {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(SOCKET_NAME);
        let door = Door::open(&path).await.unwrap();
        let health = Health::new("plant-3", "e");
        let (tap, outlet) = Tap::new(health.clone());
        let config = Pipeline::default().config().clone();
        let (witness, asks) = Witness::new(outlet, config, "plant-3".into(), health.clone());
        tokio::spawn(witness.run());
        let stop = CancellationToken::new();
        let beat = health.beat("control");
        let served = tokio::spawn(door.serve(asks, health.clone(), beat.clone(), stop.clone()));
        Self {
            folder,
            path,
            health,
            tap,
            stop,
            beat,
            served,
        }
    }

    async fn client(&self) -> Client {
        Client::connect(&[self.folder.path().join("nowhere"), self.path.clone()])
            .await
            .unwrap()
    }

    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = UnixStream::connect(&self.path).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = vec![0; 4096];
        let count = stream.read(&mut answer).await.unwrap();
        String::from_utf8(answer[..count].to_vec()).unwrap()
    }
}

#[tokio::test]
async fn questions_are_answered_and_wrong_ones_refused() {
    let gateway = Gateway::start().await;
    let mut client = gateway.client().await;
    let status = client.ask(&Request::new("status")).await.unwrap();
    assert_eq!(status["site"], "plant-3");
    let why = Request {
        tag: Some("30".into()),
        ..Request::new("why")
    };
    assert_eq!(client.ask(&why).await.unwrap(), serde_json::json!([]));
    let refused = client.ask(&Request::new("coffee")).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the gateway refuses: `coffee` is nothing to ask for; known are status, why, tail, top, capture, bundle, reload"
    );
    assert!(!refused.is_absence());
    for (request, expected) in [
        (
            "{\"v\":1,\"ask\":\"why\"}\n".to_owned(),
            "`why` needs `tag`",
        ),
        (
            "{\"v\":2,\"ask\":\"status\"}\n".to_owned(),
            "speaks version 1",
        ),
        (
            "{\"v\":1,\"ask\":\"status\",\"x\":1}\n".to_owned(),
            "no request of version 1",
        ),
        ("hello\n".to_owned(), "no request of version 1"),
        (
            "x".repeat(70_000),
            "a request is a line of JSON with at most 64 KiB",
        ),
    ] {
        let answer = gateway.raw(request.as_bytes()).await;
        assert!(
            answer.contains(expected) && answer.ends_with('\n'),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn the_socket_is_private_and_goes_away_with_the_gateway() {
    let gateway = Gateway::start().await;
    let mode = std::fs::metadata(&gateway.path)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
    let second = Door::open(&gateway.path).await.unwrap_err();
    assert!(matches!(second, OpenError::InUse(_)), "{second}");
    gateway.stop.cancel();
    gateway.served.await.unwrap();
    assert!(!gateway.beat.is_running(), "it is not taken for stuck");
    assert!(!gateway.path.exists());
    let error = Client::connect(std::slice::from_ref(&gateway.path))
        .await
        .unwrap_err();
    assert!(error.is_absence() && matches!(error, ControlError::NotRunning(_)));
}

#[tokio::test]
async fn what_a_killed_gateway_left_behind_is_replaced_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(SOCKET_NAME);
    // A listener that is dropped leaves its file.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let door = Door::open(&path).await.unwrap();
    drop(door);
    assert!(!path.exists());
    std::fs::write(&path, "mine").unwrap();
    let error = Door::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::NoSocket(_)), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    let nowhere = Door::open(&folder.path().join("a/b")).await.unwrap_err();
    assert!(
        nowhere.to_string().contains("its folder must be there"),
        "{nowhere}"
    );
}

#[tokio::test]
async fn clients_beyond_the_bound_are_sent_away() {
    let gateway = Gateway::start().await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = gateway.client().await;
        client.ask(&Request::new("status")).await.unwrap();
        clients.push(client);
    }
    let refused = gateway.client().await.ask(&Request::new("status")).await;
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("too many commands are connected"), "{text}");
    assert_eq!(gateway.health.counters().control_refused.get(), 1);
    clients.clear();
    for _ in 0..12_000 {
        if gateway
            .client()
            .await
            .ask(&Request::new("status"))
            .await
            .is_ok()
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("no room although everybody left");
}

/// Time stands still but for waiting: what takes nothing for ten seconds is cut off in an instant.
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_cut_off() {
    let mut gateway = Gateway::start().await;
    let mut client = gateway.client().await;
    client.ask(&Request::new("capture")).await.unwrap();
    gateway.tap.asked().await;
    gateway.tap.tell(&Pipeline::default());
    // More than the socket's buffers hold.
    let inputs: Vec<Input> = (0..50_000).map(|at| Input::Tick { at: Time(at) }).collect();
    for _ in 0..4 {
        let inputs = inputs.clone();
        gateway.tap.seen(Batch {
            inputs,
            ..Batch::default()
        });
    }
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(gateway.health.counters().control_dropped.get(), 1);
    // Others are served all the same.
    gateway
        .client()
        .await
        .ask(&Request::new("status"))
        .await
        .unwrap();
}
