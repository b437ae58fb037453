//! The harness of the end-to-end tests: real binaries, real Docker, real etcd, real kubectl.
//!
//! Invariants:
//! * everything that a test starts has a folder, ports and names of its own, so tests run side by side;
//! * everything is removed when its value is dropped, also when the test fails;
//! * what is missing on the machine fails the test with words that say what to install; nothing is skipped;
//! * tests wait for conditions until a deadline, and a failure shows what the cluster looked like.
//!
//! Reading order: [`binaries`], [`command`], [`wait`] (the basics), [`etcd`], [`image`], [`clients`], [`hosts`] (what a cluster needs),
//! [`cluster`] (`kctl up`), [`processes`] (the same as separate processes), [`farm`] (nodes that are hosts of their own),
//! [`scenario`] (running a test on both stores), [`watching`], [`replicas`] and [`pages`] (what tests look at), [`plot`] (what the benchmarks draw);
//! [`registers`], [`follower`], [`proxy`], [`ledger`] and [`linear`] (what is kept, and in which order, while things go wrong).

pub mod binaries;
pub mod clients;
pub mod cluster;
pub mod collector;
pub mod command;
pub mod etcd;
pub mod farm;
pub mod follower;
pub mod hosts;
pub mod image;
pub mod ledger;
pub mod linear;
pub mod pages;
pub mod plot;
pub mod processes;
pub mod proxy;
pub mod registers;
pub mod registry;
pub mod replicas;
pub mod scenario;
pub mod setting;
pub mod terminal;
pub mod wait;
pub mod watching;
