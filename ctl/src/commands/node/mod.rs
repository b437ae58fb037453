//! `kctl node`: machines that become nodes, and what a shell needs to work with the cluster.

mod env;
mod hollow;
mod join;
mod token;

use crate::error::Error;
use crate::flags::Global;

/// Add Docker hosts to the cluster, and set up a shell for it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl node token create                   make a token and print the command for the new machine
  kctl node join https://10.0.0.5:6443 --token … --ca-cert-hash sha256:…
  kctl node hollow --nodes 100 --pki ./pki  simulated nodes
  eval \"$(kctl node env)\"")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Token(token::Args),
    Join(Box<join::Args>),
    Hollow(hollow::Args),
    Env(env::Args),
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    match args.command {
        Command::Token(args) => token::run(args, global).await,
        Command::Join(args) => join::run(*args, global).await,
        Command::Hollow(args) => hollow::run(args, global).await,
        Command::Env(args) => env::run(args, global).await,
    }
}
