//! Over TCP.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};

use super::*;

impl Served {
    async fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        let address = self.address;
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n"
        ))
        .await
    }
}

#[tokio::test]
async fn the_page_needs_no_scripts_and_lets_nothing_from_elsewhere_in() {
    let served = Served::start(None).await;
    let page = served.get("/", "").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    for header in [
        "content-security-policy: default-src 'none';",
        "frame-ancestors 'none'",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "content-type: text/html; charset=utf-8",
    ] {
        assert!(head.contains(header), "no {header} in {head}");
    }
    let first = body.split("<h1").nth(1).unwrap();
    assert!(first.contains(" class=\"good\" data-title=\"OK - plant-3 - Tracegate\">Everything is being delivered.</h1>"));
    assert!(body.contains("<title>OK - plant-3 - Tracegate</title>"));
    assert!(body.contains("3 in &lt;b&gt;: 3 pallets") && !body.contains("<b>:"));
    assert!(body.contains("not booked</b>, in, 1 tag: it had 1 tag"));
    assert!(body.contains("<noscript><meta http-equiv=\"refresh\""));
    assert!(!body.contains("style=\"") && !body.contains("onclick"));
    let css = served.get("/style.css", "").await;
    let script = served.get("/live.js", "").await;
    let all = page.len() + css.len() + script.len();
    assert!(all < 50_000, "{all} bytes");
    for (path, status) in [
        ("/metrics", "200"),
        ("/x", "404"),
        ("/../etc/passwd", "404"),
    ] {
        let answer = served.get(path, "").await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{path}: {answer}"
        );
        assert!(answer.contains("content-security-policy"), "{path}");
    }
    let posted = served
        .ask("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert!(posted.starts_with("HTTP/1.1 405"), "{posted}");
    served.end().await;
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_refused() {
    let served = Served::start(None).await;
    for (host, status) in [
        ("127.0.0.1:9180", 200),
        ("10.1.2.3", 200),
        ("[::1]:9180", 200),
        ("[::1]", 200),
        ("localhost:9180", 200),
        ("Gateway-3.plant.example", 200),
        ("evil.example:9180", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ] {
        let answer = served
            .ask(&format!("GET /metrics HTTP/1.1\r\nhost: {host}\r\n\r\n"))
            .await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{host}: {answer}"
        );
    }
    let none = served.ask("GET /metrics HTTP/1.0\r\n\r\n").await;
    assert!(none.starts_with("HTTP/1.0 421"), "{none}");
    assert_eq!(served.health.counters().status_refused.get(), 5);
    served.end().await;
}

#[tokio::test]
async fn a_password_is_asked_for_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("status-password");
    std::fs::write(&file, "s3cret: x\n").unwrap();
    let served = Served::start(Some(file.clone())).await;
    let encoded = |text: &str| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(text);
        format!("authorization: Basic {text}\r\n")
    };
    for path in ["/", "/metrics", "/live", "/style.css"] {
        let answer = served.get(path, "").await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
        assert!(answer.contains("www-authenticate: Basic") && !answer.contains("dock_1"));
    }
    for wrong in ["x:s3cret", "x:", "x", "x:s3cret: x "] {
        let answer = served.get("/metrics", &encoded(wrong)).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{wrong}: {answer}");
    }
    let right = served.get("/metrics", &encoded("anybody:s3cret: x")).await;
    assert!(right.starts_with("HTTP/1.1 200"), "{right}");
    std::fs::write(&file, "").unwrap();
    let empty = served.get("/metrics", &encoded("x:")).await;
    assert!(
        empty.starts_with("HTTP/1.1 401"),
        "an empty password is none"
    );
    std::fs::remove_file(&file).unwrap();
    let gone = served.get("/metrics", &encoded("x:")).await;
    assert!(gone.starts_with("HTTP/1.1 503"), "{gone}");
    served.end().await;
}

#[tokio::test]
async fn the_live_stream_renews_the_page_and_ends_with_the_gateway() {
    let served = Served::start(None).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut text = String::new();
    let mut piece = vec![0; 65_536];
    served.health.problem(
        "dock_1",
        Problem::Antenna(2),
        Some("antenna 2 is disconnected"),
    );
    while !text.contains("\n\n") || !text.contains("ANTENNA-DOWN") {
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "{text}");
        text += std::str::from_utf8(&piece[..read]).unwrap();
    }
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    let line = text
        .lines()
        .find_map(|it| it.strip_prefix("data: "))
        .unwrap();
    let contents: String = serde_json::from_str(line).unwrap();
    assert!(contents.starts_with("<h1 id=\"state\""), "{contents}");
    served.end().await;
}

