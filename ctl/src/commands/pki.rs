//! `kctl pki`: the identities of a cluster whose parts run as separate processes.

use crate::error::Error;
use crate::pki::{PkiError, issue, layout};
use std::path::PathBuf;

/// Make the CA and the credentials of a cluster's components.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Command {
    /// Make what all API servers, the controllers and the admin need; what is there stays
    #[command(after_help = "Examples:
  kctl pki init ./pki --server https://10.0.0.5:6443 --name 10.0.0.5 --name 10.0.0.6")]
    Init {
        /// Folder for keys, certificates and kubeconfigs
        dir: PathBuf,
        /// What clients dial; written into the kubeconfigs
        #[arg(long, value_name = "URL", default_value = "https://127.0.0.1:6443")]
        server: String,
        /// A host name or address under which an API server is reached; repeatable
        #[arg(long = "name", value_name = "HOST")]
        names: Vec<String>,
    },
    /// Make the credentials of one node's agent
    #[command(after_help = "Examples:
  kctl pki node ./pki worker-1 --address 10.0.0.7 --server https://10.0.0.5:6443")]
    Node {
        /// Folder that `kctl pki init` made
        dir: PathBuf,
        /// The node's name
        name: String,
        /// Address or host name under which the API server reaches the agent
        #[arg(long)]
        address: String,
        #[arg(long, value_name = "URL", default_value = "https://127.0.0.1:6443")]
        server: String,
    },
}

impl From<PkiError> for Error {
    fn from(error: PkiError) -> Error {
        Error::usage(error.to_string())
    }
}

pub async fn run(args: Args) -> Result<(), Error> {
    match args.command {
        Command::Init { dir, server, names } => {
            let pki = layout::Layout::new(&dir);
            issue::shared(&pki, &issue::Shared { server: server.clone(), server_names: names })?;
            let admin = pki.kubeconfig("admin");
            layout::write(&admin, &issue::admin_kubeconfig(&pki, &server)?.to_string())?;
            println!("Credentials are in {}; the admin's kubeconfig is {}.", dir.display(), admin.display());
        }
        Command::Node { dir, name, address, server } => {
            let problems = timonier_api::names::dns1123_subdomain(&name);
            if let Some(problem) = problems.first() {
                return Err(Error::usage(format!("invalid node name {name:?}: {problem}")));
            }
            let pki = layout::Layout::new(&dir);
            if !pki.certificate("ca").exists() {
                let hint = format!("{} has no ca.crt; run `kctl pki init {0}` first", dir.display());
                return Err(Error::usage(hint));
            }
            let files = issue::node(&pki, &server, &issue::NodeIdentity { name, address })?;
            println!("The agent's credentials are {} and the files beside it.", pki.kubeconfig(&files).display());
        }
    }
    Ok(())
}
