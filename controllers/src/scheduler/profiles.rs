//! The scheduler's profiles: which pods, by their `spec.schedulerName`, are placed by which rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use timonier_scheduling::Profile;
use timonier_scheduling::pod::DEFAULT_SCHEDULER;
use timonier_scheduling::profile::Strategy;

const API_VERSION: &str = "timonier.dev/v1";
const KIND: &str = "SchedulerConfiguration";

/// Flags that every program which runs the scheduler offers.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
#[command(next_help_heading = "Scheduler")]
pub struct SchedulerFlags {
    /// File with a SchedulerConfiguration: profiles with strategies, weights of scores, and rules that are left out
    #[arg(long, env = "TIMONIER_SCHEDULER_CONFIG", value_name = "FILE")]
    pub scheduler_config: Option<PathBuf>,
    /// Place pods of this schedulerName by a strategy: spread, binpack or random; may be given several times
    #[arg(
        long = "scheduler-profile",
        env = "TIMONIER_SCHEDULER_PROFILES",
        value_name = "NAME=STRATEGY",
        value_delimiter = ','
    )]
    pub scheduler_profiles: Vec<Named>,
}

/// A profile of a strategy without more ado.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    name: Arc<str>,
    strategy: Strategy,
}

/// By `spec.schedulerName`.
#[derive(Clone)]
pub struct Profiles(BTreeMap<Arc<str>, Profile>);

/// Pods that name no scheduler, or Kubernetes' default one, are placed as Kubernetes places them.
impl Default for Profiles {
    fn default() -> Profiles {
        Profiles([(Arc::from(DEFAULT_SCHEDULER), Profile::default())].into())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Malformed { path: PathBuf, source: Malformed },
    #[error("--scheduler-profile: schedulerName {0:?} is given twice")]
    Doubled(Arc<str>),
}

/// What is wrong, with the field's path.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    #[error("{0}")]
    Yaml(String),
    #[error("{field}: Unsupported value: {given:?}: supported values: {}", supported.join(", "))]
    Unsupported { field: String, given: String, supported: Vec<String> },
    #[error("{field}: Invalid value: {given}: must be between 0 and 100")]
    Weight { field: String, given: i64 },
    #[error("{0}: Required value")]
    Required(String),
    #[error("{field}: Duplicate value: {given:?}")]
    Duplicate { field: String, given: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    api_version: String,
    kind: String,
    #[serde(default)]
    profiles: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Section {
    #[serde(default)]
    scheduler_name: String,
    strategy: Option<String>,
    #[serde(default)]
    weights: BTreeMap<String, i64>,
    #[serde(default)]
    disabled: BTreeSet<String>,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Named, String> {
        let (name, strategy) = text.split_once('=').ok_or("it must be NAME=STRATEGY, such as packing=binpack")?;
        if name.is_empty() {
            return Err("the schedulerName is missing before '='".into());
        }
        let strategy = Strategy::parse(strategy).ok_or("the strategies are spread, binpack and random")?;
        Ok(Named { name: name.into(), strategy })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strategy = Strategy::ALL.iter().find(|(_, strategy)| *strategy == self.strategy);
        write!(f, "{}={}", self.name, strategy.map_or("", |(name, _)| name))
    }
}

impl SchedulerFlags {
    /// The command line that says the same, for a process that is started with it.
    pub fn arguments(&self) -> Vec<String> {
        let config = self.scheduler_config.iter().flat_map(|path| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            ["--scheduler-config".to_owned(), path.display().to_string()]
        });
        let named = self.scheduler_profiles.iter();
        config.chain(named.flat_map(|named| ["--scheduler-profile".to_owned(), named.to_string()])).collect()
    }

    /// The profiles of the file and of the flags; one that a flag names is not that of the file.
    pub fn profiles(&self) -> Result<Profiles, ProfileError> {
        let mut profiles = match &self.scheduler_config {
            Some(path) => Profiles::read(path)?,
            None => Profiles::default(),
        };
        let mut seen = BTreeSet::new();
        for Named { name, strategy } in &self.scheduler_profiles {
            if !seen.insert(name) {
                return Err(ProfileError::Doubled(name.clone()));
            }
            profiles.0.insert(name.clone(), Profile::new(*strategy));
        }
        Ok(profiles)
    }
}

impl Profiles {
    pub fn into_each(self) -> impl Iterator<Item = (Arc<str>, Profile)> {
        self.0.into_iter()
    }

    fn read(path: &Path) -> Result<Profiles, ProfileError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ProfileError::Unreadable { path: path.into(), source })?;
        Profiles::parse(&text).map_err(|source| ProfileError::Malformed { path: path.into(), source })
    }

    fn parse(text: &str) -> Result<Profiles, Malformed> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| Malformed::Yaml(error.to_string()))?;
        for (field, given, supported) in [("apiVersion", file.api_version, API_VERSION), ("kind", file.kind, KIND)] {
            if given != supported {
                return Err(unsupported(field.into(), given, vec![supported.into()]));
            }
        }
        let mut profiles = Profiles::default();
        let mut names = BTreeSet::new();
        for (index, section) in file.profiles.into_iter().enumerate() {
            let at = format!("profiles[{index}]");
            let (name, profile) = section.profile(&at)?;
            if !names.insert(name.clone()) {
                return Err(Malformed::Duplicate { field: format!("{at}.schedulerName"), given: name });
            }
            profiles.0.insert(name.into(), profile);
        }
        Ok(profiles)
    }
}

