//! Which store a command is about: that of a state folder, or one that is named.

use crate::error::Error;
use crate::local::settings::Settings;
use crate::local::state_dir::{Lock, StateDir};
use std::path::PathBuf;
use timonier_store::StoreUrl;

/// `--store` or `--state-dir`.
#[derive(clap::Args, Clone, Debug)]
pub struct Which {
    /// The store: a directory, file:///DIRECTORY or etcd://HOST:PORT[,HOST:PORT…]/NAME [default: that of --state-dir]
    #[arg(long, value_name = "URL")]
    pub store: Option<StoreUrl>,
    /// Folder of a cluster of `kctl up`
    #[arg(long, value_name = "DIR", env = "TIMONIER_STATE_DIR", default_value_os_t = StateDir::default_path())]
    pub state_dir: PathBuf,
}

/// A store at rest. While this is held, no `kctl up` starts from its folder.
pub struct Place {
    pub url: StoreUrl,
    /// The cluster that the store is part of.
    pub cluster: Option<Cluster>,
}

/// A cluster of `kctl up` that does not run.
pub struct Cluster {
    dir: StateDir,
    settings: Option<Settings>,
    _lock: Lock,
}

impl Which {
    pub fn place(&self) -> Result<Place, Error> {
        match &self.store {
            Some(url) => Ok(Place { url: url.clone(), cluster: None }),
            None => Place::of_cluster(StateDir::new(&self.state_dir)?),
        }
    }
}

impl Place {
    /// The store of a folder's cluster, also when there is none yet. Refused while the cluster runs.
    pub fn of_cluster(dir: StateDir) -> Result<Place, Error> {
        let lock = dir.lock()?;
        let settings = Settings::load(&dir)?;
        let url = match settings.as_ref().and_then(|settings| settings.store.as_ref()) {
            Some(url) => url.parse().map_err(|error: timonier_store::UrlError| Error::usage(error.to_string()))?,
            None => StoreUrl::File(dir.store()),
        };
        Ok(Place { url, cluster: Some(Cluster { dir, settings, _lock: lock }) })
    }
}

impl Cluster {
    /// From now on the cluster's store is at `url`.
    pub fn moves_to(&mut self, url: &StoreUrl) -> Result<(), Error> {
        let Some(settings) = &mut self.settings else { return Ok(()) };
        settings.store = match url {
            StoreUrl::File(dir) if *dir == self.dir.store() => None,
            other => Some(other.to_string()),
        };
        Ok(settings.save(&self.dir)?)
    }
}
