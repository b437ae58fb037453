//! Acting as someone else: the headers `Impersonate-User`, `-Group`, `-Uid` and `-Extra-…`, for whom may `impersonate` them.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use timonier_api::status::Status;

use super::{Attributes, Authorizer};
use crate::identity::{ANONYMOUS, AUTHENTICATED, Identity, UNAUTHENTICATED};

const USER: HeaderName = HeaderName::from_static("impersonate-user");
const GROUP: HeaderName = HeaderName::from_static("impersonate-group");
const UID: HeaderName = HeaderName::from_static("impersonate-uid");
const EXTRA: &str = "impersonate-extra-";
/// The group of uids and of what else is known of users.
const AUTHENTICATION: &str = "authentication.k8s.io";

/// Whom a request wants to be taken for. `None`: for whom sent it.
pub fn wanted(headers: &HeaderMap) -> Result<Option<Identity>, Status> {
    if !headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
        return Ok(None);
    }
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let all = |name: &HeaderName| -> Vec<String> {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok().map(str::to_owned)).collect()
    };
    let (user, uid, mut groups) = (text(&USER), text(&UID), all(&GROUP));
    let mut extra = BTreeMap::<String, Vec<String>>::new();
    for name in headers.keys() {
        if let Some(key) = name.as_str().strip_prefix(EXTRA) {
            let key = percent_decode_str(key).decode_utf8_lossy().into_owned();
            extra.entry(key).or_default().extend(all(name));
        }
    }
    if user.is_empty() {
        return match groups.is_empty() && uid.is_empty() && extra.is_empty() {
            true => Ok(None),
            false => Err(Status::bad_request(format!(
                "requested groups {groups:?}, uid {uid:?} and extra {extra:?} without impersonating a user"
            ))),
        };
    }
    if groups.is_empty()
        && let Some((namespace, _)) = service_account(&user)
    {
        groups = vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
    }
    let everyone = if user == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
    if !groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED) {
        groups.push(everyone.to_owned());
    }
    Ok(Some(Identity { user, uid, groups, extra }))
}

/// Namespace and name.
fn service_account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix("system:serviceaccount:")?.split_once(':')
}

/// Refuses unless `identity` may act as all that `headers` ask for.
pub fn check(
    authorizer: &Authorizer,
    identity: &Identity,
    headers: &HeaderMap,
    wanted: &Identity,
) -> Result<(), Status> {
    let may = |group: &str, resource: &str, subresource: &str, namespace: &str, name: &str| {
        let asked = Attributes {
            verb: "impersonate",
            path: "",
            is_resource: true,
            group,
            resource,
            subresource,
            namespace,
            name,
        };
        authorizer.check(identity, &asked)
    };
    match service_account(&wanted.user) {
        Some((namespace, name)) => may("", "serviceaccounts", "", namespace, name)?,
        None => may("", "users", "", "", &wanted.user)?,
    }
    // Only those that were asked for, not those that follow from the user.
    for group in headers.get_all(&GROUP).iter().filter_map(|value| value.to_str().ok()) {
        may("", "groups", "", "", group)?;
    }
    if !wanted.uid.is_empty() {
        may(AUTHENTICATION, "uids", "", "", &wanted.uid)?;
    }
    for (key, values) in &wanted.extra {
        for value in values {
            may(AUTHENTICATION, "userextras", key, "", value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn headers_say_whom_a_request_is_taken_for() {
        assert_eq!(wanted(&headers(&[])), Ok(None));
        assert!(wanted(&headers(&[("impersonate-group", "ops")])).is_err());
        let who =
            |all: &[(&'static str, &'static str)]| wanted(&headers(all)).expect("is well formed").expect("someone");
        assert_eq!(who(&[("impersonate-user", "ann")]), Identity::new("ann", &[]));
        let both = who(&[
            ("impersonate-user", "ann"),
            ("impersonate-group", "ops"),
            ("impersonate-group", "dev"),
            ("impersonate-extra-example.com%2fteam", "blue"),
            ("impersonate-uid", "7"),
        ]);
        assert_eq!(both.groups, ["ops", "dev", AUTHENTICATED]);
        assert_eq!((&*both.uid, &both.extra["example.com/team"][..]), ("7", &["blue".to_owned()][..]));
        let account = who(&[("impersonate-user", "system:serviceaccount:a:s")]);
        assert_eq!(account.groups, ["system:serviceaccounts", "system:serviceaccounts:a", AUTHENTICATED]);
        assert_eq!(who(&[("impersonate-user", ANONYMOUS)]).groups, [UNAUTHENTICATED]);
    }

    #[test]
    fn who_may_not_act_as_someone_is_told_so() {
        let all = headers(&[("impersonate-user", "ann"), ("impersonate-group", "system:masters")]);
        let ann = wanted(&all).expect("is well formed").expect("someone");
        let refused = check(&Authorizer::default(), &Identity::new("bob", &[]), &all, &ann).map_err(|s| s.message);
        let expected = "users \"ann\" is forbidden: User \"bob\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope";
        assert_eq!(refused, Err(expected.to_owned()));
        assert!(check(&Authorizer::default(), &Identity::admin(), &all, &ann).is_ok());
    }
}
