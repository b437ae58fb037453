//! `kctl down`: stop the cluster of a state folder, or remove it.

use crate::error::Error;
use crate::local::state_dir::StateDir;
use crate::local::stop;
use std::path::PathBuf;

/// Stop a cluster that `kctl up` started; its containers keep running unless --purge is given.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Examples:
  kctl down                    stop the cluster's process; `kctl up` finds everything as it was
  kctl down --purge            remove it: containers, networks, objects, credentials, volumes")]
pub struct Args {
    /// Folder of the cluster
    #[arg(long, value_name = "DIR", env = "TIMONIER_STATE_DIR", default_value_os_t = StateDir::default_path())]
    pub state_dir: PathBuf,
    /// Also remove the cluster's containers, networks, objects and folder
    #[arg(long)]
    pub purge: bool,
}

pub async fn run(args: Args) -> Result<(), Error> {
    let dir = StateDir::new(&args.state_dir)?;
    let was_running = stop::stop(&dir).await?;
    if !args.purge {
        println!("{}", if was_running { "Stopped; containers keep running." } else { "It was not running." });
        return Ok(());
    }
    let removed = stop::purge(&dir).await?;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    println!(
        "Removed {}, {} and {}.",
        count(removed.containers, "container"),
        count(removed.networks, "network"),
        dir.path().display()
    );
    Ok(())
}
