//! How the rows of the built-in kinds are written down.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use timonier_api::kind::{GroupResource, Kind};

use super::{Column, Hooks, Row, Subresource};

/// How a row is written down: what is common to nearly all kinds is filled in.
pub struct Spec {
    /// `""` for the core group; all of these are version `v1`.
    pub group: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    pub short_names: &'static [&'static str],
    pub categories: &'static [&'static str],
    pub namespaced: bool,
    /// The middle of the definition's name: `core`, `apps`; with dots where it does not begin with `io.k8s.api`.
    pub package: &'static str,
    pub columns: &'static [Column],
    pub subresources: &'static [Subresource],
    pub hooks: Arc<dyn Hooks>,
    pub enforced: bool,
    pub ttl: Option<Duration>,
    /// Where objects are kept, if it is not under the kind's own group.
    pub storage_group: Option<&'static str>,
}

/// The columns of a kind that has nothing more to show.
const NAME_AND_AGE: &[Column] = &[Column::NAME, Column::AGE];

impl Spec {
    pub fn core(kind: &'static str, plural: &'static str, hooks: impl Hooks + 'static) -> Spec {
        Spec {
            group: "",
            kind,
            plural,
            short_names: &[],
            categories: &[],
            namespaced: true,
            package: "core",
            columns: NAME_AND_AGE,
            subresources: &[],
            hooks: Arc::new(hooks),
            enforced: true,
            ttl: None,
            storage_group: None,
        }
    }

    pub fn row(self) -> Row {
        let storage_group = self.storage_group.unwrap_or(self.group);
        let api = if self.package.contains('.') { "" } else { "api." };
        Row {
            storage: GroupResource::new(storage_group, self.plural),
            kind: Kind {
                group: self.group.to_owned(),
                version: "v1".to_owned(),
                kind: self.kind.to_owned(),
                plural: self.plural.to_owned(),
                singular: self.kind.to_lowercase(),
                short_names: self.short_names.iter().map(|s| s.to_string()).collect(),
                categories: self.categories.iter().map(|s| s.to_string()).collect(),
                namespaced: self.namespaced,
                definition: format!("io.k8s.{api}{}.v1.{}", self.package, self.kind),
            },
            columns: Cow::Borrowed(self.columns),
            subresources: Cow::Borrowed(self.subresources),
            hooks: self.hooks,
            enforced: self.enforced,
            ttl: self.ttl,
        }
    }
}
