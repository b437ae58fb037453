//! Who a request comes from.

use std::collections::BTreeMap;

/// A user and its groups, as certificates (`CN`, `O`) and tokens give them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: String,
    pub uid: String,
    pub groups: Vec<String>,
    /// What else is known, such as the pod that a service account token is bound to.
    pub extra: BTreeMap<String, Vec<String>>,
}

pub const ANONYMOUS: &str = "system:anonymous";
pub const AUTHENTICATED: &str = "system:authenticated";
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
pub const MASTERS: &str = "system:masters";
pub const BOOTSTRAPPERS: &str = "system:bootstrappers";
pub const NODES: &str = "system:nodes";
pub const API_SERVER: &str = "system:apiserver";
pub const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";
pub const SCHEDULER: &str = "system:kube-scheduler";

impl Identity {
    /// An authenticated user; `system:authenticated` is added to the groups.
    pub fn new(user: impl Into<String>, groups: &[&str]) -> Identity {
        let mut groups: Vec<String> = groups.iter().map(|g| g.to_string()).collect();
        if !groups.iter().any(|g| g == AUTHENTICATED) {
            groups.push(AUTHENTICATED.to_string());
        }
        Identity { user: user.into(), uid: String::new(), groups, extra: BTreeMap::new() }
    }

    pub fn anonymous() -> Identity {
        Identity {
            user: ANONYMOUS.to_string(),
            uid: String::new(),
            groups: vec![UNAUTHENTICATED.to_string()],
            extra: BTreeMap::new(),
        }
    }

    pub fn admin() -> Identity {
        Identity::new("admin", &[MASTERS])
    }

    pub fn controller_manager() -> Identity {
        Identity::new(CONTROLLER_MANAGER, &[])
    }

    pub fn scheduler() -> Identity {
        Identity::new(SCHEDULER, &[])
    }

    /// The server itself.
    pub fn server() -> Identity {
        Identity::new(API_SERVER, &[MASTERS])
    }

    /// The agent of the node called `name`.
    pub fn node(name: &str) -> Identity {
        Identity::new(format!("system:node:{name}"), &[NODES])
    }

    pub fn has_group(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }

    pub fn is_anonymous(&self) -> bool {
        self.user == ANONYMOUS
    }

    /// The node whose agent this is; `None` for anyone else.
    pub fn node_name(&self) -> Option<&str> {
        if !self.has_group(NODES) {
            return None;
        }
        self.user.strip_prefix("system:node:")
    }
}
