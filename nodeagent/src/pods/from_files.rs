//! The part of the node's pods that comes from files.

use timonier_client::events::Regarding;

use super::*;

impl<R: Runtime> Pods<R> {
    /// Starts the folder's pods, and ends what files wanted that changed meanwhile. Without a folder nothing ever comes.
    pub(super) async fn open(&mut self, folder: Option<Folder>) -> watch::Receiver<Reading> {
        let Some(folder) = folder else { return watch::channel(Reading::default()).1 };
        let first = folder.read(Reading::default()).await;
        let wanted = first.pods();
        match self.shared.runtime.inventory().await {
            Ok(found) => {
                for Found { pod, grace } in found {
                    let same_name = wanted.get(&(pod.namespace.clone(), pod.name.clone()));
                    if same_name.is_some_and(|wanted| desired::identity(wanted) != pod) {
                        self.start(pod, Order::Gone { grace });
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look for containers of static pods that changed"),
        }
        self.take(&first).await;
        folder.follow(first)
    }

    pub(super) async fn take(&mut self, reading: &Reading) {
        for (path, fault) in &reading.faults {
            tracing::error!(path = %path.display(), fault, "static pod not read");
            let node = Regarding {
                kind: "Node".into(),
                api_version: "v1".into(),
                namespace: None,
                name: self.shared.node_name.as_str().into(),
                uid: self.shared.node_name.as_str().into(),
                field_path: None,
            };
            self.shared.recorder.warning(node, "FailedStaticPod", format!("{}: {fault}", path.display()));
        }
        let before = std::mem::replace(&mut self.statics.wanted, reading.pods());
        for uid in before.values().filter_map(|pod| pod.metadata.uid.as_deref()) {
            if !self.statics.is_wanted(uid) {
                self.gone(uid, None);
            }
        }
        self.settle().await;
    }

    /// Gives every static pod its worker and every worker its mirror, and says which mirrors there should be.
    pub(super) async fn settle(&mut self) {
        for (name, pod) in self.statics.wanted.clone() {
            let identity = desired::identity(&pod);
            let mirror = self.statics.mirror(&name, &identity.uid);
            let order = Order::Static { pod: pod.clone(), mirror };
            if let Some(handle) = self.workers.get(&identity.uid) {
                // One that ends must have ended before it starts again.
                handle.orders.send_if_modified(|known| {
                    let news = known.differs(&order);
                    if news {
                        *known = order;
                    }
                    news
                });
            } else if !self.subjects.values().any(|other| (&other.namespace, &other.name) == (&name.0, &name.1)) {
                self.directory.put(&pod);
                self.let_in(&pod, &identity.uid).await;
                self.start(identity, order);
            }
        }
        self.statics.brief(&self.workers.keys().map(String::as_str).collect());
    }
}

impl Order {
    /// Whether a static pod's worker must be told the other.
    fn differs(&self, other: &Order) -> bool {
        let (Order::Static { pod, mirror }, Order::Static { pod: other, mirror: shown }) = (self, other) else {
            return false;
        };
        let version = |mirror: &Option<Arc<Pod>>| mirror.as_ref().and_then(|pod| pod.metadata.resource_version.clone());
        pod != other || version(mirror) != version(shown)
    }
}
