use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);
const BRIEFLY: Duration = Duration::from_millis(30);

/// A server that says back what it hears, behind a proxy, and a client.
struct Site {
    proxy: Proxy,
    client: TcpStream,
    _echo: Task,
}

impl Site {
    async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = listener.local_addr().unwrap();
        let echo = Task::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                open.spawn(async move {
                    let (mut from, mut to) = socket.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let proxy = Proxy::start(server).await.unwrap();
        let client = TcpStream::connect(proxy.addr()).await.unwrap();
        let mut site = Self {
            proxy,
            client,
            _echo: echo,
        };
        assert_eq!(site.say(b"hello").await.unwrap(), b"hello");
        site
    }

    /// Says something and returns as many bytes of the answer.
    async fn say(&mut self, text: &[u8]) -> io::Result<Vec<u8>> {
        self.client.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        timeout(PATIENCE, self.client.read_exact(&mut answer)).await??;
        Ok(answer)
    }

    /// Nothing comes for a while, and no end.
    async fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        timeout(BRIEFLY, self.client.read(&mut byte)).await.is_err()
    }

    async fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        timeout(PATIENCE, self.client.read_to_end(&mut rest)).await??;
        Ok(rest)
    }
}

#[tokio::test]
async fn connections_end_as_told_and_new_ones_are_welcome() {
    let mut site = Site::new().await;
    site.proxy.end(End::Close);
    assert_eq!(site.rest().await.unwrap(), b"");
    site.client = TcpStream::connect(site.proxy.addr()).await.unwrap();
    assert_eq!(site.say(b"again").await.unwrap(), b"again");
    site.proxy.end(End::Reset);
    let error = site.rest().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    site.client = TcpStream::connect(site.proxy.addr()).await.unwrap();
    assert_eq!(site.say(b"again").await.unwrap(), b"again");
    site.proxy.end(End::HalfOpen);
    site.client.write_all(b"lost").await.unwrap();
    assert!(site.is_silent().await);
}

#[tokio::test]
async fn a_frozen_line_delivers_later_and_a_hole_never() {
    let mut site = Site::new().await;
    site.proxy.set(Line::Frozen);
    site.client.write_all(b"later").await.unwrap();
    assert!(site.is_silent().await);
    site.proxy.set(Line::Open);
    let mut answer = [0; 5];
    site.client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"later");
    site.proxy.set(Line::Hole);
    site.client.write_all(b"never").await.unwrap();
    assert!(site.is_silent().await);
    let stranger = TcpStream::connect(site.proxy.addr()).await.unwrap();
    let old = std::mem::replace(&mut site.client, stranger);
    for client in [None, Some(old)] {
        site.client = client.unwrap_or(site.client);
        site.client.write_all(b"never").await.unwrap();
        assert!(site.is_silent().await);
        site.proxy.set(Line::Open);
        assert!(site.is_silent().await);
    }
}

#[tokio::test]
async fn traps_are_at_their_byte() {
    let mut site = Site::new().await;
    site.proxy.arm(Way::Down, 3, Trap::Flip);
    assert_eq!(site.say(b"aaaaa").await.unwrap(), b"aaaqa");
    assert!(!site.proxy.is_armed());
    site.proxy.arm(Way::Down, 7, Trap::Cut);
    assert_eq!(site.say(b"aaaaa").await.unwrap(), b"aaaaa");
    assert!(site.proxy.is_armed());
    site.client.write_all(b"bbbbb").await.unwrap();
    let mut two = [0; 2];
    site.client.read_exact(&mut two).await.unwrap();
    assert_eq!(&two, b"bb");
    site.rest().await.unwrap_err();
}

#[tokio::test]
async fn a_slow_line_passes_everything() {
    let mut site = Site::new().await;
    for line in [Line::Trickle, Line::Delayed(Duration::from_millis(1))] {
        site.proxy.set(line);
        let text = vec![b'x'; 5_000];
        assert_eq!(site.say(&text).await.unwrap(), text);
    }
}
