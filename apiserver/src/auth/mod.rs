//! Who is it, and may they: the two questions before any work is done.

mod attributes;
mod authenticate;
mod authorize;
mod bootstrap_token;
mod certificate;
mod impersonate;
mod node;
pub mod rbac;
pub mod rules;
pub mod service_account;
pub mod signers;
mod tokens;

pub use attributes::Attributes;
pub use authenticate::{Fixed, PeerIdentity, authenticate, of_token as authenticate_token};
pub use authorize::{Authorizer, authorize};
pub use certificate::identity_of as certificate_identity;
pub use tokens::Tokens;
