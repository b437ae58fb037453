//! Nodes that are machines of their own: an agent on each of several Docker hosts, which fail and run short.

mod daemon;
mod fenced;
mod lost;
mod pressure;
