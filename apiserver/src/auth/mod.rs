//! Who is it, and may they: the two layers before any work is done.

mod authenticate;
mod bootstrap_token;
mod certificate;
mod policy;
pub mod rules;
pub mod service_account;
mod tokens;

pub use authenticate::{Fixed, PeerIdentity, layer as authenticate, of_token as authenticate_token};
pub use certificate::identity_of as certificate_identity;
pub use policy::{layer as authorize, may, refusal};
pub use tokens::Tokens;
