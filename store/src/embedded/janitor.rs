//! The thread that keeps the directory small: checkpoints, and dropping history that left the
//! window. The writer never waits for it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use tokio::sync::oneshot;

use super::committer::Committer;
use super::disk::Disk;
use super::history::{History, Segment};
use super::{checkpoint, thin};
use crate::hub::Hub;
use crate::timeline::now;
use crate::{Options, Revision};

/// How often it looks around by itself.
const EVERY: Duration = Duration::from_secs(5);
/// How long it leaves the disk to others between two files that it writes anew.
const BREATH: Duration = Duration::from_millis(100);

pub(crate) struct Janitor {
    waker: Waker,
}

#[derive(Clone)]
pub(crate) struct Waker(Sender<Option<oneshot::Sender<()>>>);

impl Waker {
    pub(crate) fn wake(&self) {
        let _ = self.0.send(None);
    }

    /// Returns when the thread touches no file any more.
    pub(crate) async fn stop(&self) {
        let (answer, answered) = oneshot::channel();
        if self.0.send(Some(answer)).is_ok() {
            let _ = answered.await;
        }
    }
}

impl Janitor {
    pub(crate) fn start(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        hub: Arc<Hub>,
        history: Arc<History>,
        committer: Committer,
        checkpoint: Option<(Revision, u64)>,
        options: Options,
    ) -> Janitor {
        let (waker, woken) = mpsc::channel();
        let work = Work { disk, dir, hub, history, committer, checkpoint, considered: HashSet::new(), options };
        std::thread::Builder::new()
            .name("store-janitor".to_owned())
            .spawn(move || work.run(woken))
            .expect("the system starts a thread");
        Janitor { waker: Waker(waker) }
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

struct Work {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    hub: Arc<Hub>,
    history: Arc<History>,
    committer: Committer,
    /// The newest checkpoint and its size in bytes.
    checkpoint: Option<(Revision, u64)>,
    /// Files (by where they start) that were looked at for events of these prefixes.
    considered: HashSet<(Revision, Vec<Arc<str>>)>,
    options: Options,
}

impl Work {
    fn run(mut self, woken: Receiver<Option<oneshot::Sender<()>>>) {
        let mut pause = EVERY;
        loop {
            match woken.recv_timeout(pause) {
                Ok(None) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Some(stop)) => {
                    drop(self);
                    let _ = stop.send(());
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if let Err(error) = self.write_checkpoint() {
                tracing::warn!("{}: writing a checkpoint: {error}", self.dir.display());
            }
            if let Err(problem) = self.drop_history() {
                tracing::warn!("{}: dropping history: {problem}", self.dir.display());
            }
            pause = match self.thin_one() {
                Ok(true) => BREATH,
                Ok(false) => EVERY,
                Err(problem) => {
                    tracing::warn!("{}: leaving out history: {problem}", self.dir.display());
                    EVERY
                }
            };
        }
    }

    /// Writes a checkpoint when the log since the last one has grown enough.
    fn write_checkpoint(&mut self) -> std::io::Result<()> {
        let (last, size) = self.checkpoint.unwrap_or((Revision(0), 0));
        let grown = self.history.bytes_after(last);
        if grown < self.options.checkpoint_bytes.max(size) {
            return Ok(());
        }
        let snapshot = self.hub.snapshot();
        if snapshot.revision() == last {
            // What the log has grown by is published in a moment. Writing the same again could, if it failed, remove what is there.
            return Ok(());
        }
        let size = checkpoint::write(&*self.disk, &self.dir, &snapshot)?;
        self.checkpoint = Some((snapshot.revision(), size));
        if last > Revision(0) {
            self.disk.remove(&checkpoint::path(&self.dir, last))?;
        }
        Ok(())
    }

    /// Removes log files that no checkpoint needs and that nobody may ask for.
    fn drop_history(&mut self) -> Result<(), String> {
        let Some((checkpoint, _)) = self.checkpoint else {
            return Ok(());
        };
        let closed = self.history.closed();
        let old = self.old(&closed, checkpoint);
        let Some(newest) = old.last() else {
            return Ok(());
        };
        // First noted, then removed: the other way round a missing file would look like damage.
        let noted = self.committer.note_oldest(newest.last);
        futures::executor::block_on(noted).map_err(|error| error.to_string())?;
        self.hub.raise_oldest(newest.last);
        self.history.drop_before(newest.last);
        self.considered.retain(|(after, _)| *after >= newest.last);
        for segment in old {
            self.disk.remove(&segment.path).map_err(|error| error.to_string())?;
        }
        self.disk.sync_dir(&self.dir).map_err(|error| error.to_string())
    }

    /// Leaves out of one log file what is kept for less time than the rest. Says whether there may be more to do.
    fn thin_one(&mut self) -> Result<bool, String> {
        let Some((checkpoint, _)) = self.checkpoint else {
            return Ok(false);
        };
        let since = |window: &Duration| now().saturating_sub(window.as_millis() as u64);
        let rules: Vec<_> =
            self.options.shorter.iter().map(|(prefix, window)| (prefix.clone(), since(window))).collect();
        for segment in self.history.closed().into_iter().take_while(|segment| segment.last <= checkpoint) {
            let due = thin::due(&segment, &rules);
            if due.is_empty() || !self.considered.insert((segment.after, due.clone())) {
                continue;
            }
            let without = [segment.without.clone(), due.clone()].concat();
            if let Some(thinned) = thin::thin(&*self.disk, &segment, &without).map_err(|error| error.to_string())? {
                // Raised first: who read the file meanwhile looks here before it believes that it read everything.
                due.iter().for_each(|prefix| self.hub.raise_oldest_of(prefix, segment.last));
                let rename = || self.disk.rename(&thinned.unfinished, &segment.path);
                let replaced =
                    self.history.replace(thinned.segment, rename).and_then(|()| self.disk.sync_dir(&self.dir));
                replaced.map_err(|error| error.to_string())?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn old<'a>(&self, closed: &'a [Segment], checkpoint: Revision) -> &'a [Segment] {
        let oldest = self.hub.oldest();
        let window = self.options.window.as_millis() as u64;
        let horizon = now().saturating_sub(window);
        let mut bytes: u64 = closed.iter().map(|segment| segment.size).sum();
        let count = closed
            .iter()
            .take_while(|segment| {
                let over = bytes > self.options.history_bytes;
                bytes -= segment.size;
                let unwanted = over || segment.time < horizon || segment.last <= oldest;
                unwanted && segment.last <= checkpoint
            })
            .count();
        &closed[..count]
    }
}
