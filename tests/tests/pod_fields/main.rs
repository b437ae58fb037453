//! The fields of a pod's spec on real Docker, a case each: what is written into the spec is looked for in the
//! *container*, through `docker inspect`, `docker exec` and `/proc`, never in what the agent says about itself.
//!
//! All cases share one cluster. To add some, write a file with a function `cases` and name it in [`FILES`]; `process`
//! is an example. `TIMONIER_CASES=hostname,sysctl cargo test --test pod_fields` runs the cases whose names contain one of these.

mod audit;
mod case;
mod ending;
mod hooks;
mod images;
mod init;
mod names;
mod probes;
mod process;
mod resize;
mod security;
mod seen;
mod suite;
mod volumes;

use case::Case;
use timonier_tests::cluster::{Settings, Store, Wish};
use timonier_tests::scenario;

/// Every file of cases.
const FILES: &[fn() -> Vec<Case>] = &[
    ending::cases,
    hooks::cases,
    init::cases,
    probes::cases,
    resize::cases,
    names::cases,
    process::cases,
    security::cases,
    volumes::cases,
];

/// What the agent is told, as environment variables.
const SETTINGS: Settings =
    &[("TIMONIER_ALLOWED_UNSAFE_SYSCTLS", "net.ipv4.tcp_max_*,kernel.msgmni"), ("TIMONIER_CLUSTER_DNS", CLUSTER_DNS)];
/// Nobody listens there.
const CLUSTER_DNS: &str = "10.96.0.10";

#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_a_pod_spec_is_found_in_its_containers() {
    let wish = Wish { store: Store::Embedded, nodes: 1, hollow: false };
    let cases = FILES.iter().flat_map(|cases| cases()).collect();
    scenario::with(wish, SETTINGS, async |cluster| suite::run(cluster, cases).await).await;
}
