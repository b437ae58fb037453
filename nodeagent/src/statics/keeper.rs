//! Writes mirrors as planned, and tries again until the plan is another one.

use std::time::Duration;

use k8s_openapi::{
    api::core::v1::{Node, Pod},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams, Preconditions},
};
use tokio::{sync::watch, time::sleep};

use super::mirror::{Todo, mirror};
use crate::node::{WriteError, in_time};

const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(10);

pub struct Keeper {
    pub client: Client,
    pub node_name: String,
}

impl Keeper {
    /// Ends with the plan's sender.
    pub async fn run(self, mut plan: watch::Receiver<Vec<Todo>>) {
        let mut delay = FIRST_RETRY;
        loop {
            let todo = plan.borrow_and_update().clone();
            let mut failed = false;
            for one in &todo {
                if let Err(error) = self.act(one).await {
                    tracing::warn!(%error, "mirror pod not written");
                    failed = true;
                }
            }
            // What was made is seen, and makes another plan; what was there already may not be.
            let again = if failed || !todo.is_empty() { delay } else { Duration::MAX };
            tokio::select! {
                changed = plan.changed() => match changed {
                    Ok(()) => delay = FIRST_RETRY,
                    Err(_) => return,
                },
                () = sleep(again) => delay = (delay * 2).min(LAST_RETRY),
            }
        }
    }

    async fn act(&self, todo: &Todo) -> Result<(), WriteError> {
        match todo {
            Todo::Create(pod) => self.create(pod).await,
            Todo::Delete { name: (namespace, name), uid } => {
                let parameters = DeleteParams {
                    grace_period_seconds: Some(0),
                    preconditions: Some(Preconditions { uid: Some(uid.clone()), resource_version: None }),
                    ..DeleteParams::default()
                };
                let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
                match in_time(pods.delete(name, &parameters)).await {
                    // Gone, or another one by now.
                    Err(WriteError::Api(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => Ok(()),
                    other => other.map(drop),
                }
            }
        }
    }

    async fn create(&self, pod: &Pod) -> Result<(), WriteError> {
        let node = in_time(Api::<Node>::all(self.client.clone()).get(&self.node_name)).await?;
        let mut mirror = mirror(pod);
        mirror.metadata.owner_references = Some(vec![OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            name: self.node_name.clone(),
            uid: node.metadata.uid.unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: None,
        }]);
        let namespace = mirror.metadata.namespace.clone().unwrap_or_default();
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        in_time(pods.create(&PostParams::default(), &mirror)).await.map(drop)
    }
}
