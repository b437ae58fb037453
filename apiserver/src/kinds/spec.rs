//! How the rows of the built-in kinds are written down.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use timonier_api::kind::{GroupResource, Kind};

use super::{Column, Hooks, Row, Subresource};

/// How a row is written down: what is common to nearly all kinds is filled in.
pub struct Spec {
    /// `""` for the core group.
    pub group: &'static str,
    pub version: &'static str,
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
    /// The version in which they are kept, if it is not this one.
    pub storage_version: Option<&'static str>,
    /// Whether `metadata.generation` counts specs. Kinds that scale, and pods, count them anyway.
    pub generations: bool,
    pub verbs: &'static [&'static str],
}

/// The columns of a kind that has nothing more to show.
const NAME_AND_AGE: &[Column] = &[Column::NAME, Column::AGE];

impl Spec {
    pub fn core(kind: &'static str, plural: &'static str, hooks: impl Hooks + 'static) -> Spec {
        let hooks: Arc<dyn Hooks> = Arc::new(hooks);
        Spec {
            group: "",
            version: "v1",
            kind,
            plural,
            short_names: &[],
            categories: &[],
            namespaced: true,
            package: "core",
            columns: NAME_AND_AGE,
            subresources: &[],
            verbs: if hooks.review().is_some() { Row::ASKED } else { Row::ALL_VERBS },
            hooks,
            enforced: true,
            ttl: None,
            storage_group: None,
            storage_version: None,
            generations: false,
        }
    }

    pub fn row(self) -> Row {
        let storage_group = self.storage_group.unwrap_or(self.group);
        let api = if self.package.contains('.') { "" } else { "api." };
        Row {
            storage: GroupResource::new(storage_group, self.plural),
            kind: Kind {
                group: self.group.to_owned(),
                version: self.version.to_owned(),
                kind: self.kind.to_owned(),
                plural: self.plural.to_owned(),
                singular: self.kind.to_lowercase(),
                short_names: self.short_names.iter().map(|s| s.to_string()).collect(),
                categories: self.categories.iter().map(|s| s.to_string()).collect(),
                namespaced: self.namespaced,
                definition: format!("io.k8s.{api}{}.{}.{}", self.package, self.version, self.kind),
            },
            storage_version: self.storage_version.unwrap_or(self.version).to_owned(),
            generations: self.generations
                || [Subresource::Scale, Subresource::Binding].iter().any(|part| self.subresources.contains(part)),
            verbs: Cow::Borrowed(self.verbs),
            columns: Cow::Borrowed(self.columns),
            subresources: Cow::Borrowed(self.subresources),
            hooks: self.hooks,
            enforced: self.enforced,
            ttl: self.ttl,
        }
    }
}
