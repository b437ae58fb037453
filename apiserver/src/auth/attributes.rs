//! What is asked of an authorizer.

use crate::request::RequestInfo;

/// One request, or one question about it. Verbs may be any text: `escalate` and `bind` are no requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes<'a> {
    pub verb: &'a str,
    /// Of a request outside the resources.
    pub path: &'a str,
    pub is_resource: bool,
    pub group: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    /// Empty at cluster scope.
    pub namespace: &'a str,
    /// Empty for a collection.
    pub name: &'a str,
}

impl Attributes<'_> {
    /// `pods`, or `pods/log`.
    pub fn full_resource(&self) -> String {
        match self.subresource {
            "" => self.resource.to_owned(),
            subresource => format!("{}/{subresource}", self.resource),
        }
    }
}

impl<'a> From<&'a RequestInfo> for Attributes<'a> {
    fn from(info: &'a RequestInfo) -> Attributes<'a> {
        Attributes {
            verb: info.verb,
            path: &info.path,
            is_resource: info.is_resource,
            group: &info.group,
            resource: &info.resource,
            subresource: &info.subresource,
            namespace: &info.namespace,
            name: &info.name,
        }
    }
}
