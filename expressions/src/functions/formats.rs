//! The formats that texts can be checked against by name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use timonier_api::names;

use super::called::Called;
use crate::address::Url;
use crate::value::Value;

const FORMATS: [&str; 13] = [
    "dns1123Label",
    "dns1123Subdomain",
    "dns1035Label",
    "qualifiedName",
    "dns1123LabelPrefix",
    "dns1123SubdomainPrefix",
    "dns1035LabelPrefix",
    "labelValue",
    "uri",
    "uuid",
    "byte",
    "date",
    "datetime",
];

pub fn call(name: &str, method: bool, args: &[Value]) -> Called {
    let named = |name: &str| FORMATS.iter().find(|known| **known == name).map(|name| Value::Format(name));
    match (name, args) {
        ("format.named", [Value::Text(name)]) => Some(Ok(named(name).map_or(Value::NONE, Value::some))),
        ("validate", [Value::Format(format), Value::Text(text)]) if method => {
            let faults = faults(format, text);
            let list = || Value::list(faults.iter().map(Value::text).collect());
            Some(Ok(if faults.is_empty() { Value::NONE } else { Value::some(list()) }))
        }
        (name, []) => named(name.strip_prefix("format.")?).map(Ok),
        _ => None,
    }
}

fn faults(format: &str, text: &str) -> Vec<String> {
    // The dash that a prefix may end with stands for what comes after it.
    let prefix = |text: &str| text.strip_suffix('-').map_or_else(|| text.to_owned(), |text| format!("{text}a"));
    let unless = |valid: bool, fault: &str| if valid { vec![] } else { vec![fault.to_owned()] };
    match format {
        "dns1123Label" => names::dns1123_label(text),
        "dns1123Subdomain" => names::dns1123_subdomain(text),
        "dns1035Label" => names::dns1035_label(text),
        "qualifiedName" => names::qualified_name(text),
        "dns1123LabelPrefix" => names::dns1123_label(&prefix(text)),
        "dns1123SubdomainPrefix" => names::dns1123_subdomain(&prefix(text)),
        "dns1035LabelPrefix" => names::dns1035_label(&prefix(text)),
        "labelValue" => names::label_value(text),
        "uri" => unless(Url::parse(text).is_some(), "invalid URL"),
        "uuid" => unless(is_uuid(text), "does not match the UUID format"),
        "byte" => unless(STANDARD.decode(text).is_ok(), "invalid base64"),
        "date" => unless(text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10, "invalid date"),
        _ => unless(text.parse::<jiff::Timestamp>().is_ok(), "invalid datetime"),
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
