//! A ServiceAccount.

use super::page::Page;
use super::parts::{self, list, text};
use serde_json::Value;

pub fn describe(page: &mut Page, account: &Value) {
    parts::name(page, account);
    parts::namespace(page, account);
    parts::labels(page, account);
    parts::annotations(page, account);
    let names = |field: &str| list(&account[field]).iter().map(|secret| text(&secret["name"]).to_string());
    parts::multiline(page, 0, "Image pull secrets", names("imagePullSecrets"));
    parts::multiline(page, 0, "Mountable secrets", names("secrets"));
    page.field(0, "Tokens", "<none>");
}
