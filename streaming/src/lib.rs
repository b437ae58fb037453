//! How a terminal, a pipe or a port reaches a container over one HTTP connection, as Kubernetes' clients speak it.
//!
//! `spdy` is SPDY/3.1: frames and header blocks without I/O, and streams over any connection. `channels` are the
//! WebSocket subprotocols, a byte of channel before each message. `websocket` takes and makes the upgrade, and
//! carries SPDY's bytes in binary messages. What the streams mean is the business of those who import this.

pub mod channels;
pub mod spdy;
pub mod websocket;
