//! Kubernetes' protobuf encoding of objects: JSON to protobuf and back, driven by a table of fields.
//!
//! No kind has code of its own: `fields.txt` says which number and
//! type each field of each message has, and a few messages whose JSON is no object (`Time`, `Quantity`, `IntOrString`, …)
//! are spelled out in `encode` and `decode`. Reading order: [`wire`] (varints and lengths), `table` (the messages),
//! `encode`, `decode`, [`envelope`] (what stands around an object on the wire).
//!
//! Clients get nothing for a field that is not set, where Go's generated code writes zeros: both mean the same to a reader.

mod decode;
mod encode;
pub mod envelope;
mod table;
pub mod wire;

pub use decode::DecodeError;
pub use encode::EncodeError;
pub use table::Message;

#[cfg(test)]
mod tests;
