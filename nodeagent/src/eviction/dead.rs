//! Throwing away what ended containers left: their layers and logs. Nobody can read those logs afterwards, but no pod
//! that runs had to go for them.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};

use super::{Reclaim, Signal};
use crate::{directory::Directory, observed::State, runtime::Runtime};

pub struct DeadContainers<R> {
    pub runtime: Arc<R>,
    pub directory: Directory,
}

impl<R: Runtime> Reclaim for DeadContainers<R> {
    fn reclaim(&self, _signal: Signal) -> BoxFuture<'_, ()> {
        async {
            for pod in self.directory.all() {
                let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
                let over = matches!(phase, Some("Succeeded" | "Failed"));
                let uid = pod.metadata.uid.as_deref().unwrap_or_default();
                let Ok(observed) = self.runtime.observe(uid).await else { continue };
                let dead = observed.containers.iter().filter(|one| matches!(one.state, State::Exited(_)));
                // How one that is to start again ended must stay known.
                let newest = |name: &str, id: &str| observed.container(name).is_some_and(|newest| newest.id == id);
                for one in dead.filter(|one| over || !newest(&one.name, &one.id)) {
                    if let Err(error) = self.runtime.remove(&one.id).await {
                        tracing::debug!(%error, pod = pod.metadata.name, "dead container not removed");
                    }
                }
            }
        }
        .boxed()
    }
}
