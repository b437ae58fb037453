use std::time::SystemTime;

use timonier_store::dump;

use crate::fixture::{As, Cluster, Protocol};
use crate::{CONFIG_MAPS, config_map};

const PATH: &str = "/timonier/v1/backup";

#[tokio::test]
async fn a_backup_is_everything_at_one_revision() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    for name in ["a", "b", "c"] {
        admin.post(CONFIG_MAPS, &config_map(name)).await.ok();
    }
    let before = SystemTime::now();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let answer = cluster.client(As::Admin, protocol).get(PATH).await;
        assert!(answer.code.is_success(), "{}", answer.code);
        let (verified, content) = dump::read(&answer.body[..], |_| ()).expect("a whole backup");
        let now = cluster.store.snapshot();
        assert_eq!(verified.head.revision, now.revision());
        assert!(verified.head.made + std::time::Duration::from_secs(1) >= before);
        assert!(content.range("", None).eq(now.range("", None)));
    }
}

#[tokio::test]
async fn only_administrators_get_one() {
    let cluster = Cluster::start().await;
    let node = As::Certificate("system:node:n1", "system:nodes");
    for (who, user) in [(As::Anonymous, "system:anonymous"), (As::Token("bob-token"), "bob"), (node, "system:node:n1")]
    {
        let refused = cluster.client(who, Protocol::Http1).get(PATH).await.refused();
        assert_eq!(refused, (403, "Forbidden".into(), format!("forbidden: User {user:?} cannot get path {PATH:?}")));
    }
}
