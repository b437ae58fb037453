//! What a server reads of a definition: all but its schemas, which stay text until somebody needs them.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// A stored definition.
pub struct Definition {
    view: View,
    /// The whole of it, as it is stored.
    json: Bytes,
}

/// What of a definition makes its rows, besides its generation: when none of it has changed, neither have they.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint {
    uid: String,
    generation: i64,
    accepted: Names,
    stored: Vec<String>,
    established: bool,
    ending: bool,
}

#[derive(Deserialize)]
struct View {
    metadata: Meta,
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    name: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    generation: i64,
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize)]
pub struct Spec {
    pub group: String,
    pub names: Names,
    pub scope: String,
    pub versions: Vec<Version>,
}

#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Names {
    pub plural: String,
    pub singular: String,
    pub kind: String,
    pub list_kind: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub name: String,
    #[serde(default)]
    pub served: bool,
    #[serde(default)]
    pub storage: bool,
    #[serde(default)]
    pub deprecated: bool,
    pub deprecation_warning: Option<String>,
    #[serde(default)]
    pub subresources: Subresources,
    #[serde(default)]
    pub additional_printer_columns: Vec<PrinterColumn>,
    #[serde(default)]
    pub selectable_fields: Vec<SelectableField>,
}

#[derive(Default, Deserialize)]
pub struct Subresources {
    pub status: Option<serde::de::IgnoredAny>,
    pub scale: Option<Scale>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scale {
    pub spec_replicas_path: String,
    pub status_replicas_path: String,
    pub label_selector_path: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PrinterColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub type_: String,
    pub format: String,
    pub description: String,
    pub priority: i32,
    pub json_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelectableField {
    pub json_path: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    accepted_names: Names,
    stored_versions: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

impl Definition {
    /// `None`: it is not one, which no definition that was accepted can be.
    pub fn read(json: Bytes) -> Option<Definition> {
        Some(Definition { view: serde_json::from_slice(&json).ok()?, json })
    }

    pub fn name(&self) -> &str {
        &self.view.metadata.name
    }

    pub fn group(&self) -> &str {
        &self.view.spec.group
    }

    pub fn spec(&self) -> &Spec {
        &self.view.spec
    }

    /// The names that the server has accepted.
    pub fn accepted(&self) -> &Names {
        &self.view.status.accepted_names
    }

    /// Versions in which objects may be stored.
    pub fn stored_versions(&self) -> &[String] {
        &self.view.status.stored_versions
    }

    pub fn generation(&self) -> i64 {
        self.view.metadata.generation
    }

    pub fn is(&self, condition: &str) -> bool {
        self.view.status.conditions.iter().any(|c| c.type_ == condition && c.status == "True")
    }

    /// Whether it waits for its objects to go.
    pub fn is_ending(&self) -> bool {
        self.view.metadata.deletion_timestamp.is_some()
    }

    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            uid: self.view.metadata.uid.clone(),
            generation: self.generation(),
            accepted: self.accepted().clone(),
            stored: self.stored_versions().to_vec(),
            established: self.is("Established"),
            ending: self.is_ending(),
        }
    }

    /// Another text wherever it says something else.
    pub fn identity(&self) -> String {
        let meta = &self.view.metadata;
        format!("{}/{}/{}", meta.name, meta.uid, meta.generation)
    }

    /// The `openAPIV3Schema` of a version; null if there is none.
    pub fn schema(&self, version: &str) -> Value {
        #[derive(Deserialize)]
        struct Whole {
            spec: Versions,
        }
        #[derive(Deserialize)]
        struct Versions {
            versions: Vec<Schema>,
        }
        #[derive(Deserialize)]
        struct Schema {
            name: String,
            #[serde(default)]
            schema: Value,
        }
        let whole: Option<Whole> = serde_json::from_slice(&self.json).ok();
        let versions = whole.into_iter().flat_map(|whole| whole.spec.versions);
        let mut found = versions.filter(|v| v.name == version).map(|mut v| v.schema["openAPIV3Schema"].take());
        found.next().unwrap_or_default()
    }
}
