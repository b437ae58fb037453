//! Many watches of one collection, over HTTP/1.1 with a connection each, or many over each connection of HTTP/2. What
//! comes is counted, not parsed.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request};
use tokio::task::JoinHandle;

use super::http::Target;

/// Watches that share one connection of HTTP/2.
const SHARING: usize = 100;
/// Of so many events, whoever got them, one is looked at closer.
const SAMPLE: u64 = 100;
/// The write's time in nanoseconds since the bench began follows this in every object.
const MARK: &[u8] = br#""sent":""#;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Http1 => "HTTP/1.1, a connection each",
            Protocol::Http2 => "HTTP/2, 100 on a connection",
        }
    }
}

/// What all watchers have seen.
pub struct Seen {
    pub events: AtomicU64,
    /// Watches that the server has ended.
    pub cut_off: AtomicU64,
    late: Mutex<Vec<Duration>>,
    epoch: Instant,
}

/// Watches that go on until this is dropped.
pub struct Watchers {
    pub seen: Arc<Seen>,
    tasks: Vec<JoinHandle<()>>,
    /// A connection ends with its last handle.
    _connections: Vec<hyper::client::conn::http2::SendRequest<Full<Bytes>>>,
}

impl Watchers {
    /// Starts so many watches of `path`; when this returns, the server has accepted all of them.
    pub async fn start(target: &Target, protocol: Protocol, count: usize, path: &str, epoch: Instant) -> Result<Self> {
        let late = Mutex::new(Vec::new());
        let seen = Arc::new(Seen { events: AtomicU64::new(0), cut_off: AtomicU64::new(0), late, epoch });
        let mut connections = Vec::new();
        let bodies: Vec<Incoming> = match protocol {
            Protocol::Http1 => {
                let opened = (0..count).map(|_| async {
                    let mut connection = target.connect().await?;
                    accepted(connection.send(Method::GET, path, "application/json", Bytes::new()).await?)
                });
                stream::iter(opened).buffer_unordered(32).try_collect().await?
            }
            Protocol::Http2 => {
                for _ in 0..count.div_ceil(SHARING) {
                    connections.push(target.connect_http2().await?);
                }
                let opened = (0..count).map(|index| {
                    let mut connection = connections[index / SHARING].clone();
                    async move {
                        let request = Request::get(format!("https://{}{path}", target.address))
                            .header("authorization", format!("Bearer {}", target.token))
                            .header("accept", "application/json")
                            .body(Full::default())?;
                        connection.ready().await?;
                        accepted(connection.send_request(request).await?)
                    }
                });
                stream::iter(opened).buffer_unordered(32).try_collect().await?
            }
        };
        let tasks = bodies.into_iter().map(|body| tokio::spawn(watch(body, seen.clone()))).collect();
        Ok(Watchers { seen, tasks, _connections: connections })
    }

    /// Waits until nothing more comes; how late events were.
    pub async fn drained(&self) -> Vec<Duration> {
        let mut before = u64::MAX;
        loop {
            let events = self.seen.events.load(Ordering::Relaxed);
            if events == before {
                return std::mem::take(&mut *self.seen.late.lock().unwrap_or_else(|broken| broken.into_inner()));
            }
            before = events;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn accepted(response: hyper::Response<Incoming>) -> Result<Incoming> {
    ensure!(response.status().is_success(), "watch: {}", response.status());
    Ok(response.into_body())
}

async fn watch(mut body: Incoming, seen: Arc<Seen>) {
    while let Some(Ok(frame)) = body.frame().await {
        let Some(data) = frame.data_ref() else { continue };
        let events = data.iter().filter(|byte| **byte == b'\n').count() as u64;
        let before = seen.events.fetch_add(events, Ordering::Relaxed);
        if before / SAMPLE != (before + events) / SAMPLE
            && let Some(sent) = sent(data)
        {
            let late = seen.epoch.elapsed().saturating_sub(sent);
            seen.late.lock().unwrap_or_else(|broken| broken.into_inner()).push(late);
        }
    }
    seen.cut_off.fetch_add(1, Ordering::Relaxed);
}

/// When the last object in some bytes was sent.
fn sent(data: &[u8]) -> Option<Duration> {
    let at = data.windows(MARK.len()).rposition(|window| window == MARK)? + MARK.len();
    let digits = data[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = std::str::from_utf8(&data[at..at + digits]).ok()?;
    text.parse().context("sent").ok().map(Duration::from_nanos)
}
