//! Browsers at the status page while the readers read.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Pages that are renewed live.
const LIVE: usize = 4;
/// Between two visits.
const EVERY: Duration = Duration::from_millis(50);

/// The page is there by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Visitors {
    tasks: JoinSet<Vec<Duration>>,
    stop: CancellationToken,
}

/// How long the first bytes of all visits took, the quickest first.
pub struct Visits(Vec<Duration>);

impl Visitors {
    /// Once the page is served: readers may be quicker.
    pub async fn start(page: SocketAddr) -> Self {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(page).await.is_err() {
            assert!(Instant::now() < deadline, "the page is not served");
            sleep(EVERY).await;
        }
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        for _ in 0..LIVE {
            let stop = stop.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = watch(page) => {}
                    () = stop.cancelled() => {}
                }
                Vec::new()
            });
        }
        let until = stop.clone();
        tasks.spawn(async move {
            let mut all = Vec::new();
            while !until.is_cancelled() {
                all.push(visit(page).await);
                sleep(EVERY).await;
            }
            all
        });
        Self { tasks, stop }
    }

    pub async fn end(self) -> Visits {
        self.stop.cancel();
        let mut all = self.tasks.join_all().await.concat();
        all.sort();
        assert!(!all.is_empty(), "nobody was served");
        Visits(all)
    }
}

async fn visit(page: SocketAddr) -> Duration {
    let began = Instant::now();
    let mut stream = ask(page, "/").await;
    let mut answer = vec![stream.read_u8().await.expect("an answer")];
    let first = began.elapsed();
    stream.read_to_end(&mut answer).await.expect("all of it");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("</html>\n"), "{answer}");
    first
}

/// Takes what comes, for as long as it comes.
async fn watch(page: SocketAddr) {
    let (mut stream, mut piece) = (ask(page, "/live").await, vec![0; 65_536]);
    while stream.read(&mut piece).await.expect("the stream goes on") > 0 {}
    panic!("the live stream ended");
}

async fn ask(page: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(page).await.expect("the page is served");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {page}\r\n\r\n");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("it is taken");
    stream
}

impl fmt::Display for Visits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |share: usize| {
            let index = (self.0.len() * share / 100).min(self.0.len() - 1);
            self.0[index].as_secs_f64() * 1_000.0
        };
        write!(
            f,
            "status page: {} visits with {LIVE} live pages beside; first byte after {:.1} ms in the median, {:.1} ms for 99 %, {:.1} ms at most",
            self.0.len(),
            at(50),
            at(99),
            at(100),
        )
    }
}
