//! The command line: one variant a command, each with its arguments and `run` in a file under `commands`.

use crate::commands;
use crate::commands::label::Field;
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::collections::BTreeSet;
use std::ffi::OsString;
use timonier_telemetry::{Telemetry, TelemetryError, span};
use tracing::Instrument;

/// kctl controls a Timonier cluster: containers on a pool of Docker hosts, described as in Kubernetes.
#[derive(Parser, Debug)]
#[command(name = "kctl", version, disable_version_flag = true, max_term_width = 110, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
    /// The command's name.
    #[arg(skip)]
    name: String,
}

const EXAMPLES: &str = "Examples:
  kctl apply -f web.yaml             make the cluster hold what the file says
  kctl get pods -o wide              see where it runs
  kctl why web-1                     see why it does not, and what would help
  kctl logs -f deployment/web        read what it says
  kctl scale deployment/web --replicas=5
  kctl rollout undo deployment/web

kctl reads the same kubeconfig as kubectl and takes the same flags.";

#[derive(Subcommand, Debug)]
enum Command {
    /// Create or change objects so that they are as files say
    Apply(commands::apply::Args),
    /// Show objects
    Get(commands::get::Args),
    Up(commands::up::Args),
    Down(commands::down::Args),
    Ui(commands::ui::Args),
    Pki(commands::pki::Args),
    Node(commands::node::Args),
    Backup(commands::backup::Args),
    Restore(commands::restore::Args),
    Migrate(commands::migrate::Args),
    /// Show everything about objects, their events included
    Describe(commands::describe::Args),
    Why(commands::why::Args),
    Diff(commands::diff::Args),
    /// Print what containers write
    #[command(visible_alias = "log")]
    Logs(commands::logs::Args),
    /// Run a command in a container
    Exec(commands::exec::Args),
    /// Attach to a process that already runs in a container
    Attach(commands::exec::AttachArgs),
    /// Forward local ports to a pod
    PortForward(commands::port_forward::Args),
    /// Copy files to and from containers
    Cp(commands::cp::Args),
    /// Debug a pod with a container of your own, or a node
    Debug(commands::debug::Args),
    /// Delete objects and wait until they are gone
    Delete(commands::delete::Args),
    /// Create objects that are not there yet
    Create(commands::create::Args),
    /// Set how many replicas something has
    Scale(commands::scale::Args),
    /// Follow, look back on and undo changes of a Deployment
    Rollout(commands::rollout::Args),
    /// Wait until objects have a condition, are there, or are gone
    Wait(commands::wait::Args),
    /// Set and remove labels
    Label(commands::label::Args),
    /// Set and remove annotations
    Annotate(commands::label::Args),
    /// Keep new pods away from nodes
    Cordon(commands::cordon::Args),
    /// Let new pods come to nodes again
    Uncordon(commands::cordon::Args),
    Drain(commands::drain::Args),
    Taint(commands::taint::Args),
    /// Change some fields of an object
    Patch(commands::patch::Args),
    /// Show the types that the server knows
    ApiResources(commands::api_resources::Args),
    /// Show the API versions that the server knows
    ApiVersions(commands::api_resources::VersionsArgs),
    /// Show where the cluster is
    ClusterInfo(commands::version::ClusterInfoArgs),
    /// Look at and change the kubeconfig
    Config(commands::config::Args),
    /// Show the versions of kctl and of the server
    Version(commands::version::Args),
    /// Print a shell's completions for kctl
    Completion(commands::completion::Args),
}

