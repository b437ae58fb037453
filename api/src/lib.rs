//! What every part of Timonier agrees on: kinds as data, names, selectors, quantities, schemas and `Status`.
//!
//! Pure: no I/O, no clock, no HTTP. Input never panics; what is wrong with it comes back as data, worded as Kubernetes
//! words it. YAML is read in one module only.
//!
//! In reading order: [`kind`], [`names`], [`field`], [`status`], [`selector`], [`quantity`], [`quota`], [`duration`], [`jsonpath`], [`yaml`], [`schema`], [`structural`], [`protobuf`], [`static_pod`],
//! [`schedule`].

pub mod duration;
pub mod field;
pub mod jsonpath;
pub mod kind;
pub mod names;
pub mod protobuf;
pub mod quantity;
pub mod quota;
pub mod schedule;
pub mod schema;
pub mod selector;
pub mod static_pod;
pub mod status;
pub mod structural;
pub mod yaml;
