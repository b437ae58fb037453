//! The server: its start and its end, and what answers.

mod connection;
mod front;
mod local;
mod streams;
pub(crate) mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use front::Front;
pub use local::Local;

use crate::agents::Agents;
use crate::app::App;
use crate::auth::service_account::{ServiceAccounts, Signer};
use crate::auth::{Authorizer, Tokens};
use crate::config::{Config, StartError};
use crate::definitions::held::Definitions;
use crate::identity::Identity;
use crate::kinds::{Kinds, Table, customresourcedefinition};
use crate::limits::{Fairness, Watches};
use crate::metrics::{self, counts::Metrics};
use crate::{
    apiservices, backup, bootstrap, definitions, discovery, health, history, openapi, registry, sweeper, viewer, why,
};

/// How long requests in flight may take to finish once a server drains.
const DRAIN: Duration = Duration::from_secs(10);

/// A running API server. Dropping it does not stop it: call [`Server::shutdown`].
pub struct Server {
    address: SocketAddr,
    app: Arc<App>,
    front: Front,
    tasks: TaskTracker,
}

impl Server {
    /// Makes the first namespaces when the store is empty, then listens and serves.
    pub async fn start(config: Config) -> Result<Server, StartError> {
        let tls = tls::config(&config.pki)?;
        let tokens = Tokens::read(&config.pki.tokens)?;
        let service_accounts = ServiceAccounts::new(Signer::read(&config.pki.service_account_key)?);
        let agents = Agents::new(&config.pki)?;
        let kinds = Kinds::new(Table::builtin_with(config.patience));
        bootstrap::first_namespaces(&config.store, &kinds.current()).await?;
        bootstrap::first_storage_class(&config.store, &kinds.current()).await?;
        crate::wanted::see_to(&config.store, &kinds.current(), bootstrap::wanted(&kinds.current())).await?;
        let authorizer = Authorizer::default();
        authorizer.rbac.refresh(&config.store.snapshot());
        let stop = CancellationToken::new();
        let row =
            kinds.current().by_plural(customresourcedefinition::GROUP, "v1", "customresourcedefinitions").cloned();
        let row = row.ok_or_else(|| StartError::Store("the kind CustomResourceDefinition is not built in".into()))?;
        let definitions = Definitions::new(row, stop.clone());
        let snapshot = config.store.fresh().await.map_err(|error| StartError::Store(error.to_string()))?;
        definitions.sync(&snapshot, &kinds);
        let bind = |source| StartError::Bind { address: config.bind, source };
        let listener = TcpListener::bind(config.bind).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let app = Arc::new(App {
            store: config.store,
            kinds,
            definitions,
            tokens,
            service_accounts,
            authorizer,
            anonymous: Arc::new(Identity::anonymous()),
            metrics: Metrics::new(),
            fairness: Fairness::new(&config.limits),
            watches: Watches::new(config.limits.max_watches_per_user),
            agents,
            turns: Default::default(),
            policies: Default::default(),
            discovery: Default::default(),
            openapi: Default::default(),
            viewer_codes: Default::default(),
            advertise: config.advertise.unwrap_or(address),
            stop,
            limits: config.limits,
        });
        let front = Front::new(app.clone(), routes(app.clone()));
        let tasks = TaskTracker::new();
        tasks.spawn(connection::accept(listener, tls, front.clone(), app.limits.slow_client(), app.stop.clone()));
        tasks.spawn(sweeper::run(app.clone()));
        tasks.spawn(apiservices::follow(app.clone()));
        let following = app.clone();
        tasks.spawn(async move { following.authorizer.rbac.follow(&following.store, &following.stop).await });
        tasks.spawn(definitions::run(app.clone()));
        tracing::info!(%address, "serving");
        Ok(Server { address, app, front, tasks })
    }

    /// The address that it listens on, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same server without a socket, for `kube::Client::new`: every request comes from `identity` and passes the
    /// same steps as any other.
    pub fn local(&self, identity: Identity) -> Local {
        Local::new(self.front.clone(), identity)
    }

    /// Stops listening, ends watches, lets requests in flight finish.
    pub async fn shutdown(&self) {
        self.app.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests were still running after {} s", DRAIN.as_secs());
        }
    }
}

/// Everything that answers.
fn routes(app: Arc<App>) -> Router {
    Router::new()
        .merge(health::routes())
        .merge(discovery::routes())
        .merge(openapi::routes())
        .merge(metrics::routes())
        .merge(backup::routes())
        .merge(history::routes())
        .merge(viewer::routes())
        .merge(why::routes())
        .fallback(registry::dispatch)
        .with_state(app)
}