/// The time-outs are real; what they hold up is not.
#[tokio::test]
async fn those_who_say_nothing_and_those_who_are_too_many_do_not_lock_others_out_for_long() {
    let served = Served::start(None).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        // A slow one: never a whole head.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: ").await;
        idle.push(stream);
    }
    tracegate_sim::wait_until("too many", Duration::from_secs(60), || {
        served.health.counters().status_refused.get() >= 24
    })
    .await
    .unwrap();
    // They are sixteen by now; from another address there is room all the while.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
    let mut other = socket.connect(served.address).await.unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    other.write_all(request).await.unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let began = Instant::now();
    loop {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let _ = stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{answer}");
        sleep(Duration::from_millis(50)).await;
    }
    drop(idle);
    served.end().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_and_a_wrong_password_not_tried_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("status-password");
    std::fs::write(&file, "right").unwrap();
    let served = Served::start(Some(file)).await;
    let large = format!("x-large: {}\r\n", "x".repeat(20_000));
    let answer = served.get("/", &large).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let given = |password: &str| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(format!("x:{password}"));
        format!("authorization: Basic {text}\r\n")
    };
    let wrong = given("wrong");
    let tries = (0..12).map(|_| served.get("/metrics", &wrong));
    let mut tries: Vec<String> = futures_of(tries).await;
    tries.retain(|answer| answer.starts_with("HTTP/1.1 401"));
    assert!(tries.len() >= 10, "{}", tries.len());
    let answer = served.get("/metrics", &given("right")).await;
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    assert!(answer.contains("retry-after: 60"), "{answer}");
    served.end().await;
}

/// One after the other would take seconds: each wrong password is refused slowly.
async fn futures_of(all: impl Iterator<Item = impl Future<Output = String>>) -> Vec<String> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut answers = Vec::new();
    while !all.is_empty() {
        let (answer, index) = std::future::poll_fn(|context| {
            for (index, one) in all.iter_mut().enumerate() {
                if let std::task::Poll::Ready(answer) = one.as_mut().poll(context) {
                    return std::task::Poll::Ready((answer, index));
                }
            }
            std::task::Poll::Pending
        })
        .await;
        drop(all.swap_remove(index));
        answers.push(answer);
    }
    answers
}

/// Time stands still but for waiting: a browser that takes nothing is cut off in an instant, and its place is free again.
#[tokio::test(start_paused = true)]
async fn a_browser_that_takes_nothing_holds_nothing() {
    let health = healthy();
    let (asks, _nobody) = mpsc::channel(1);
    let sources = Sources {
        health: health.clone(),
        asks,
        facts: tokio::sync::watch::channel(facts()).1,
        last: Arc::default(),
    };
    let streams = crate::status::seats::Streams::new(health.clone());
    let ended = CancellationToken::new();
    let (viewer, stop) = (streams.take().unwrap(), CancellationToken::new());
    let pieces = crate::status::live::start(sources, stop, viewer, ended.clone().drop_guard());
    assert_eq!(health.counters().status_viewers.get(), 1);
    let cut_off = tokio::time::timeout(Duration::from_secs(60), ended.cancelled());
    cut_off.await.expect("it is cut off");
    assert_eq!(health.counters().status_viewers.get(), 0);
    drop(pieces);
}

#[tokio::test]
async fn a_bundle_for_support_can_be_downloaded_by_one_at_a_time() {
    use std::io::Read as _;
    let served = Served::start(None).await;
    let ask = async || {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let request = b"GET /bundle.tar.gz HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    let (one, two) = tokio::join!(ask(), ask());
    let is_busy = |answer: &[u8]| answer.starts_with(b"HTTP/1.1 503");
    assert!(is_busy(&one) != is_busy(&two), "one of them has to wait");
    let answer = if is_busy(&one) { two } else { one };
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-disposition: attachment; filename=\"tracegate-plant-3-2"));
    let mut text = Vec::new();
    let mut packed = flate2::read::GzDecoder::new(&answer[end + 4..]);
    packed.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("/status.json") && text.contains("Everything is being delivered"));
    assert!(text.contains("lot L1 is on hold"), "what happened last");
    // The whole badge: its digits alone are in the clocks and sizes of some machine, some time.
    assert!(!text.contains("badge-4711"), "badges stay here");
    served.end().await;
}

/// Time stands still but for waiting.
#[tokio::test(start_paused = true)]
async fn a_busy_gateway_does_not_hold_up_the_page() {
    let (asks, mut asked) = mpsc::channel(8);
    let sources = Sources {
        health: healthy(),
        asks,
        facts: tokio::sync::watch::channel(facts()).1,
        last: Arc::default(),
    };
    let busy = tokio::spawn(async move {
        for delay in [0, 300, 10_000, 10_000] {
            let Some(Ask::Recent { answer }) = asked.recv().await else {
                return;
            };
            sleep(Duration::from_millis(delay)).await;
            let _ = answer.send(recent());
        }
    });
    assert!(sources.recent_in_time().await.is_some());
    for _ in 0..2 {
        let began = Instant::now();
        assert!(
            sources.recent_in_time().await.is_some(),
            "what was known before"
        );
        assert!(began.elapsed() <= AT_ONCE);
        sleep(Duration::from_secs(1)).await;
    }
    // Nothing came for too long: it is not pretended any more that this is known.
    assert!(sources.recent_in_time().await.is_none());
    busy.abort();
}
