//! Servers that can be killed and paused, and the links around them that can be cut.

use std::time::Duration;

use anyhow::{Context, Result};
use timonier_tests::cluster::Store;
use timonier_tests::processes::{ApiServer, Ground};
use timonier_tests::proxy::Proxy;
use timonier_tests::registers::Registers;

use crate::trouble::Trouble;

/// When a client gives up an answer.
const PATIENCE: Duration = Duration::from_secs(2);

pub struct Server {
    pub api: ApiServer,
    /// Between clients and this server.
    pub front: Proxy,
    /// Between this server and etcd.
    pub back: Option<Proxy>,
}

impl Server {
    /// A client on the link.
    pub async fn client(&self) -> Result<kube::Client> {
        self.api.client_through(&self.front.address()).await
    }

    pub async fn registers(&self) -> Result<Registers> {
        Ok(Registers::new(self.client().await?, PATIENCE))
    }

    /// Past the link.
    pub async fn straight(&self) -> Result<Registers> {
        Ok(Registers::new(self.api.client().await?, PATIENCE * 5))
    }

    /// From etcd.
    pub fn cut_off(&self) -> Result<()> {
        self.back.as_ref().context("there is a link to etcd")?.cut();
        Ok(())
    }
}

pub struct Place {
    pub servers: Vec<Server>,
    _ground: Ground,
}

impl Place {
    /// One server on an embedded store, or two on one etcd.
    pub async fn new(store: Store) -> Result<Place> {
        let mut ground = Ground::new(store).await?;
        let mut servers = Vec::new();
        let names: &[&str] = if store == Store::Etcd { &["one", "other"] } else { &["one"] };
        for name in names {
            let (back, url) = match ground.etcd() {
                None => (None, ground.path("store")),
                Some(etcd) => {
                    let back = Proxy::start(etcd).await?;
                    let url = format!("etcd://{}/test", back.address());
                    (Some(back), url)
                }
            };
            let api = ground.api_server_on(name, &url, &[]).await?;
            let front = Proxy::start(api.address()).await?;
            servers.push(Server { api, front, back });
        }
        Ok(Place { servers, _ground: ground })
    }

    /// A way to each server.
    pub async fn routes(&self) -> Result<Vec<Registers>> {
        let mut routes = Vec::new();
        for server in &self.servers {
            routes.push(server.registers().await?);
        }
        Ok(routes)
    }

    /// Everything that can happen here, once each.
    pub fn troubles(&self) -> Vec<(usize, Trouble)> {
        let of = |(number, server): (usize, &Server)| {
            let all: &[Trouble] = if server.back.is_some() { &Trouble::ALL } else { &Trouble::WITHOUT_ETCD };
            all.iter().map(move |trouble| (number, *trouble)).collect::<Vec<_>>()
        };
        self.servers.iter().enumerate().flat_map(of).collect()
    }
}
