//! The core group's smaller kinds.

use crate::kinds::Subresource::{Scale, Status};
use crate::kinds::spec::Spec;

mod binding;
mod componentstatus;
mod endpoints;
mod limitrange;
mod podtemplate;
mod replicationcontroller;
mod resourcequota;

pub fn specs() -> Vec<Spec> {
    vec![
        Spec { verbs: &["create"], ..Spec::core("Binding", "bindings", binding::Binding) },
        Spec {
            short_names: &["cs"],
            namespaced: false,
            verbs: &["get", "list"],
            columns: componentstatus::COLUMNS,
            ..Spec::core("ComponentStatus", "componentstatuses", componentstatus::ComponentStatus)
        },
        Spec {
            short_names: &["ep"],
            columns: endpoints::COLUMNS,
            ..Spec::core("Endpoints", "endpoints", endpoints::Endpoints)
        },
        Spec {
            short_names: &["limits"],
            columns: limitrange::COLUMNS,
            ..Spec::core("LimitRange", "limitranges", limitrange::LimitRange)
        },
        Spec {
            columns: podtemplate::COLUMNS,
            generations: true,
            ..Spec::core("PodTemplate", "podtemplates", podtemplate::PodTemplate)
        },
        Spec {
            short_names: &["rc"],
            categories: &["all"],
            columns: replicationcontroller::COLUMNS,
            subresources: &[Status, Scale],
            ..Spec::core(
                "ReplicationController",
                "replicationcontrollers",
                replicationcontroller::ReplicationController,
            )
        },
        Spec {
            short_names: &["quota"],
            columns: resourcequota::COLUMNS,
            subresources: &[Status],
            ..Spec::core("ResourceQuota", "resourcequotas", resourcequota::ResourceQuota)
        },
    ]
}
