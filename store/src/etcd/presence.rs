//! Who uses the cluster's keys now: each store holds a key with a lease, so that nobody replaces what lies under a running
//! server.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{GetOptions, PutOptions};

use super::Shared;
use super::connection::{Connection, Failure};
use super::layout::Layout;

/// How long a server that died still seems to be there, in seconds.
const SECONDS: i64 = 10;
const RENEW: Duration = Duration::from_secs(SECONDS as u64 / 3);
const PREFIX: &str = "users/";

/// What a store says of itself.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("process {} on {}", std::process::id(), host.trim())
}

/// Somebody who is there, if anybody is.
pub(super) async fn anybody(connection: &Connection, layout: &Layout) -> Result<Option<String>, Failure> {
    let one = GetOptions::new().with_prefix().with_limit(1);
    let users = connection.call(connection.kv().get(layout.meta_key(PREFIX), Some(one))).await?;
    Ok(users.kvs().first().map(|kv| String::from_utf8_lossy(kv.value()).into_owned()))
}

/// Says that this store is there. Returns the lease that says so.
pub(super) async fn enter(connection: &Connection, layout: &Layout) -> Result<i64, Failure> {
    let mut client = connection.client();
    let lease = connection.call(client.lease_grant(SECONDS, None)).await?.id();
    let key = layout.meta_key(&format!("{PREFIX}{lease:016x}"));
    connection.call(client.put(key, name(), Some(PutOptions::new().with_lease(lease)))).await?;
    Ok(lease)
}

/// Takes it back at once.
pub(super) async fn leave(connection: &Connection, lease: i64) {
    let _expires_by_itself = connection.call(connection.client().lease_revoke(lease)).await;
}

/// Keeps it said. Runs until it is aborted.
pub(super) async fn keep(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(RENEW).await;
        let lease = shared.lease.load(std::sync::atomic::Ordering::Relaxed);
        let kept = async {
            let mut client = shared.connection.client();
            let (mut keeper, mut answers) = client.lease_keep_alive(lease).await?;
            keeper.keep_alive().await?;
            answers.message().await
        };
        match shared.connection.call(kept).await {
            Ok(Some(answer)) if answer.ttl() > 0 => {}
            // It ran out while etcd was away.
            Ok(_) => match enter(&shared.connection, &shared.layout).await {
                Ok(lease) => shared.lease.store(lease, std::sync::atomic::Ordering::Relaxed),
                Err(failure) => tracing::debug!("saying to etcd that this server is there: {failure}"),
            },
            Err(failure) => tracing::debug!("saying to etcd that this server is there: {failure}"),
        }
    }
}
