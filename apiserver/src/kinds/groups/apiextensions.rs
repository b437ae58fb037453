//! `apiextensions.k8s.io`: the kind of the definitions of custom resources.

use crate::kinds::Subresource::Status;
use crate::kinds::customresourcedefinition::{COLUMNS, CustomResourceDefinition, GROUP};
use crate::kinds::spec::Spec;

pub fn specs() -> Vec<Spec> {
    vec![Spec {
        group: GROUP,
        package: "apiextensions-apiserver.pkg.apis.apiextensions",
        short_names: &["crd", "crds"],
        categories: &["api-extensions"],
        namespaced: false,
        columns: COLUMNS,
        subresources: &[Status],
        generations: true,
        ..Spec::core("CustomResourceDefinition", "customresourcedefinitions", CustomResourceDefinition)
    }]
}
