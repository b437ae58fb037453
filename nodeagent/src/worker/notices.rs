//! What the agent says about a pod as Events, in the kubelet's words (1.36).

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Pod;
use timonier_client::events::{Recorder, Regarding};

use crate::{desired::roster, memory::Failing, observed::PodIdentity, plan::Why};

/// Speaks about one pod. A simulated pod's life is not worth an event.
pub struct Notices {
    recorder: Recorder,
    pod: Regarding,
    silent: bool,
    /// The list of the pod's spec that each container stands in.
    lists: BTreeMap<String, &'static str>,
}

impl Notices {
    pub fn new(recorder: Recorder, pod: &PodIdentity, silent: bool) -> Self {
        let pod = Regarding {
            kind: "Pod".into(),
            api_version: "v1".into(),
            namespace: Some(pod.namespace.as_str().into()),
            name: pod.name.as_str().into(),
            uid: pod.uid.as_str().into(),
            field_path: None,
        };
        Notices { recorder, pod, silent, lists: BTreeMap::new() }
    }

    /// Learns which containers the pod has.
    pub fn know(&mut self, pod: &Pod) {
        self.lists = roster::all(pod).map(|member| (member.name.clone(), member.sort.list())).collect();
    }

    pub fn normal(&self, reason: &str, message: impl Into<String>) {
        if !self.silent {
            self.recorder.normal(self.pod.clone(), reason, message);
        }
    }

    pub fn warning(&self, reason: &str, message: impl Into<String>) {
        if !self.silent {
            self.recorder.warning(self.pod.clone(), reason, message);
        }
    }

    pub fn container_normal(&self, container: &str, reason: &str, message: impl Into<String>) {
        if !self.silent {
            self.recorder.normal(self.about(container), reason, message);
        }
    }

    pub fn container_warning(&self, container: &str, reason: &str, message: impl Into<String>) {
        if !self.silent {
            self.recorder.warning(self.about(container), reason, message);
        }
    }

    pub fn stopping(&self, container: &str, why: &Why) {
        let message = match why {
            Why::PodEnds | Why::SandboxChanged => format!("Stopping container {container}"),
            Why::Changed => format!("Container {container} definition changed, will be restarted"),
            Why::Resized => format!("Container {container} resize requires restart"),
            Why::Failing(Failing::Startup) => format!("Container {container} failed startup probe, will be restarted"),
            Why::Failing(Failing::Liveness) => {
                format!("Container {container} failed liveness probe, will be restarted")
            }
            Why::Failing(Failing::PostStart) => "FailedPostStartHook".to_owned(),
        };
        self.container_normal(container, "Killing", message);
    }

    fn about(&self, container: &str) -> Regarding {
        let list = self.lists.get(container).copied().unwrap_or("containers");
        self.pod.clone().field(Arc::from(format!("spec.{list}{{{container}}}")))
    }
}
