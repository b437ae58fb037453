//! `kctl migrate`: from one store to another.

use super::restore::options;
use crate::backup::place::Place;
use crate::backup::{BUMP, not_loaded, not_opened, progress};
use crate::error::Error;
use crate::local::state_dir::StateDir;
use crate::output;
use std::path::PathBuf;
use timonier_store::{Load, Snapshot, Store, StoreUrl};

/// Move a cluster's objects from one store to another
///
/// No server may run on either. The old store stays as it is; once a server runs on the new one, none may write to the old
/// one. Clients that remember a revision list again.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl down && kctl migrate --to etcd://10.0.0.5:2379/prod && kctl up --detach
  kctl migrate --from etcd://10.0.0.5:2379/prod --to /var/lib/timonier/store")]
pub struct Args {
    /// The store that holds the objects [default: that of --state-dir, which then uses the new one]
    #[arg(long, value_name = "URL")]
    from: Option<StoreUrl>,
    /// The store to fill: a directory, file:///DIRECTORY or etcd://HOST:PORT[,HOST:PORT…]/NAME
    #[arg(long, value_name = "URL")]
    to: StoreUrl,
    /// Folder of a cluster of `kctl up`
    #[arg(long, value_name = "DIR", env = "TIMONIER_STATE_DIR", default_value_os_t = StateDir::default_path())]
    state_dir: PathBuf,
    /// Replace what the store to fill holds
    #[arg(long)]
    force: bool,
    /// How far revisions go on above those of both stores
    #[arg(long, value_name = "N", default_value_t = BUMP, value_parser = clap::value_parser!(u64).range(1..=1 << 50))]
    bump_revision: u64,
}

pub async fn run(args: Args) -> Result<(), Error> {
    let mut place = match args.from {
        Some(url) => Place { url, cluster: None },
        None => Place::of_cluster(StateDir::new(&args.state_dir)?)?,
    };
    let to = absolute(args.to)?;
    let from = absolute(place.url.clone())?;
    if from == to {
        return Err(Error::usage(format!("--to: {to} is where the objects are already")));
    }
    let content = rest(&from).await?;
    let how = Load { raise: args.bump_revision, replace: args.force };
    let bar = progress::objects("migrate", content.len() as u64);
    let loaded = timonier_store::load(&to, options(), &content, how, &|done| bar.set_position(done)).await;
    bar.finish_and_clear();
    let revision = loaded.map_err(not_loaded)?;
    if let Some(cluster) = &mut place.cluster {
        cluster.moves_to(&to)?;
    }
    let objects = content.len();
    output::line(format!("{objects} objects of revision {} moved from {from} to {to},", content.revision()))?;
    output::line(format!("which goes on after revision {revision}; the old store stays and must not be written to"))
}

/// All that a store holds on which no server runs.
async fn rest(url: &StoreUrl) -> Result<Snapshot, Error> {
    let options = options();
    if !timonier_store::exists(url, &options).await.map_err(not_opened)? {
        return Err(Error::usage(format!("{url} holds no store")));
    }
    if let Some(user) = timonier_store::user(url, &options).await.map_err(not_opened)? {
        return Err(Error::usage(format!("{url} is in use by {user}: stop it first")));
    }
    let store = Store::open(url, options).await.map_err(not_opened)?;
    let content = store.fresh().await.map_err(|error| Error::usage(format!("{url}: {error}")))?;
    store.close().await;
    Ok(content)
}

fn absolute(url: StoreUrl) -> Result<StoreUrl, Error> {
    match url {
        StoreUrl::File(dir) => {
            let path = dir.display().to_string();
            std::path::absolute(dir).map(StoreUrl::File).map_err(|source| Error::Read { path, source })
        }
        other => Ok(other),
    }
}
