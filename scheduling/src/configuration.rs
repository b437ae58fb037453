//! Which profiles there are, and which pods, by their `spec.schedulerName`, are placed by which: as a file says it, and as
//! a scheduler publishes it for whoever explains its decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::pod::DEFAULT_SCHEDULER;
use crate::profile::{Profile, Strategy};

pub const API_VERSION: &str = "timonier.dev/v1";
pub const KIND: &str = "SchedulerConfiguration";

/// The ConfigMap in which the scheduler that acts says its configuration, before it decides anything.
pub const PUBLISHED_NAMESPACE: &str = "kube-system";
pub const PUBLISHED_NAME: &str = "timonier-scheduler";
/// Its key there. The value is JSON.
pub const PUBLISHED_KEY: &str = "configuration";

/// `kind: SchedulerConfiguration`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Configuration {
    pub api_version: String,
    pub kind: String,
    #[serde(default)]
    pub profiles: Vec<Section>,
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Section {
    #[serde(default)]
    pub scheduler_name: String,
    /// One of [`Strategy::ALL`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Of scores, 0 to 100.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, i64>,
    /// Filters and scores that are left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub disabled: BTreeSet<String>,
}

/// What is wrong, with the field's path.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    #[error("{0}")]
    Syntax(String),
    #[error("{field}: Unsupported value: {given:?}: supported values: {}", supported.join(", "))]
    Unsupported { field: String, given: String, supported: Vec<String> },
    #[error("{field}: Invalid value: {given}: must be between 0 and 100")]
    Weight { field: String, given: i64 },
    #[error("{0}: Required value")]
    Required(String),
    #[error("{field}: Duplicate value: {given:?}")]
    Duplicate { field: String, given: String },
}

/// Profiles by `spec.schedulerName`; that of Kubernetes' default scheduler is always among them.
#[derive(Clone)]
pub struct Profiles {
    configuration: Configuration,
    by_name: BTreeMap<Arc<str>, Profile>,
}

impl Default for Configuration {
    fn default() -> Configuration {
        Configuration { api_version: API_VERSION.into(), kind: KIND.into(), profiles: vec![] }
    }
}

/// Pods that name no scheduler, or the default one, are placed as Kubernetes places them.
impl Default for Profiles {
    fn default() -> Profiles {
        let section = Section { scheduler_name: DEFAULT_SCHEDULER.into(), ..Section::default() };
        Profiles {
            configuration: Configuration { profiles: vec![section], ..Configuration::default() },
            by_name: [(Arc::from(DEFAULT_SCHEDULER), Profile::default())].into(),
        }
    }
}

impl Profiles {
    pub fn of(configuration: Configuration) -> Result<Profiles, Malformed> {
        let Configuration { api_version, kind, profiles } = &configuration;
        for (field, given, supported) in [("apiVersion", api_version, API_VERSION), ("kind", kind, KIND)] {
            if given != supported {
                return Err(unsupported(field.into(), given, vec![supported.into()]));
            }
        }
        let mut by_name = BTreeMap::new();
        for (index, section) in profiles.iter().enumerate() {
            let at = format!("profiles[{index}]");
            let profile = section.profile(&at)?;
            let name = &section.scheduler_name;
            if by_name.insert(Arc::from(name.as_str()), profile).is_some() {
                return Err(Malformed::Duplicate { field: format!("{at}.schedulerName"), given: name.clone() });
            }
        }
        let mut complete = Profiles { configuration, by_name };
        if !complete.by_name.contains_key(DEFAULT_SCHEDULER) {
            let Profiles { configuration, by_name } = Profiles::default();
            complete.configuration.profiles.splice(0..0, configuration.profiles);
            complete.by_name.extend(by_name);
        }
        Ok(complete)
    }

    /// What was published.
    pub fn from_json(text: &str) -> Result<Profiles, Malformed> {
        Profiles::of(serde_json::from_str(text).map_err(|error| Malformed::Syntax(error.to_string()))?)
    }

    /// All of them, the default one included.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    pub fn get(&self, scheduler_name: &str) -> Option<&Profile> {
        self.by_name.get(scheduler_name)
    }

    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    pub fn into_each(self) -> impl Iterator<Item = (Arc<str>, Profile)> {
        self.by_name.into_iter()
    }
}

fn unsupported(field: String, given: &str, supported: Vec<String>) -> Malformed {
    Malformed::Unsupported { field, given: given.to_owned(), supported }
}

