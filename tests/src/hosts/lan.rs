//! The switch: a bridge in a network namespace of its own, so that this machine's packet filters see none of its traffic.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context, Result};

use super::host::{Host, Options};
use super::{remains, run};

/// Network, namespaces and folder of one test's hosts.
pub struct Lan {
    ground: Arc<Ground>,
    next: AtomicU8,
}

/// What outlives every host on it.
pub(super) struct Ground {
    /// Of the switch's namespace, and what its hosts' names begin with.
    pub name: String,
    pub dir: PathBuf,
    /// Of 198.18.0.0/15, which is kept for trying out networks.
    network: [u8; 3],
    /// Held as long as somebody needs this.
    _lock: File,
}

impl Ground {
    pub fn address(&self, number: u8) -> Ipv4Addr {
        let [a, b, c] = self.network;
        Ipv4Addr::new(a, b, c, number)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        remains::clear(&self.name, &self.dir);
    }
}

impl Lan {
    /// Makes the switch and plugs this machine into it.
    pub fn new() -> Result<Lan> {
        let _turn = remains::turn()?;
        remains::sweep();
        let name = format!("tmn{:08x}", rand::random::<u32>());
        let dir = remains::folder(&name);
        std::fs::create_dir_all(&dir)?;
        let lock = remains::claim(&dir)?;
        let ground = Ground { network: free_network()?, name, dir, _lock: lock };
        let (name, gateway) = (ground.name.as_str(), format!("{}/24", ground.address(1)));
        run(&["ip", "netns", "add", name])?;
        run(&["ip", "-n", name, "link", "add", "lan", "type", "bridge"])?;
        run(&["ip", "-n", name, "link", "set", "lan", "up"])?;
        run(&["ip", "link", "add", name, "type", "veth", "peer", "name", "uplink", "netns", name])?;
        run(&["ip", "-n", name, "link", "set", "uplink", "master", "lan", "up"])?;
        run(&["ip", "addr", "add", &gateway, "dev", name])?;
        run(&["ip", "link", "set", name, "up"])?;
        Ok(Lan { ground: Arc::new(ground), next: AtomicU8::new(2) })
    }

    /// This machine's address on the switch: hosts reach an API server here.
    pub fn gateway(&self) -> Ipv4Addr {
        self.ground.address(1)
    }

    /// Plugs in another host and waits until its Docker Engine answers.
    pub async fn host(&self, options: Options) -> Result<Host> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Host::start(self.ground.clone(), number, options).await
    }
}

/// A /24 without a route. The caller's turn keeps others from choosing at the same time.
fn free_network() -> Result<[u8; 3]> {
    let routes = run(&["ip", "-4", "route"])?;
    let first: u16 = rand::random();
    let candidates = (0..512u16).map(|step| first.wrapping_add(step) % 512);
    let networks = candidates.map(|n| [198, 18 + (n >> 8) as u8, (n & 0xff) as u8]);
    let taken = |[a, b, c]: &[u8; 3]| routes.contains(&format!("{a}.{b}.{c}."));
    networks.into_iter().find(|network| !taken(network)).context("every 198.18.0.0/15 network has a route already")
}
