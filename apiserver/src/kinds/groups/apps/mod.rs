//! `apps`, beyond Deployment and ReplicaSet.

use crate::kinds::Subresource::{Scale, Status};
use crate::kinds::spec::Spec;

mod controllerrevision;
mod daemonset;
mod statefulset;

pub fn specs() -> Vec<Spec> {
    let apps = |spec: Spec| Spec { group: "apps", package: "apps", ..spec };
    let all = &["all"][..];
    vec![
        apps(Spec {
            short_names: &["sts"],
            categories: all,
            columns: statefulset::COLUMNS,
            subresources: &[Status, Scale],
            ..Spec::core("StatefulSet", "statefulsets", statefulset::StatefulSet)
        }),
        apps(Spec {
            short_names: &["ds"],
            categories: all,
            columns: daemonset::COLUMNS,
            subresources: &[Status],
            generations: true,
            ..Spec::core("DaemonSet", "daemonsets", daemonset::DaemonSet)
        }),
        apps(Spec {
            columns: controllerrevision::COLUMNS,
            ..Spec::core("ControllerRevision", "controllerrevisions", controllerrevision::ControllerRevision)
        }),
    ]
}
