//! The thread that sends spans. It has a runtime of its own, so that it is in nobody's way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use http::{Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::otlp::{self, Ended};
use super::span::Open;

/// Spans that may wait; more are dropped.
const WAITING: usize = 8192;
/// Spans in one request.
const BATCH: usize = 512;
/// How long a span waits for others.
const DELAY: Duration = Duration::from_millis(500);
/// How long the endpoint may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the last spans of a program may take.
const FAREWELL: Duration = Duration::from_secs(3);

enum Letter {
    Span(Box<Ended>),
    /// Answered when all before it was sent.
    Flush(mpsc::Sender<()>),
}

/// Where spans are put. Never blocks.
#[derive(Clone)]
pub struct Outbox {
    letters: SyncSender<Letter>,
    /// Spans that found no place.
    dropped: Arc<AtomicU64>,
}

impl Outbox {
    /// Starts the thread that sends to `endpoint`.
    pub fn start(service: &str, endpoint: Uri) -> std::io::Result<Outbox> {
        let (letters, waiting) = mpsc::sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let (service, lost) = (service.to_owned(), dropped.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("traces".to_owned()).spawn(move || {
            let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
            let sender = Sender { service, endpoint, client, lost, failed: false };
            runtime.block_on(sender.run(waiting));
        })?;
        Ok(Outbox { letters, dropped })
    }

    /// For tests: what is put comes out at the other end.
    #[cfg(test)]
    pub fn channel() -> (Outbox, impl Iterator<Item = Ended>) {
        let (letters, waiting) = mpsc::sync_channel(WAITING);
        let spans = std::iter::from_fn(move || match waiting.try_recv() {
            Ok(Letter::Span(span)) => Some(*span),
            _ => None,
        });
        (Outbox { letters, dropped: Arc::default() }, spans)
    }

    pub fn put(&self, span: Open, end: u64) {
        // When the endpoint is slow or away, nobody waits for it.
        if self.letters.try_send(Letter::Span(Box::new(Ended { span, end }))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits, not for long, until what was put is sent.
    pub fn flush(&self) {
        let (done, sent) = mpsc::channel();
        let deadline = Instant::now() + FAREWELL;
        let mut letter = Letter::Flush(done);
        while let Err(TrySendError::Full(back)) = self.letters.try_send(letter) {
            if Instant::now() > deadline {
                return;
            }
            letter = back;
            std::thread::sleep(Duration::from_millis(5));
        }
        let _in_time = sent.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

struct Sender {
    service: String,
    endpoint: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
    lost: Arc<AtomicU64>,
    /// The last request failed, and that has been said.
    failed: bool,
}

impl Sender {
    async fn run(mut self, waiting: Receiver<Letter>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut since = Instant::now();
        loop {
            let letter = if batch.is_empty() {
                waiting.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                waiting.recv_timeout(DELAY.saturating_sub(since.elapsed()))
            };
            let mut flushed = None;
            match letter {
                Ok(Letter::Span(span)) => {
                    if batch.is_empty() {
                        since = Instant::now();
                    }
                    batch.push(*span);
                    if batch.len() < BATCH {
                        continue;
                    }
                }
                Ok(Letter::Flush(done)) => flushed = Some(done),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.send(&mut batch).await,
            }
            self.send(&mut batch).await;
            if let Some(done) = flushed {
                let _nobody_waits_any_more = done.send(());
            }
        }
    }

    async fn send(&mut self, batch: &mut Vec<Ended>) {
        if batch.is_empty() {
            return;
        }
        let body = otlp::body(&self.service, batch).to_string();
        let sent = tokio::time::timeout(PATIENCE, self.post(body)).await;
        let problem = sent.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}"))).err();
        if let Some(problem) = &problem
            && !self.failed
        {
            tracing::warn!("traces are lost: {}: {problem}", self.endpoint);
        }
        self.failed = problem.is_some();
        match self.lost.swap(0, Ordering::Relaxed) {
            0 => {}
            lost => tracing::warn!("{lost} spans were dropped: {} is too slow for them", self.endpoint),
        }
        batch.clear();
    }

    async fn post(&self, body: String) -> Result<(), String> {
        let request = Request::post(self.endpoint.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await.map_err(|error| error.to_string())?;
        let code = answer.status();
        // Read, so that the connection is used again.
        let _body = answer.into_body().collect().await;
        if code.is_success() { Ok(()) } else { Err(format!("it answered {code}")) }
    }
}
