//! The newest revision that anybody may have seen: one linearizable read for all who wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_client::GetOptions;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::{Shared, load};
use crate::{ReadError, Revision};

const PAUSE: Duration = Duration::from_millis(50);

type Answer = Result<Revision, ReadError>;

/// A handle to the task that asks.
pub(super) struct Fresh {
    waiting: mpsc::UnboundedSender<oneshot::Sender<Answer>>,
}

impl Fresh {
    pub(super) fn start(shared: Arc<Shared>, tasks: &mut JoinSet<()>) -> Fresh {
        let (waiting, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<Answer>>();
        tasks.spawn(async move {
            while let Some(first) = asked.recv().await {
                // Who comes after the read has begun is answered by the next one: this one may
                // not know of what they have seen.
                let mut all = vec![first];
                while let Ok(more) = asked.try_recv() {
                    all.push(more);
                }
                let answer = ask(&shared).await;
                for waiting in all {
                    let _ = waiting.send(answer.clone());
                }
            }
        });
        Fresh { waiting }
    }

    pub(super) fn newest(&self) -> impl Future<Output = Answer> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        let _ = self.waiting.send(answer);
        async move {
            let closed = |_| ReadError::Unavailable("the store was closed".to_owned());
            answered.await.map_err(closed)?
        }
    }
}

/// Asks until there is an answer: reading twice does no harm.
async fn ask(shared: &Shared) -> Answer {
    let connection = &shared.connection;
    let started = Instant::now();
    loop {
        connection.ready().await.map_err(ReadError::Unavailable)?;
        let key = shared.layout.meta_key("format");
        let counted = GetOptions::new().with_count_only();
        let mut kv = connection.kv();
        match connection.call(kv.get(key, Some(counted))).await {
            Ok(answer) => return Ok(shared.layout.revision(load::header(&answer).0)),
            Err(failure) if started.elapsed() > connection.timeout() => {
                return Err(ReadError::Unavailable(format!("etcd: {failure}")));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
