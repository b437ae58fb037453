//! From a definition to the rows of the table.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::{Arc, OnceLock};

use timonier_api::kind::{GroupResource, Kind};
use tokio_util::sync::CancellationToken;

use super::definition::{Definition, Scale, Version};
use super::{Custom, ScalePaths, columns};
use crate::kinds::customresourcedefinition::simple_path;
use crate::kinds::{Row, Subresource};

/// What a definition adds to a server.
pub struct Rows {
    /// Those of the versions that are served, the newest first.
    pub served: Vec<Arc<Row>>,
    /// That of the version in which objects are stored, served or not.
    pub storage: Option<Arc<Row>>,
}

impl Rows {
    /// Of a definition whose names are not accepted.
    pub fn none() -> Rows {
        Rows { served: vec![], storage: None }
    }
}

/// The rows of an established definition. They end with `life`.
pub fn rows(definition: &Arc<Definition>, life: &CancellationToken) -> Rows {
    let mut versions: Vec<&Version> = definition.spec().versions.iter().collect();
    versions.sort_by_key(|version| Reverse(priority(&version.name)));
    let mut rows = Rows::none();
    for version in versions.into_iter().filter(|version| version.served || version.storage) {
        let row = Arc::new(row(definition, version, life));
        if version.served {
            rows.served.push(row.clone());
        }
        if version.storage {
            rows.storage = Some(row);
        }
    }
    rows
}

fn row(definition: &Arc<Definition>, version: &Version, life: &CancellationToken) -> Row {
    let (spec, names) = (definition.spec(), definition.accepted());
    let (columns, cells) = columns::columns(&version.additional_printer_columns);
    let scale = version.subresources.scale.as_ref().and_then(scale_paths);
    let mut subresources = vec![];
    if version.subresources.status.is_some() {
        subresources.push(Subresource::Status);
    }
    if scale.is_some() {
        subresources.push(Subresource::Scale);
    }
    let storage = spec.versions.iter().find(|version| version.storage).map_or("", |version| &*version.name);
    let fields = |version: &Version| {
        let paths = version.selectable_fields.iter().map(|field| field.json_path.trim_start_matches('.').to_owned());
        paths.collect::<Vec<String>>()
    };
    let mut noted: Vec<String> = spec.versions.iter().flat_map(fields).collect();
    noted.sort_unstable();
    noted.dedup();
    let custom = Custom {
        version: version.name.clone(),
        stored_as: format!("{}/{storage}", spec.group),
        schemas: OnceLock::new(),
        cells,
        selectable: fields(version),
        noted,
        has_status: version.subresources.status.is_some(),
        scale,
        reshapes: definition.generation() > 1 || definition.stored_versions().iter().any(|stored| stored != storage),
        life: life.clone(),
        definition: definition.clone(),
    };
    Row {
        kind: Kind {
            group: spec.group.clone(),
            version: version.name.clone(),
            kind: spec.names.kind.clone(),
            plural: spec.names.plural.clone(),
            singular: names.singular.clone(),
            short_names: names.short_names.clone(),
            categories: names.categories.clone(),
            namespaced: spec.scope == "Namespaced",
            definition: definition_name(&spec.group, &version.name, &spec.names.kind),
        },
        storage: GroupResource::new(&*spec.group, &*spec.names.plural),
        storage_version: storage.to_owned(),
        generations: true,
        verbs: Cow::Borrowed(Row::ALL_VERBS),
        columns: Cow::Owned(columns),
        subresources: Cow::Owned(subresources),
        hooks: Arc::new(custom),
        enforced: true,
        ttl: None,
    }
}

fn scale_paths(scale: &Scale) -> Option<ScalePaths> {
    Some(ScalePaths {
        replicas: simple_path(&scale.spec_replicas_path)?,
        status_replicas: simple_path(&scale.status_replicas_path)?,
        selector: scale.label_selector_path.as_deref().and_then(simple_path),
    })
}

/// `com.example.stable.v1.CronTab`
fn definition_name(group: &str, version: &str, kind: &str) -> String {
    let mut parts: Vec<&str> = group.split('.').rev().collect();
    parts.extend([version, kind]);
    parts.join(".")
}

/// The order of versions in Kubernetes: `v2`, `v1`, `v2beta1`, `v1beta2`, `v1alpha1`, then all others, by name.
pub fn priority(version: &str) -> (u8, u64, u64, Reverse<String>) {
    let parsed = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (major, stage) = rest.split_at(digits);
        let major: u64 = major.parse().ok()?;
        let minor = |word: &str| stage.strip_prefix(word)?.parse::<u64>().ok();
        match (stage, minor("beta"), minor("alpha")) {
            ("", _, _) => Some((3, major, 0)),
            (_, Some(minor), _) => Some((2, major, minor)),
            (_, _, Some(minor)) => Some((1, major, minor)),
            _ => None,
        }
    };
    let (stage, major, minor) = parsed().unwrap_or((0, 0, 0));
    (stage, major, minor, Reverse(if stage == 0 { version.to_owned() } else { String::new() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stand_in_the_order_in_which_clients_prefer_them() {
        let mut versions =
            ["foo1", "v1alpha1", "v10", "v2", "v1beta2", "v1", "v2beta1", "foo10", "v11beta2", "v1alpha2"];
        versions.sort_by_key(|version| Reverse(priority(version)));
        let expected = ["v10", "v2", "v1", "v11beta2", "v2beta1", "v1beta2", "v1alpha2", "v1alpha1", "foo1", "foo10"];
        assert_eq!(versions, expected);
    }

    #[test]
    fn a_definition_of_openapi_is_named_by_the_reversed_group() {
        assert_eq!(definition_name("stable.example.com", "v1", "CronTab"), "com.example.stable.v1.CronTab");
    }
}
