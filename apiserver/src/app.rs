//! What all requests share.

use std::net::SocketAddr;
use std::sync::Arc;

use timonier_store::Store;
use tokio_util::sync::CancellationToken;

use crate::admission::policies::Policies;
use crate::admission::turns::Turns;
use crate::agents::Agents;
use crate::auth::service_account::ServiceAccounts;
use crate::auth::{Authorizer, Tokens};
use crate::definitions::held::Definitions;
use crate::discovery::cache::Cache as DiscoveryCache;
use crate::identity::Identity;
use crate::kinds::Kinds;
use crate::limits::{Fairness, Limits, Watches};
use crate::metrics::counts::Metrics;
use crate::openapi::cache::Cache as OpenApiCache;
use crate::viewer::codes::Codes;

pub struct App {
    pub store: Store,
    pub kinds: Kinds,
    pub definitions: Definitions,
    pub tokens: Tokens,
    pub service_accounts: ServiceAccounts,
    pub authorizer: Authorizer,
    pub anonymous: Arc<Identity>,
    pub metrics: Metrics,
    pub limits: Limits,
    pub fairness: Fairness,
    pub watches: Watches,
    pub agents: Agents,
    /// Of writers that quotas count.
    pub turns: Turns,
    pub policies: Policies,
    pub discovery: DiscoveryCache,
    pub openapi: OpenApiCache,
    pub viewer_codes: Codes,
    /// What discovery tells clients to connect to.
    pub advertise: SocketAddr,
    /// Cancelled when the server drains: long answers end.
    pub stop: CancellationToken,
}
