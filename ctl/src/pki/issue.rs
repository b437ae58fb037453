//! What each component of a cluster gets: its certificate, and the kubeconfig that uses it.

use super::PkiError;
use super::authority::{Authority, Subject};
use super::kubeconfig::{Credential, Kubeconfig};
use super::layout::{Layout, read, write};
use rcgen::KeyPair;
use std::fmt::Write as _;
use timonier_nodeagent as nodeagent;

/// Everything below the PKI folder that is shared by all servers of a cluster.
#[derive(Clone, Debug)]
pub struct Shared {
    /// What clients dial, for instance `https://127.0.0.1:6443`.
    pub server: String,
    /// Names and addresses under which API servers are reached, besides the local ones.
    pub server_names: Vec<String>,
}

/// One agent's identity.
#[derive(Clone, Debug)]
pub struct NodeIdentity {
    pub name: String,
    /// Where its port is reached: an IP address or a host name.
    pub address: String,
}

/// The components that talk to the API server besides the nodes and the admin.
pub const CONTROLLER_MANAGER: &str = "controller-manager";
pub const SCHEDULER: &str = "scheduler";
/// The API server's own client certificate: the only one an agent's port lets in.
pub const KUBELET_CLIENT: &str = "apiserver-kubelet-client";
pub const KUBELET_CLIENT_USER: &str = "timonier-apiserver";

fn client(user: &str, groups: &[&str]) -> Subject {
    Subject {
        user: user.into(),
        groups: groups.iter().map(|g| g.to_string()).collect(),
        names: vec![],
        serves: false,
        connects: true,
    }
}

/// Makes what is missing of the shared identities. What is there stays, so it can be called at each start.
pub fn shared(layout: &Layout, shared: &Shared) -> Result<(), PkiError> {
    let authority = Authority::open(layout)?;
    let mut names: Vec<String> =
        ["127.0.0.1", "::1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
            .map(String::from)
            .to_vec();
    for name in &shared.server_names {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let serving = Subject {
        user: "timonier-apiserver".into(),
        groups: vec!["timonier:apiservers".into()],
        names,
        serves: true,
        connects: false,
    };
    authority.ensure(layout, "apiserver", &serving)?;
    authority.ensure(layout, KUBELET_CLIENT, &client(KUBELET_CLIENT_USER, &["timonier:apiservers"]))?;
    service_account_key(layout)?;
    for (name, subject) in [
        ("admin", client("admin", &["system:masters"])),
        (CONTROLLER_MANAGER, client("system:kube-controller-manager", &[])),
        (SCHEDULER, client("system:kube-scheduler", &[])),
    ] {
        authority.ensure(layout, name, &subject)?;
        client_kubeconfig(layout, &authority, name, &shared.server)?;
    }
    admin_token(layout)?;
    Ok(())
}

/// Makes what is missing of one node's identity: one certificate for both of its directions.
pub fn node(layout: &Layout, server: &str, identity: &NodeIdentity) -> Result<String, PkiError> {
    let authority = Authority::open(layout)?;
    let name = format!("nodes/{}", identity.name);
    let subject = Subject {
        user: format!("system:node:{}", identity.name),
        groups: vec!["system:nodes".into()],
        names: vec![identity.address.clone()],
        serves: true,
        connects: true,
    };
    authority.ensure(layout, &name, &subject)?;
    client_kubeconfig(layout, &authority, &name, server)?;
    Ok(name)
}

/// What an agent with that identity shows, and whom it lets in.
pub fn agent_tls(layout: &Layout, files: &str) -> nodeagent::AgentTls {
    nodeagent::AgentTls {
        cert: layout.certificate(files),
        key: layout.key(files),
        client_ca: layout.certificate("ca"),
        client_cn: KUBELET_CLIENT_USER.into(),
    }
}

fn client_kubeconfig(layout: &Layout, authority: &Authority, name: &str, server: &str) -> Result<(), PkiError> {
    let kubeconfig = Kubeconfig {
        cluster: "timonier".into(),
        server: server.into(),
        ca_pem: authority.pem().into(),
        user: name.rsplit('/').next().unwrap_or(name).into(),
        credential: Credential::Certificate {
            certificate_pem: read(&layout.certificate(name))?,
            key_pem: read(&layout.key(name))?,
        },
    };
    write(&layout.kubeconfig(name), &kubeconfig.to_string())
}

/// The admin's bearer token: read if there is one, else made (256 random bits).
pub fn admin_token(layout: &Layout) -> Result<String, PkiError> {
    let path = layout.tokens();
    if path.exists() {
        let text = read(&path)?;
        let row = text.lines().find(|line| line.split(',').nth(1) == Some("admin"));
        return match row.and_then(|line| line.split(',').next()) {
            Some(token) if !token.is_empty() => Ok(token.to_string()),
            _ => Err(PkiError::Malformed { path, detail: "it has no line for the user admin".into() }),
        };
    }
    let random: [u8; 32] = rand::random();
    let mut token = String::new();
    for byte in random {
        let _ = write!(token, "{byte:02x}");
    }
    write(&path, &format!("{token},admin,admin,\"system:masters\"\n"))?;
    Ok(token)
}

/// The admin's kubeconfig, with the bearer token, as `kctl` and kubectl read it.
pub fn admin_kubeconfig(layout: &Layout, server: &str) -> Result<Kubeconfig, PkiError> {
    Ok(Kubeconfig {
        cluster: "timonier".into(),
        server: server.into(),
        ca_pem: read(&layout.certificate("ca"))?,
        user: "admin".into(),
        credential: Credential::Token(admin_token(layout)?),
    })
}

/// The key pair that signs service account tokens.
fn service_account_key(layout: &Layout) -> Result<(), PkiError> {
    if layout.key("sa").exists() {
        return Ok(());
    }
    let key = KeyPair::generate().map_err(|source| PkiError::Issue { subject: "service accounts".into(), source })?;
    write(&layout.key("sa"), &key.serialize_pem())?;
    write(&layout.public_key("sa"), &key.public_key_pem())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        let request = Shared { server: "https://127.0.0.1:6443".into(), server_names: vec!["10.0.0.7".into()] };
        shared(&layout, &request).unwrap();
        let identity = NodeIdentity { name: "node-1".into(), address: "127.1.2.1".into() };
        node(&layout, &request.server, &identity).unwrap();
        let read_all = || {
            ["ca.crt", "apiserver.crt", "admin.kubeconfig", "tokens.csv", "nodes/node-1.kubeconfig", "sa.pub"]
                .map(|f| std::fs::read_to_string(dir.path().join(f)).unwrap())
        };
        let before = read_all();
        shared(&layout, &request).unwrap();
        node(&layout, &request.server, &identity).unwrap();
        assert_eq!(before, read_all());
    }

    #[test]
    fn a_token_file_without_the_admin_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        std::fs::write(layout.tokens(), "abc,somebody,1\n").unwrap();
        assert!(admin_token(&layout).unwrap_err().to_string().contains("tokens.csv"));
    }
}
