//! What the server serves, asked anew by those whose work covers every kind.

use kube::{
    Client,
    client::{APIGroupDiscoveryList, APIResourceDiscovery},
};
use timonier_client::Resource;

/// One collection in its preferred version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    pub resource: Resource,
    pub kind: String,
    pub namespaced: bool,
    pub verbs: Vec<String>,
}

impl Served {
    pub fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }
}

/// All collections, each once: where several versions serve it, the one that the server prefers.
pub async fn discover(client: &Client) -> Result<Vec<Served>, kube::Error> {
    let core = client.list_core_api_versions_aggregated().await?;
    let groups = client.list_api_groups_aggregated().await?;
    Ok(preferred(core).into_iter().chain(preferred(groups)).collect())
}

fn preferred(list: APIGroupDiscoveryList) -> Vec<Served> {
    let mut found: Vec<Served> = Vec::new();
    for group in list.items {
        let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
        // Versions come in the order of preference.
        for version in group.versions {
            let version_name = version.version.clone().unwrap_or_default();
            for resource in version.resources {
                let Some(served) = served(&name, &version_name, resource) else { continue };
                let known = found.iter().any(|known| {
                    known.resource.group == served.resource.group && known.resource.plural == served.resource.plural
                });
                if !known {
                    found.push(served);
                }
            }
        }
    }
    found
}

fn served(group: &str, version: &str, resource: APIResourceDiscovery) -> Option<Served> {
    let plural = resource.resource?;
    Some(Served {
        resource: Resource {
            group: group.to_string().into(),
            version: version.to_string().into(),
            plural: plural.into(),
        },
        kind: resource.response_kind.and_then(|kind| kind.kind).unwrap_or_default(),
        namespaced: resource.scope.as_deref() == Some("Namespaced"),
        verbs: resource.verbs,
    })
}
