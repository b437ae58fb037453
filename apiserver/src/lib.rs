//! The API server: Kubernetes' API over HTTP, on top of the store.
//!
//! Invariants:
//! - Only this crate knows HTTP. Every failure leaves it as a `Status` object; bad input never panics.
//! - Nothing is written but through [`registry`], after authentication, authorization and admission; a client in the same
//!   process ([`Server::local`]) passes the same layers as one on a socket.
//! - Objects are bytes: what is stored is encoded once, and what is served of it is made once for all readers.
//! - A server keeps no state of its own, but for the viewer's one-time codes: any number may share one store.
//!
//! Reading order, as a request walks: [`serve`] (the layers), [`request`], [`auth`], [`limits`], [`registry`] (one verb a file),
//! [`kinds`] (what differs between kinds), [`admission`], [`object`] (what is stored). Then [`discovery`], [`openapi`],
//! [`health`], [`history`], [`metrics`], [`backup`], [`viewer`]; [`definitions`] (kinds that come and go), [`bootstrap`] and
//! [`sweeper`] are the server's own small works.

mod accept;
mod admission;
mod agents;
mod apiservices;
mod app;
mod auth;
mod backup;
mod body;
mod bootstrap;
mod completion;
mod compress;
mod config;
mod definitions;
mod discovery;
mod health;
mod history;
mod identity;
pub mod kinds;
mod limits;
mod metrics;
mod object;
mod openapi;
mod query;
mod reading;
mod registry;
mod request;
mod respond;
mod retention;
mod serve;
mod sweeper;
mod viewer;
mod wanted;
mod why;

pub use backup::PATH as BACKUP_PATH;
pub use config::{Config, Limits, Patience, PkiPaths, StartError};
pub use identity::Identity;
pub use retention::Retention;
pub use serve::{Local, Server};
pub use viewer::CODES_PATH as VIEWER_CODES_PATH;
