//! What the agent says about a pod as Events, in the kubelet's words (1.36).

use std::sync::Arc;

use timonier_client::events::{Recorder, Regarding};

use crate::{observed::PodIdentity, plan::Why};

/// Speaks about one pod. A simulated pod's life is not worth an event.
pub struct Notices {
    recorder: Recorder,
    pod: Regarding,
    silent: bool,
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
        Notices { recorder, pod, silent }
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
            Why::PodEnds => format!("Stopping container {container}"),
            Why::SandboxChanged => format!("Stopping container {container}"),
            Why::Changed { container } => format!("Container {container} definition changed, will be restarted"),
            Why::Unhealthy { container, probe } => {
                format!("Container {container} failed {probe} probe, will be restarted")
            }
        };
        self.container_normal(container, "Killing", message);
    }

    fn about(&self, container: &str) -> Regarding {
        self.pod.clone().field(Arc::from(format!("spec.containers{{{container}}}")))
    }
}
