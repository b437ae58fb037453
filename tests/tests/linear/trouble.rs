//! What goes wrong, for a while.

use std::time::Duration;

use anyhow::Result;
use timonier_tests::proxy::Proxy;

use crate::place::Server;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Kill -9, and a new start.
    Kill,
    /// SIGSTOP, then SIGCONT.
    Pause,
    /// Connections between clients and server break.
    Cut,
    /// Nothing gets through between them, and nobody is told.
    Silence,
    /// The same between the server and etcd.
    CutFromEtcd,
    SilenceToEtcd,
}

impl Trouble {
    pub const ALL: [Trouble; 6] =
        [Trouble::Kill, Trouble::Pause, Trouble::Cut, Trouble::Silence, Trouble::CutFromEtcd, Trouble::SilenceToEtcd];
    pub const WITHOUT_ETCD: [Trouble; 4] = [Trouble::Kill, Trouble::Pause, Trouble::Cut, Trouble::Silence];

    /// Makes it, and ends it after a time.
    pub async fn make(self, server: &mut Server, lasts: Duration) -> Result<()> {
        let back = || server.back.as_ref().unwrap_or(&server.front);
        match self {
            Trouble::Kill => {
                server.api.process.kill();
                server.api.process.again()?;
                server.api.ready().await?;
            }
            Trouble::Pause => {
                server.api.process.signal("STOP")?;
                tokio::time::sleep(lasts).await;
                server.api.process.signal("CONT")?;
            }
            Trouble::Cut => broken(&server.front, Proxy::cut, lasts).await,
            Trouble::Silence => broken(&server.front, Proxy::silence, lasts).await,
            Trouble::CutFromEtcd => broken(back(), Proxy::cut, lasts).await,
            Trouble::SilenceToEtcd => broken(back(), Proxy::silence, lasts).await,
        }
        Ok(())
    }
}

async fn broken(link: &Proxy, how: impl FnOnce(&Proxy), lasts: Duration) {
    how(link);
    tokio::time::sleep(lasts).await;
    link.heal();
}
