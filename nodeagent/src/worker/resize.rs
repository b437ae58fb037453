//! Giving a container other resources while it runs.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::Worker;
use crate::{
    desired::{
        resources,
        roster::{self, Sort},
    },
    memory::Retry,
    runtime::Runtime,
};

/// First and longest time between two tries.
const PACE: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(1), SignedDuration::from_secs(30));

impl<R: Runtime> Worker<R> {
    pub(super) async fn resize(&mut self, container: &str, id: &str) {
        let Some(pod) = self.pod.clone() else { return };
        let Some(member) = roster::member(&pod, container) else { return };
        let done = match resources::resources(&pod, &member, &self.shared.facts) {
            Ok(resources) => self.shared.runtime.update(id, &resources).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let memory = self.memory.container(container);
        match done {
            Ok(()) => {
                memory.resize = None;
                memory.instance.resources = Some(member.resources.clone().unwrap_or_default());
                let resized = json!({"containers": [{"name": container, "resources": member.resources}],
                    "generation": pod.metadata.generation});
                self.notices.normal("ResizeCompleted", format!("Pod resize completed: {resized}"));
            }
            Err(message) => {
                memory.resize =
                    Some(Retry::after(memory.resize.as_ref(), Timestamp::now(), PACE, "Error", message.clone()));
                self.notices.warning("ResizeError", format!("Pod resize error: {message}"));
            }
        }
    }

    /// Notes what a pod asks for that its node could never give.
    pub(super) fn judge_resize(&mut self, pod: &Pod) {
        let refused = beyond(pod, i64::from(self.shared.facts.cpus) * 1000, self.shared.facts.memory_bytes as i64);
        if refused.is_some() && refused != self.memory.infeasible && self.said.start_time.is_some() {
            let message = refused.clone().unwrap_or_default();
            self.notices.warning("ResizeInfeasible", format!("Pod resize infeasible: {message}"));
        }
        self.memory.infeasible = refused;
    }
}

/// In the kubelet's words: cpu in thousandths, memory in bytes.
fn beyond(pod: &Pod, milli_cpu: i64, memory: i64) -> Option<String> {
    let sidecars = roster::init(pod).filter(|member| member.sort == Sort::Sidecar);
    let members: Vec<_> = sidecars.chain(roster::main(pod)).collect();
    [("cpu", milli_cpu), ("memory", memory)].into_iter().find_map(|(name, capacity)| {
        let requested: i64 = members.iter().filter_map(|member| resources::container_request(member, name)).sum();
        (capacity > 0 && requested > capacity)
            .then(|| format!("Node didn't have enough capacity: {name}, requested: {requested}, capacity: {capacity}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_node_can_never_give_is_named() {
        let pod: Pod = serde_json::from_value(json!({"spec": {"containers": [
            {"name": "a", "resources": {"requests": {"cpu": "1500m"}}},
            {"name": "b", "resources": {"requests": {"cpu": "1", "memory": "1Ki"}}}]}}))
        .expect("a pod");
        assert_eq!(beyond(&pod, 2500, 1024), None);
        assert_eq!(
            beyond(&pod, 2000, 1024).as_deref(),
            Some("Node didn't have enough capacity: cpu, requested: 2500, capacity: 2000")
        );
        assert_eq!(
            beyond(&pod, 4000, 1000).as_deref(),
            Some("Node didn't have enough capacity: memory, requested: 1024, capacity: 1000")
        );
    }
}
