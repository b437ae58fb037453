//! What runs, for whoever measures it.

use std::collections::HashMap;

use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder};
use futures::{StreamExt, stream};
use parking_lot::Mutex;

use super::{DockerRuntime, connect::Host, convert};
use crate::{
    labels,
    observed::PodIdentity,
    runtime::{Running, RuntimeError},
};

/// Looks at once.
const WIDTH: usize = 8;

/// What was learned of containers that run; it holds as long as they do.
#[derive(Default)]
pub struct Seen(Mutex<HashMap<String, Running>>);

impl DockerRuntime {
    pub(super) async fn all_running(&self) -> Result<Vec<Running>, RuntimeError> {
        if matches!(self.host, Host::Tcp(_)) {
            return Ok(Vec::new());
        }
        let filters = [("label", self.own()), ("status", vec!["running".to_owned()])];
        let listed = self.list(filters.map(|(key, value)| (key.to_owned(), value)).into()).await?;
        let ids: Vec<String> = listed.into_iter().filter_map(|summary| summary.id).collect();
        let new: Vec<String> = {
            let mut seen = self.seen.0.lock();
            seen.retain(|id, _| ids.contains(id));
            ids.into_iter().filter(|id| !seen.contains_key(id)).collect()
        };
        let looks = stream::iter(new)
            .map(|id| async move { self.docker.inspect_container(&id, None::<InspectContainerOptions>).await });
        let looks: Vec<_> = looks.buffer_unordered(WIDTH).collect().await;
        let mut seen = self.seen.0.lock();
        for inspected in looks {
            match inspected {
                Ok(inspected) => seen.extend(running(inspected).map(|one| (one.id.clone(), one))),
                // Gone since.
                Err(error) if convert::is_missing(&error) => {}
                Err(error) => return Err(convert::error(error)),
            }
        }
        Ok(seen.values().cloned().collect())
    }

    pub(super) async fn layer_sizes(&self) -> Result<HashMap<String, u64>, RuntimeError> {
        let filters = HashMap::from([("label".to_owned(), self.own())]);
        let options = ListContainersOptionsBuilder::new().all(true).size(true).filters(&filters).build();
        let listed = self.docker.list_containers(Some(options)).await.map_err(convert::error)?;
        let sizes = listed.into_iter().filter_map(|one| Some((one.id?, u64::try_from(one.size_rw?).ok()?)));
        Ok(sizes.collect())
    }
}

/// `None`: it runs no more.
fn running(inspected: bollard::models::ContainerInspectResponse) -> Option<Running> {
    let state = inspected.state?;
    let labels = inspected.config?.labels?;
    Some(Running {
        id: inspected.id?,
        pid: u32::try_from(state.pid?).ok().filter(|pid| *pid > 0)?,
        pod: PodIdentity {
            uid: convert::label(&labels, labels::POD_UID),
            name: convert::label(&labels, labels::POD_NAME),
            namespace: convert::label(&labels, labels::POD_NAMESPACE),
        },
        container: labels.contains_key(labels::SANDBOX_ID).then(|| convert::label(&labels, labels::CONTAINER)),
        started: state.started_at?.parse().ok()?,
        host_network: inspected.host_config?.network_mode.as_deref() == Some("host"),
        log: inspected.log_path.filter(|path| !path.is_empty()).map(Into::into),
    })
}
