//! Streams of HTTP/2, of which many share a connection: one whose client takes nothing of it is cut off alone.
//!
//! The kernel sees a connection on which others are read as alive. And an answer cannot watch over itself: while the client
//! takes nothing, nobody asks its body for more. So each body says when a piece of it has been handed over, and the task that
//! sends it looks whether it is asked for the next.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, Sleep, sleep};

/// What is handed over at once, in bytes: who takes some of a large answer is not one who takes nothing.
const PIECE: usize = 64 << 10;

tokio::task_local! {
    static STREAM: Arc<Handed>;
}

/// How many pieces have been handed over; 0 while none of them waits for the client.
#[derive(Default)]
struct Handed {
    waiting: AtomicU64,
}

/// Runs the streams of a connection.
#[derive(Clone)]
pub struct Streams {
    /// One whose client takes nothing for so long is cut off.
    pub slow: Option<Duration>,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        match self.slow {
            Some(slow) => tokio::spawn(until_stalled(stream, slow)),
            None => tokio::spawn(stream),
        };
    }
}

/// Runs a stream to its end, or until its client has taken nothing for so long. Dropping it resets it.
async fn until_stalled(stream: impl Future<Output = ()>, slow: Duration) {
    let handed = Arc::new(Handed::default());
    let stream = STREAM.scope(handed.clone(), stream);
    tokio::pin!(stream);
    let mut seen = 0;
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|context| {
        if stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let waiting = handed.waiting.load(Ordering::Relaxed);
        if waiting == 0 {
            // There is nothing to take.
            (seen, timer) = (0, None);
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep(slow)));
        if waiting != seen {
            seen = waiting;
            timer.as_mut().reset(Instant::now() + slow);
        }
        ready!(timer.as_mut().poll(context));
        tracing::debug!("a stream is cut off: its client has taken nothing for {} s", slow.as_secs_f64());
        Poll::Ready(())
    })
    .await;
}

/// An answer's body that tells its stream of what it hands over.
pub struct Told<B> {
    body: B,
    /// What is left of a larger piece.
    rest: Bytes,
    /// `None`: it is not on a stream that is looked after.
    stream: Option<Arc<Handed>>,
    pieces: u64,
}

impl<B> Told<B> {
    /// Of the stream in whose task this is called.
    pub fn of(body: B) -> Told<B> {
        Told { body, rest: Bytes::new(), stream: STREAM.try_with(Arc::clone).ok(), pieces: 0 }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Told<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let told = &mut *self;
        let Some(stream) = &told.stream else {
            return Pin::new(&mut told.body).poll_frame(context);
        };
        stream.waiting.store(0, Ordering::Relaxed);
        if told.rest.is_empty() {
            match ready!(Pin::new(&mut told.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => told.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        told.pieces += 1;
        stream.waiting.store(told.pieces, Ordering::Relaxed);
        let piece = told.rest.split_to(told.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use http_body_util::{BodyExt, Full, StreamBody};
    use tokio::sync::mpsc;

    use super::*;

    const SLOW: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_large_body_comes_in_pieces_and_whole() {
        let bytes: Bytes = (0..5 * PIECE + 7).map(|n| n as u8).collect::<Vec<_>>().into();
        let body = Full::new(bytes.clone());
        let told = STREAM.scope(Arc::default(), async { Told::of(body) }).await;
        assert_eq!(told.size_hint().exact(), Some(bytes.len() as u64));
        let pieces: Vec<Bytes> = told.into_data_stream().map(|piece| piece.unwrap()).collect().await;
        assert_eq!(pieces.iter().map(Bytes::len).max(), Some(PIECE));
        assert_eq!(pieces.concat(), bytes);
        let whole = Told::of(Full::new(bytes.clone())).into_data_stream().map(|piece| piece.unwrap());
        assert_eq!(whole.collect::<Vec<Bytes>>().await, [bytes]);
    }

    /// Hands over what `bodies` sends, and takes a piece for each `takes`.
    async fn stream(bodies: mpsc::Receiver<Bytes>, mut takes: mpsc::Receiver<()>) {
        let frames = futures::stream::unfold(bodies, |mut bodies| async {
            let frame = Frame::data(bodies.recv().await?);
            Some((Ok::<_, std::convert::Infallible>(frame), bodies))
        });
        let mut body = Told::of(StreamBody::new(Box::pin(frames)));
        while body.frame().await.is_some() && takes.recv().await.is_some() {}
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_cut_off_and_who_waits_or_takes_a_little_is_not() {
        let ((body, bodies), (take, takes)) = (mpsc::channel(9), mpsc::channel(9));
        let running = tokio::spawn(until_stalled(stream(bodies, takes), SLOW));
        // There is nothing to take.
        tokio::time::sleep(10 * SLOW).await;
        assert!(!running.is_finished());
        // A piece now and then.
        body.send(vec![b'x'; 4 * PIECE].into()).await.unwrap();
        for _ in 0..4 {
            tokio::time::sleep(SLOW - Duration::from_secs(1)).await;
            assert!(!running.is_finished());
            take.send(()).await.unwrap();
        }
        tokio::time::sleep(10 * SLOW).await;
        assert!(!running.is_finished());
        body.send("x".into()).await.unwrap();
        tokio::time::sleep(SLOW - Duration::from_secs(1)).await;
        assert!(!running.is_finished());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(running.is_finished());
        assert!(take.is_closed());
    }
}