fn unsupported(field: String, given: String, supported: Vec<String>) -> Malformed {
    Malformed::Unsupported { field, given, supported }
}

fn owned(names: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

impl Section {
    fn profile(self, at: &str) -> Result<(String, Profile), Malformed> {
        if self.scheduler_name.is_empty() {
            return Err(Malformed::Required(format!("{at}.schedulerName")));
        }
        let strategy = match self.strategy {
            None => Strategy::default(),
            Some(given) => Strategy::parse(&given).ok_or_else(|| {
                let names = Strategy::ALL.iter().map(|(name, _)| *name);
                unsupported(format!("{at}.strategy"), given, owned(names))
            })?,
        };
        let mut profile = Profile::new(strategy);
        for (score, weight) in self.weights {
            let field = format!("{at}.weights.{score}");
            if !(0..=100).contains(&weight) {
                return Err(Malformed::Weight { field, given: weight });
            }
            if !profile.weigh(&score, weight) {
                return Err(unsupported(field, score, owned(profile.scores())));
            }
        }
        let names = profile.names();
        for name in self.disabled {
            if !profile.disable(&name) {
                return Err(unsupported(format!("{at}.disabled"), name, owned(names)));
            }
        }
        Ok((self.scheduler_name, profile))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        scheduler: SchedulerFlags,
    }

    fn names(profiles: &Profiles) -> Vec<&str> {
        profiles.0.keys().map(|name| &**name).collect()
    }

    fn file(profiles: &str) -> String {
        format!("apiVersion: timonier.dev/v1\nkind: SchedulerConfiguration\nprofiles:\n{profiles}")
    }

    #[test]
    fn the_default_scheduler_is_always_there() {
        assert_eq!(names(&Profiles::default()), ["default-scheduler"]);
        let packing = file("- schedulerName: packing\n  strategy: binpack\n");
        assert_eq!(names(&Profiles::parse(&packing).expect("parses")), ["default-scheduler", "packing"]);
    }

    #[test]
    fn weights_and_rules_left_out_change_a_profile() {
        let text = "- schedulerName: p\n  weights: {NodeAffinity: 7}\n  disabled: [ImageLocality, DefaultPreemption]\n";
        let profiles = Profiles::parse(&file(text)).expect("parses");
        let profile = &profiles.0["p"];
        assert!(!profile.names().contains(&"ImageLocality") && !profile.names().contains(&"DefaultPreemption"));
        assert!(profile.scores().any(|name| name == "NodeAffinity"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let cases = [
            ("- strategy: spread\n", "profiles[0].schedulerName: Required value"),
            (
                "- schedulerName: a\n  strategy: tidy\n",
                "profiles[0].strategy: Unsupported value: \"tidy\": supported values: spread, binpack, random",
            ),
            ("- schedulerName: a\n- schedulerName: a\n", "profiles[1].schedulerName: Duplicate value: \"a\""),
            (
                "- schedulerName: a\n  weights: {NodeAffinity: 101}\n",
                "profiles[0].weights.NodeAffinity: Invalid value: 101: must be between 0 and 100",
            ),
            ("- schedulerName: a\n  disabled: [Nonsense]\n", "profiles[0].disabled: Unsupported value: \"Nonsense\""),
            ("- schedulerName: a\n  colour: red\n", "unknown field `colour`"),
        ];
        for (text, expected) in cases {
            let error = Profiles::parse(&file(text)).err().expect(expected).to_string();
            assert!(error.contains(expected), "{error}\n{expected}");
        }
        let error = Profiles::parse("apiVersion: v1\nkind: Pod\n").err().expect("another kind").to_string();
        assert!(error.starts_with("apiVersion: Unsupported value: \"v1\""), "{error}");
    }

    #[test]
    fn flags_name_profiles_too() {
        let program = |line: &[&str]| Program::try_parse_from(["test"].iter().chain(line));
        let flags = program(&["--scheduler-profile=a=binpack", "--scheduler-profile=b=random"]).expect("parses");
        let profiles = flags.scheduler.profiles().expect("profiles");
        assert_eq!(names(&profiles), ["a", "b", "default-scheduler"]);
        for wrong in ["a", "=spread", "a=tidy"] {
            assert!(program(&["--scheduler-profile", wrong]).is_err(), "{wrong}");
        }
        let line = flags.scheduler.arguments();
        let again = program(&line.iter().map(String::as_str).collect::<Vec<_>>()).expect("parses");
        assert_eq!(again.scheduler, flags.scheduler);
        let twice = program(&["--scheduler-profile=a=binpack,a=random"]).expect("parses");
        assert!(twice.scheduler.profiles().is_err());
    }
}
