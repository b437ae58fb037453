//! What the agents of this process count of their work, under the kubelet's names.

use std::sync::LazyLock;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Operation {
    operation_type: &'static str,
}

type Histograms = Family<Operation, Histogram, fn() -> Histogram>;

static STEPS: LazyLock<Histograms> = LazyLock::new(|| {
    let steps =
        Histograms::new_with_constructor(|| Histogram::new([0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0]));
    timonier_telemetry::register(|registry| {
        registry.register("kubelet_pod_worker_duration_seconds", "Time of one step of a pod's worker", steps.clone());
    });
    steps
});

/// A worker took a step.
pub fn stepped(operation_type: &'static str, took: Duration) {
    STEPS.get_or_create(&Operation { operation_type }).observe(took.as_secs_f64());
}
