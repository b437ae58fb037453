//! How the controllers of trust are wired: who publishes it, who signs, who forgets tokens.

use std::sync::Arc;

use timonier_client::{Informer, Object, Runner, watch::Scope};
use tokio_util::sync::CancellationToken;

use crate::{
    certificates::Certificates,
    ground::Ground,
    publisher::{self, ClusterInfo, RootCa},
    token_cleaner::{self, TokenCleaner},
};

/// A copy of part of a kind, for one controller alone.
fn part<T: Object>(ground: &Ground, scope: Scope, shutdown: &CancellationToken) -> Informer<T> {
    let informer = Informer::new();
    informer.start(ground.client.clone(), scope, shutdown.clone());
    informer
}

pub async fn root_ca_publisher(ground: Arc<Ground>, shutdown: CancellationToken) {
    let named = |name: &str| Scope { field_selector: Some(format!("metadata.name={name}")), ..Scope::default() };
    let namespaces = ground.copies.namespaces();
    let published = part(&ground, named(publisher::ROOT_CA), &shutdown);
    let trust = ground.trust.clone();
    let root = RootCa { namespaces: namespaces.clone(), published: published.clone(), trust: trust.clone() };
    let root = Runner::new("root-ca-publisher", ground.client.clone(), Arc::new(root))
        .primary(&namespaces, |namespace| Some(namespace.meta().name.clone()))
        .watch(&published, |change, queue| {
            change.states().filter_map(|map| map.meta().namespace.clone()).for_each(|namespace| queue.add(namespace));
        });
    let public = Scope { namespace: Some(publisher::PUBLIC.into()), ..named(publisher::CLUSTER_INFO) };
    let published = part(&ground, public, &shutdown);
    let info = ClusterInfo { namespaces: namespaces.clone(), published: published.clone(), trust };
    let info = Runner::new("cluster-info-publisher", ground.client.clone(), Arc::new(info))
        .primary(&namespaces, |namespace| (&*namespace.meta().name == publisher::PUBLIC).then_some(()))
        .primary(&published, |_| Some(()));
    tokio::join!(root.run(shutdown.clone()), info.run(shutdown));
}

pub async fn certificates(ground: Arc<Ground>, shutdown: CancellationToken) {
    let Some(authority) = ground.trust.authority.clone() else {
        tracing::info!("certificate requests of nodes are not signed: --pki names no CA with its key");
        return shutdown.cancelled().await;
    };
    let requests = part(&ground, Scope::default(), &shutdown);
    let reconciler = Certificates { requests: requests.clone(), authority };
    Runner::new("certificates", ground.client.clone(), Arc::new(reconciler))
        .primary(&requests, |_| Some(()))
        .run(shutdown)
        .await;
}

pub async fn token_cleaner(ground: Arc<Ground>, shutdown: CancellationToken) {
    let scope = Scope {
        namespace: Some("kube-system".into()),
        field_selector: Some(format!("type={}", token_cleaner::TYPE)),
        ..Scope::default()
    };
    let tokens = part(&ground, scope, &shutdown);
    let reconciler = TokenCleaner { tokens: tokens.clone() };
    Runner::new("token-cleaner", ground.client.clone(), Arc::new(reconciler))
        .primary(&tokens, |token| Some(token.meta().key()))
        .run(shutdown)
        .await;
}
