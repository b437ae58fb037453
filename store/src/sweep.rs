//! The waking of many: slice by slice, so that whoever else has work is not behind thousands of watchers.
//!
//! A topic with few waiters is woken by the writer at once. One with many is swept: a slice of them is woken, the
//! runtime does that work and whatever else came, then the next slice. Meanwhile more events come, and a watcher takes
//! all that waits when its turn is there, so the more there is to do, the cheaper an event becomes.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::yield_now;

use crate::topic::Topic;

/// Hands topics to the task that sweeps them, which ends with this value.
pub(crate) struct Sweeper(UnboundedSender<Arc<Topic>>);

impl Sweeper {
    /// Runs in the current runtime.
    pub(crate) fn start() -> Sweeper {
        let (sender, topics) = unbounded_channel();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(run(topics));
        }
        Sweeper(sender)
    }

    /// Wakes those who wait for events of `topic`.
    pub(crate) fn wake(&self, topic: &Arc<Topic>) {
        // Without the task (its runtime is gone) nobody is left out: all are woken at once.
        if topic.begin_sweep() && self.0.send(topic.clone()).is_err() {
            topic.wake_all();
        }
    }
}

async fn run(mut topics: UnboundedReceiver<Arc<Topic>>) {
    let mut sweeping = VecDeque::new();
    loop {
        if sweeping.is_empty() {
            let Some(topic) = topics.recv().await else { return };
            sweeping.push_back(topic);
        }
        while let Ok(topic) = topics.try_recv() {
            sweeping.push_back(topic);
        }
        if let Some(topic) = sweeping.pop_front()
            && topic.sweep_on()
        {
            sweeping.push_back(topic);
        }
        yield_now().await;
    }
}
