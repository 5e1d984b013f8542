//! A server for tests on a loopback port that plays scripts: the n-th request is answered by the n-th script.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the server does next with a connection.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Sends these bytes, in one piece.
    Send(Vec<u8>),
    /// Says nothing until the other side closes the connection.
    Hang,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Request line and headers.
    pub head: String,
    pub body: String,
}

/// A running server; dropped, it stops.
pub(crate) struct Scripted {
    address: std::net::SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    left: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    /// Serves `scripts`; a request beyond the last gets its connection closed without an answer.
    pub(crate) async fn serve(scripts: Vec<Vec<Step>>) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let left = Arc::new(Notify::new());
        let task = tokio::spawn(accept(listener, scripts, Arc::clone(&received), Arc::clone(&left)));
        Scripted { address, received, left, task }
    }

    /// `http://127.0.0.1:port` and `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// All requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no holder panics").clone()
    }

    /// Returns once the other side has closed a connection on which the server hangs.
    pub(crate) async fn left(&self) {
        self.left.notified().await;
    }
}

/// The head of an answer without a length: its body ends with the connection.
pub(crate) fn head(status: u16, headers: &str) -> Step {
    Step::Send(format!("HTTP/1.1 {status} Scripted\r\nConnection: close\r\n{headers}\r\n").into_bytes())
}

/// A whole answer.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    vec![head(status, &format!("Content-Length: {length}\r\n{headers}")), send(body)]
}

/// Text sent in one piece.
pub(crate) fn send(text: &str) -> Step {
    Step::Send(text.as_bytes().to_vec())
}

async fn accept(
    listener: TcpListener,
    scripts: Vec<Vec<Step>>,
    received: Arc<Mutex<Vec<Received>>>,
    left: Arc<Notify>,
) {
    let mut scripts = scripts.into_iter();
    while let Ok((mut stream, _)) = listener.accept().await {
        let (received, left, script) = (Arc::clone(&received), Arc::clone(&left), scripts.next());
        tokio::spawn(async move {
            let Some(request) = read_request(&mut stream).await else { return };
            received.lock().expect("no holder panics").push(request);
            play(&mut stream, script.unwrap_or_default(), &left).await;
        });
    }
}

async fn play(stream: &mut TcpStream, script: Vec<Step>, left: &Notify) {
    for step in script {
        match step {
            Step::Send(bytes) => {
                // The other side may have seen enough and gone.
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    left.notify_one();
                    return;
                }
            }
            Step::Hang => {
                while matches!(stream.read(&mut [0; 64]).await, Ok(count) if count > 0) {}
                left.notify_one();
            }
        }
    }
}

/// Reads a request with its body by `Content-Length`.
async fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if bytes.len() >= end + 4 + length.unwrap_or(0) {
            let body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
            return Some(Received { head, body });
        }
    }
}