impl Command {
    async fn run(self, global: &Global) -> Result<(), Error> {
        match self {
            Command::Apply(args) => commands::apply::run(args, global).await,
            Command::Get(args) => commands::get::run(args, global).await,
            Command::Up(args) => commands::up::run(args, global).await,
            Command::Down(args) => commands::down::run(args).await,
            Command::Ui(args) => commands::ui::run(args, global).await,
            Command::Pki(args) => commands::pki::run(args).await,
            Command::Node(args) => commands::node::run(args, global).await,
            Command::Backup(args) => commands::backup::run(args, global).await,
            Command::Restore(args) => commands::restore::run(args).await,
            Command::Migrate(args) => commands::migrate::run(args).await,
            Command::Describe(args) => commands::describe::run(args, global).await,
            Command::Why(args) => commands::why::run(args, global).await,
            Command::Diff(args) => commands::diff::run(args, global).await,
            Command::Logs(args) => commands::logs::run(args, global).await,
            Command::Exec(args) => commands::exec::run(args, global).await,
            Command::Attach(args) => commands::exec::run_attach(args, global).await,
            Command::PortForward(args) => commands::port_forward::run(args, global).await,
            Command::Cp(args) => commands::cp::run(args, global).await,
            Command::Debug(args) => commands::debug::run(args, global).await,
            Command::Delete(args) => commands::delete::run(args, global).await,
            Command::Create(args) => commands::create::run(args, global).await,
            Command::Scale(args) => commands::scale::run(args, global).await,
            Command::Rollout(args) => commands::rollout::run(args, global).await,
            Command::Wait(args) => commands::wait::run(args, global).await,
            Command::Label(args) => commands::label::run(Field::Labels, args, global).await,
            Command::Annotate(args) => commands::label::run(Field::Annotations, args, global).await,
            Command::Cordon(args) => commands::cordon::run(true, args, global).await,
            Command::Uncordon(args) => commands::cordon::run(false, args, global).await,
            Command::Drain(args) => commands::drain::run(args, global).await,
            Command::Taint(args) => commands::taint::run(args, global).await,
            Command::Patch(args) => commands::patch::run(args, global).await,
            Command::ApiResources(args) => commands::api_resources::run(args, global).await,
            Command::ApiVersions(args) => commands::api_resources::run_versions(args, global).await,
            Command::ClusterInfo(args) => commands::version::run_cluster_info(args, global).await,
            Command::Config(args) => commands::config::run(args, global),
            Command::Version(args) => commands::version::run(args, global).await,
            Command::Completion(args) => commands::completion::run(args, Cli::command()),
        }
    }
}

impl Cli {
    /// Reads the command line; prints help and mistakes itself and then gives the exit code.
    pub fn from_command_line(args: impl IntoIterator<Item = OsString>) -> Result<Cli, u8> {
        let command = Cli::command();
        let args = plain_switches(args, &command);
        let parsed = command.try_get_matches_from(args).and_then(|matches| {
            let name = matches.subcommand_name().unwrap_or_default().to_owned();
            Cli::from_arg_matches(&matches).map(|cli| Cli { name, ..cli })
        });
        parsed.map_err(|error| {
            let _ = error.print();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
                _ => 1,
            }
        })
    }

    /// The log, and traces; to be held until the end.
    pub fn start_telemetry(&self) -> Result<Telemetry, TelemetryError> {
        Telemetry::start("kctl", &self.global.log_filter(), &self.global.tracing)
    }

    /// Runs the command and reports its error; the value is the exit code.
    pub async fn run(self) -> u8 {
        let span = span!("kctl", otel.name = %format_args!("kctl {}", self.name), otel.kind = "client");
        let Err(error) = self.command.run(&self.global).instrument(span).await else { return 0 };
        let report = error.report();
        if !report.is_empty() {
            output::note(report);
        }
        u8::try_from(error.exit_code()).unwrap_or(1)
    }
}

/// `--watch` and `-w` for every flag of one command that takes no value.
fn switches(command: &clap::Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
    own.flat_map(|arg| {
        [arg.get_long().map(|long| format!("--{long}")), arg.get_short().map(|short| format!("-{short}"))]
    })
    .flatten()
    .collect()
}

/// kubectl's users write `--watch=true`; a switch is then the bare flag, or nothing if it is `=false`.
///
/// A flag may be a switch of one command and take a value in another, so this follows the subcommands.
fn plain_switches(args: impl IntoIterator<Item = OsString>, root: &clap::Command) -> Vec<OsString> {
    let mut command = root;
    let mut known = switches(root);
    let mut plain = Vec::new();
    let mut verbatim = false;
    for arg in args {
        verbatim |= arg == "--";
        let text = arg.to_str().filter(|_| !verbatim).unwrap_or_default();
        if let Some(next) = command.find_subcommand(text) {
            command = next;
            known.extend(switches(next));
        }
        match text.split_once('=') {
            Some((switch, "true")) if known.contains(switch) => plain.push(switch.into()),
            Some((switch, "false")) if known.contains(switch) => {}
            _ => plain.push(arg),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_switch_may_be_written_with_its_value() {
        let plain = |line: &str| {
            let args = line.split_whitespace().map(OsString::from);
            let plain = plain_switches(args, &Cli::command()).into_iter().filter_map(|arg| arg.into_string().ok());
            plain.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            plain("kctl get --watch=true -A=true --no-headers=false -o=true -- --watch=true"),
            "kctl get --watch -A -o=true -- --watch=true"
        );
        assert_eq!(plain("kctl rollout status --watch=false d/x"), "kctl rollout status --watch=false d/x");
        assert_eq!(plain("kctl logs -f=false x"), "kctl logs x");
    }
}
