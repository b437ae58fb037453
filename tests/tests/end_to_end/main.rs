//! The straight line from a manifest to containers, on real Docker, each scenario on both stores.

mod backups;
mod batch;
mod crashing;
mod hollow;
mod host_ports;
mod joining;
mod kubectl;
mod logs;
mod neighbours;
mod placing;
mod proxying;
mod restarts;
mod separate;
mod servers;
mod serving;
mod sets;
mod static_pods;
mod storage;
mod streams;
mod takeover;
mod tracing;
