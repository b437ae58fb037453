//! The scheduler's profiles, as flags and a file give them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

pub use timonier_scheduling::Profiles;
use timonier_scheduling::configuration::{Configuration, Malformed, Section};
use timonier_scheduling::profile::Strategy;

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

#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Malformed { path: PathBuf, source: Malformed },
    #[error("--scheduler-profile: {source}")]
    Flags { source: Malformed },
    #[error("--scheduler-profile: schedulerName {0:?} is given twice")]
    Doubled(Arc<str>),
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
        write!(f, "{}={}", self.name, word(self.strategy))
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
        let mut configuration = match &self.scheduler_config {
            Some(path) => read(path)?,
            None => Configuration::default(),
        };
        let mut seen = BTreeSet::new();
        for Named { name, strategy } in &self.scheduler_profiles {
            if !seen.insert(name) {
                return Err(ProfileError::Doubled(name.clone()));
            }
            configuration.profiles.retain(|section| *section.scheduler_name != **name);
            let strategy = Some(word(*strategy).to_owned());
            let section = Section { scheduler_name: name.to_string(), strategy, ..Section::default() };
            configuration.profiles.push(section);
        }
        Profiles::of(configuration).map_err(|source| ProfileError::Flags { source })
    }
}

/// What a file says, once it is known to be right by itself.
fn read(path: &Path) -> Result<Configuration, ProfileError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ProfileError::Unreadable { path: path.into(), source })?;
    parse(&text).map_err(|source| ProfileError::Malformed { path: path.into(), source })
}

fn parse(text: &str) -> Result<Configuration, Malformed> {
    let configuration = serde_saphyr::from_str(text).map_err(|error| Malformed::Syntax(error.to_string()))?;
    Ok(Profiles::of(configuration)?.configuration().clone())
}

fn word(strategy: Strategy) -> &'static str {
    Strategy::ALL.iter().find(|(_, known)| *known == strategy).map_or("", |(name, _)| name)
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
        profiles.names().map(|name| &**name).collect()
    }

    #[test]
    fn a_file_is_yaml_and_what_is_wrong_in_it_is_named_with_its_place() {
        let file = |profiles: &str| {
            format!("apiVersion: timonier.dev/v1\nkind: SchedulerConfiguration\nprofiles:\n{profiles}")
        };
        let packing = parse(&file("- schedulerName: packing\n  strategy: binpack\n")).expect("parses");
        assert_eq!(names(&Profiles::of(packing).expect("profiles")), ["default-scheduler", "packing"]);
        for (text, expected) in [
            ("- schedulerName: a\n- schedulerName: a\n", "profiles[1].schedulerName: Duplicate value: \"a\""),
            ("- schedulerName: a\n  colour: red\n", "unknown field `colour`"),
        ] {
            let error = parse(&file(text)).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}\n{expected}");
        }
    }

    #[test]
    fn a_flag_stands_above_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("scheduler.yaml");
        let text = "apiVersion: timonier.dev/v1\nkind: SchedulerConfiguration\nprofiles:\n- schedulerName: a\n  disabled: [NodePorts]\n";
        std::fs::write(&path, text).expect("written");
        let line = ["test", "--scheduler-config", path.to_str().expect("text"), "--scheduler-profile=a=random"];
        let profiles = Program::try_parse_from(line).expect("parses").scheduler.profiles().expect("profiles");
        let sections = &profiles.configuration().profiles;
        let a: Vec<_> = sections.iter().filter(|section| section.scheduler_name == "a").collect();
        assert_eq!((a.len(), a[0].strategy.as_deref()), (1, Some("random")));
        assert!(a[0].disabled.is_empty());
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