fn owned(names: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

impl Section {
    fn profile(&self, at: &str) -> Result<Profile, Malformed> {
        if self.scheduler_name.is_empty() {
            return Err(Malformed::Required(format!("{at}.schedulerName")));
        }
        let strategy = match &self.strategy {
            None => Strategy::default(),
            Some(given) => Strategy::parse(given).ok_or_else(|| {
                let names = Strategy::ALL.iter().map(|(name, _)| *name);
                unsupported(format!("{at}.strategy"), given, owned(names))
            })?,
        };
        let mut profile = Profile::new(strategy);
        for (score, weight) in &self.weights {
            let field = format!("{at}.weights.{score}");
            if !(0..=100).contains(weight) {
                return Err(Malformed::Weight { field, given: *weight });
            }
            if !profile.weigh(score, *weight) {
                return Err(unsupported(field, score, owned(profile.scores())));
            }
        }
        let names = profile.names();
        for name in &self.disabled {
            if !profile.disable(name) {
                return Err(unsupported(format!("{at}.disabled"), name, owned(names)));
            }
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(profiles: Value) -> Result<Profiles, Malformed> {
        let file = json!({"apiVersion": "timonier.dev/v1", "kind": "SchedulerConfiguration", "profiles": profiles});
        Profiles::from_json(&file.to_string())
    }

    fn names(profiles: &Profiles) -> Vec<&str> {
        profiles.names().map(|name| &**name).collect()
    }

    #[test]
    fn the_default_scheduler_is_always_there() {
        assert_eq!(names(&Profiles::default()), ["default-scheduler"]);
        let packing = json!([{"schedulerName": "packing", "strategy": "binpack"}]);
        assert_eq!(names(&parse(packing).expect("parses")), ["default-scheduler", "packing"]);
        let own = parse(json!([{"schedulerName": "default-scheduler", "disabled": ["NodePorts"]}])).expect("parses");
        assert_eq!(own.configuration().profiles.len(), 1);
    }

    #[test]
    fn weights_and_rules_left_out_change_a_profile() {
        let section = json!({"schedulerName": "p", "weights": {"NodeAffinity": 7},
            "disabled": ["ImageLocality", "DefaultPreemption"]});
        let profiles = parse(json!([section])).expect("parses");
        let profile = profiles.get("p").expect("a profile");
        assert!(!profile.names().contains(&"ImageLocality") && !profile.names().contains(&"DefaultPreemption"));
        assert!(profile.scores().any(|name| name == "NodeAffinity"));
    }

    #[test]
    fn what_is_published_is_read_as_it_was() {
        let section = json!({"schedulerName": "p", "weights": {"NodeAffinity": 7}, "disabled": ["ImageLocality"]});
        let profiles = parse(json!([section, {"schedulerName": "q", "strategy": "random"}])).expect("parses");
        let published = serde_json::to_string(profiles.configuration()).expect("JSON");
        let read = Profiles::from_json(&published).expect("parses");
        assert_eq!(read.configuration(), profiles.configuration());
        assert_eq!(names(&read), ["default-scheduler", "p", "q"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let cases = [
            (json!([{"strategy": "spread"}]), "profiles[0].schedulerName: Required value"),
            (
                json!([{"schedulerName": "a", "strategy": "tidy"}]),
                "profiles[0].strategy: Unsupported value: \"tidy\": supported values: spread, binpack, random",
            ),
            (
                json!([{"schedulerName": "a"}, {"schedulerName": "a"}]),
                "profiles[1].schedulerName: Duplicate value: \"a\"",
            ),
            (
                json!([{"schedulerName": "a", "weights": {"NodeAffinity": 101}}]),
                "profiles[0].weights.NodeAffinity: Invalid value: 101: must be between 0 and 100",
            ),
            (
                json!([{"schedulerName": "a", "disabled": ["Nonsense"]}]),
                "profiles[0].disabled: Unsupported value: \"Nonsense\"",
            ),
            (json!([{"schedulerName": "a", "colour": "red"}]), "unknown field `colour`"),
        ];
        for (profiles, expected) in cases {
            let error = parse(profiles).err().expect(expected).to_string();
            assert!(error.contains(expected), "{error}\n{expected}");
        }
        let error = Profiles::from_json(r#"{"apiVersion": "v1", "kind": "Pod"}"#).err().expect("another kind");
        assert!(error.to_string().starts_with("apiVersion: Unsupported value: \"v1\""), "{error}");
    }
}
