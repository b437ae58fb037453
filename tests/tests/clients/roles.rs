//! `kubectl create role`, `auth can-i` and `--as`: who may do what.

use anyhow::{Result, ensure};

use crate::Kubectl;

pub async fn all(kubectl: &Kubectl<'_>) -> Result<()> {
    let ann = format!("ann-of-{}", kubectl.namespace);
    let refused = kubectl.run(&["get", "pods", "--as", &ann]).await?.refused()?;
    let expected = format!(
        "pods is forbidden: User {ann:?} cannot list resource \"pods\" in API group \"\" in the namespace {:?}",
        kubectl.namespace
    );
    ensure!(refused.contains(&expected), "{refused}");
    kubectl
        .ok(&["create", "role", "reader", "--verb=get,list,watch", "--resource=pods,pods/log,deployments.apps"])
        .await?;
    let user = format!("--user={ann}");
    let said = kubectl.ok(&["create", "rolebinding", "reads", "--role=reader", &user]).await?;
    ensure!(said == "rolebinding.rbac.authorization.k8s.io/reads created\n", "{said}");
    kubectl.ok(&["get", "pods", "--as", &ann]).await?;
    for (asked, expected) in [
        (["list", "pods"], "yes"),
        (["get", "pods/log"], "yes"),
        (["list", "deployments.apps"], "yes"),
        (["delete", "pods"], "no"),
        (["list", "nodes"], "no"),
    ] {
        let args = [&["auth", "can-i"][..], &asked, &["--as", &ann]].concat();
        let said = kubectl.run(&args).await?;
        ensure!(said.stdout.starts_with(expected), "{asked:?}: {}", said.stdout);
    }
    let list = kubectl.ok(&["auth", "can-i", "--list", "--as", &ann]).await?;
    let found = list.lines().any(|line| line.starts_with("pods/log ") && line.ends_with("[get list watch]"));
    ensure!(found, "{list}");
    let row = kubectl.ok(&["get", "rolebindings", "reads", "-o", "wide", "--no-headers"]).await?;
    let words: Vec<&str> = row.split_whitespace().collect();
    ensure!(words[..2] == ["reads", "Role/reader"] && words[3..] == [&ann], "{row}");
    // One may give away what one has, and no more.
    kubectl.ok(&["create", "rolebinding", "owns", "--clusterrole=admin", &user]).await?;
    let mine = ["create", "role", "mine", "--verb=get", "--resource=pods", "--as", &ann];
    kubectl.ok(&mine).await?;
    let more = ["create", "role", "more", "--verb=get", "--resource=nodes", "--as", &ann];
    let refused = kubectl.run(&more).await?.refused()?;
    ensure!(refused.contains("is attempting to grant RBAC permissions not currently held"), "{refused}");
    kubectl.ok(&["delete", "rolebinding", "reads", "owns"]).await?;
    kubectl.run(&["get", "pods", "--as", &ann]).await?.refused()?;
    Ok(())
}
