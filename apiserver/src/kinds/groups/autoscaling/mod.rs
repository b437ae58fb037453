//! `autoscaling`: HorizontalPodAutoscaler in two versions. Kept as v2; v1 is another face of the same object.

use crate::kinds::Subresource::Status;
use crate::kinds::spec::Spec;

mod behavior;
mod faces;
mod hpa;
mod metrics;
mod reference;
mod targets;

pub fn specs() -> Vec<Spec> {
    let hpa = |version, face| Spec {
        group: "autoscaling",
        package: "autoscaling",
        version,
        storage_version: Some("v2"),
        short_names: &["hpa"],
        categories: &["all"],
        columns: hpa::COLUMNS,
        subresources: &[Status],
        enforced: false,
        ..Spec::core("HorizontalPodAutoscaler", "horizontalpodautoscalers", hpa::HorizontalPodAutoscaler { face })
    };
    vec![hpa("v2", hpa::Face::V2), hpa("v1", hpa::Face::V1)]
}
