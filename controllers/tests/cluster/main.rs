//! The controllers against a real API server in the same process, on the store in memory. Pods are moved on by
//! [`harness::Kubelet`], which does what an agent would report.

mod classes;
mod cluster_size;
mod daemons;
mod deployments;
mod elections;
mod endpoints;
mod garbage;
mod harness;
mod jobs;
mod limited;
mod namespaces;
mod nodes;
mod one_connection;
mod published;
mod roles;
mod stateful;
