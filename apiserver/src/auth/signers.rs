//! Who decides about a certificate request, and who signs: it takes the right to `approve`, or to `sign`, for its signer.

use serde_json::Value;
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;

use super::{Attributes, Authorizer};
use crate::identity::Identity;
use crate::kinds::{Row, json, metadata};

const GROUP: &str = "certificates.k8s.io";

/// Looks at a write to a subresource of anything; only those of certificate requests are refused.
pub fn check(
    authorizer: &Authorizer,
    identity: &Identity,
    row: &Row,
    subresource: &str,
    old: &Value,
    new: &Value,
) -> Result<(), Status> {
    if row.kind.group != GROUP {
        return Ok(());
    }
    let status = |o| json::get(o, "status");
    let verb = match subresource {
        "approval" if !json::same(status(old), status(new), "conditions") => "approve",
        "status" if !json::same(old, new, "status") => "sign",
        _ => return Ok(()),
    };
    let signer = json::text(json::get(new, "spec"), "signerName");
    // All signers of a domain may be given at once.
    let domain = signer.split('/').next().unwrap_or("");
    let may = [signer, &format!("{domain}/*")].into_iter().any(|name| {
        let asked =
            Attributes { verb, is_resource: true, group: GROUP, resource: "signers", name, ..Attributes::default() };
        authorizer.may(identity, &asked)
    });
    if may {
        return Ok(());
    }
    let detail = format!("user not permitted to {verb} requests with signerName {signer:?}");
    Err(Status::forbidden(&GroupResource::new(GROUP, &*row.kind.plural), metadata::name(new), detail))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::Table;

    #[test]
    fn a_verdict_and_a_certificate_take_a_right_of_their_own() {
        let (authorizer, table) = (Authorizer::default(), Table::builtin());
        let row = table.by_plural(GROUP, "v1", "certificatesigningrequests").expect("a kind");
        let old = json!({"metadata": {"name": "r"}, "spec": {"signerName": "example.com/s"}, "status": {}});
        let with = |status: Value| {
            let mut new = old.clone();
            new["status"] = status;
            new
        };
        let (approved, issued) =
            (with(json!({"conditions": [{"type": "Approved"}]})), with(json!({"certificate": "c"})));
        let bob = Identity::new("bob", &[]);
        let ask = |identity, subresource, new| {
            check(&authorizer, identity, row, subresource, &old, new).map_err(|status| status.message)
        };
        let refused = |verb| {
            Err(format!(
                "certificatesigningrequests.certificates.k8s.io \"r\" is forbidden: \
                 user not permitted to {verb} requests with signerName \"example.com/s\""
            ))
        };
        assert_eq!(ask(&bob, "approval", &approved), refused("approve"));
        assert_eq!(ask(&bob, "status", &issued), refused("sign"));
        assert_eq!(ask(&bob, "", &old), Ok(()));
        assert_eq!(ask(&bob, "approval", &old), Ok(()));
        assert_eq!(ask(&Identity::admin(), "approval", &approved), Ok(()));
    }
}
