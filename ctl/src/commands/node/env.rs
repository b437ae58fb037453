//! `kctl node env`: the environment in which kubectl, docker and others find the cluster.

use crate::cluster::{Call, encode};
use crate::connect::{connect, kubeconfig_file};
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use std::net::{IpAddr, UdpSocket};

/// Names the cluster, or one of its nodes, to the programs of a shell.
///
/// Prints KUBECONFIG, and for a node DOCKER_HOST as well when its Docker Engine can be reached from here.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  eval \"$(kctl node env)\"
  eval \"$(kctl node env node-1)\" && docker ps
  kctl node env --shell fish | source")]
pub struct Args {
    /// The node whose Docker Engine is meant
    node: Option<String>,
    /// The shell to write for [default: the one in $SHELL]
    #[arg(long, value_enum)]
    shell: Option<Shell>,
    /// Take the variables away again
    #[arg(long, short)]
    unset: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    /// bash, zsh and every other sh
    Bash,
    Fish,
    Powershell,
}

/// What agents say of the Docker Engine that they drive.
const DOCKER_HOST: &str = "timonier.io/docker-host";

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let shell = args.shell.unwrap_or_else(|| Shell::named(&std::env::var("SHELL").unwrap_or_default()));
    if args.unset {
        return output::write(shell.unset("KUBECONFIG") + &shell.unset("DOCKER_HOST"));
    }
    let kubeconfig = match kubeconfig_file(global)? {
        Some(file) => std::path::absolute(&file)
            .map_err(|source| Error::Read { path: file.display().to_string(), source })?
            .display()
            .to_string(),
        None => std::env::var("KUBECONFIG").unwrap_or_default(),
    };
    let mut text = shell.set("KUBECONFIG", &kubeconfig);
    let mut again = "kctl node env".to_string();
    if let Some(name) = &args.node {
        let host = docker_host(name, global).await?;
        text += &shell.set("DOCKER_HOST", &host);
        again = format!("{again} {name}");
    }
    output::write(text + &shell.hint(&again))
}

async fn docker_host(name: &str, global: &Global) -> Result<String, Error> {
    let session = connect(global).await?;
    let node = session.json(Call::get(format!("/api/v1/nodes/{}", encode(name)))).await?;
    let host = node["metadata"]["annotations"][DOCKER_HOST].as_str().unwrap_or_default();
    let addresses = node["status"]["addresses"].as_array().cloned().unwrap_or_default();
    let address = addresses.iter().find(|address| address["type"] == "InternalIP");
    let here = address.and_then(|address| address["address"].as_str()?.parse().ok()).is_some_and(is_local);
    reachable(host, here).map_err(|why| Error::usage(format!("node {name:?}: {why}")))
}

/// An address that one can bind is this machine's.
fn is_local(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// The Docker host as it is reached from this machine, or why it is not.
fn reachable(host: &str, here: bool) -> Result<String, String> {
    let socket = host.starts_with("unix://");
    match host {
        "" => Err("its agent does not say which Docker Engine it drives (simulated nodes have none)".into()),
        _ if socket && !here => Err(format!(
            "its Docker Engine listens on {host} of another machine; log in there, or give the agent a tcp:// address"
        )),
        host => Ok(host.to_string()),
    }
}

impl Shell {
    /// By the path in `$SHELL`.
    fn named(path: &str) -> Shell {
        match path.rsplit('/').next() {
            Some("fish") => Shell::Fish,
            Some("pwsh" | "powershell") => Shell::Powershell,
            _ => Shell::Bash,
        }
    }

    fn set(self, name: &str, value: &str) -> String {
        match self {
            Shell::Bash => format!("export {name}='{}'\n", value.replace('\'', r"'\''")),
            Shell::Fish => format!("set -gx {name} '{}';\n", value.replace('\\', r"\\").replace('\'', r"\'")),
            Shell::Powershell => format!("$Env:{name} = '{}'\n", value.replace('\'', "''")),
        }
    }

    fn unset(self, name: &str) -> String {
        match self {
            Shell::Bash => format!("unset {name}\n"),
            Shell::Fish => format!("set -e {name};\n"),
            Shell::Powershell => format!("Remove-Item -ErrorAction SilentlyContinue Env:\\{name}\n"),
        }
    }

    /// How to use what was printed; a comment in all of them.
    fn hint(self, command: &str) -> String {
        let line = match self {
            Shell::Bash => format!("eval \"$({command})\""),
            Shell::Fish => format!("{command} --shell fish | source"),
            Shell::Powershell => {
                format!("& kctl {} --shell powershell | Invoke-Expression", command.trim_start_matches("kctl "))
            }
        };
        format!("# Run this command to set up your shell:\n# {line}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_its_own_syntax() {
        let path = "/it's here/kubeconfig";
        assert_eq!(Shell::Bash.set("KUBECONFIG", path), "export KUBECONFIG='/it'\\''s here/kubeconfig'\n");
        assert_eq!(Shell::Fish.set("KUBECONFIG", path), "set -gx KUBECONFIG '/it\\'s here/kubeconfig';\n");
        assert_eq!(Shell::Powershell.set("KUBECONFIG", path), "$Env:KUBECONFIG = '/it''s here/kubeconfig'\n");
        assert_eq!(Shell::named("/usr/bin/fish"), Shell::Fish);
        assert_eq!(Shell::named("/bin/zsh"), Shell::Bash);
        assert_eq!(Shell::named(""), Shell::Bash);
    }

    #[test]
    fn a_socket_is_of_use_on_its_own_machine_only() {
        assert_eq!(reachable("unix:///var/run/docker.sock", true).as_deref(), Ok("unix:///var/run/docker.sock"));
        assert!(reachable("unix:///var/run/docker.sock", false).is_err());
        assert_eq!(reachable("tcp://10.0.0.7:2375", false).as_deref(), Ok("tcp://10.0.0.7:2375"));
        assert!(reachable("", true).is_err());
        assert!(is_local([127, 0, 0, 1].into()));
        // TEST-NET-1 is nobody's.
        assert!(!is_local([192, 0, 2, 1].into()));
    }
}
