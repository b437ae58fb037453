//! Each namespace has a ServiceAccount `default`.

use std::sync::Arc;

use serde_json::json;
use timonier_client::{Informer, Next, ObjectKey, Reconcile, Writer};

use crate::{
    objects::{Namespace, ServiceAccount},
    refusal::namespace_ends,
};

pub struct ServiceAccounts {
    pub namespaces: Informer<Namespace>,
    pub accounts: Informer<ServiceAccount>,
}

/// Whether the namespace is short of its account.
fn lacks_account(namespace: Option<&Namespace>, account: Option<&ServiceAccount>) -> bool {
    namespace.is_some_and(|namespace| !namespace.metadata.is_deleting()) && account.is_none()
}

impl Reconcile for ServiceAccounts {
    /// The namespace's name.
    type Key = Arc<str>;
    type Error = kube::Error;

    async fn reconcile(&self, name: &Arc<str>, writer: &Writer) -> Result<Next, kube::Error> {
        let namespace = self.namespaces.get(&ObjectKey::cluster(name.clone()));
        let account = self.accounts.get(&ObjectKey::namespaced(name.clone(), "default"));
        if lacks_account(namespace.as_deref(), account.as_deref()) {
            let body = json!({
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"name": "default", "namespace": &**name},
            });
            match writer.create::<ServiceAccount>(Some(name), &body).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" || status.code == 404 => {}
                Err(error) if namespace_ends(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Next::Settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_namespace_has_its_account_unless_it_is_ending() {
        let live = Namespace::default();
        let mut ending = Namespace::default();
        ending.metadata.deletion_timestamp = Some(Timestamp::UNIX_EPOCH);
        let account = ServiceAccount::default();
        assert!(lacks_account(Some(&live), None));
        assert!(!lacks_account(Some(&live), Some(&account)));
        assert!(!lacks_account(Some(&ending), None));
        assert!(!lacks_account(None, None));
    }
}
