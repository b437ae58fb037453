//! Nodes that are machines of their own: an agent on each of several Docker hosts, which fail.

mod daemon;
mod lost;
