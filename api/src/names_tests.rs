use super::*;

/// One check over names that must pass and names that must fail.
fn check(rule: fn(&str) -> Vec<String>, good: &[&str], bad: &[&str]) {
    for name in good {
        assert_eq!(rule(name), Vec::<String>::new(), "{name:?} should pass");
    }
    for name in bad {
        assert!(!rule(name).is_empty(), "{name:?} should fail");
    }
}

#[test]
fn a_label_is_lower_case_without_dots() {
    let long = "a".repeat(63);
    check(
        dns1123_label,
        &["a", "0", "a-b", "a--b", "1-2", &long],
        &["", "A", "-a", "a-", "a.b", "a_b", "é", "a b", &format!("{long}a")],
    );
}

#[test]
fn a_subdomain_is_labels_and_dots() {
    let long = "a".repeat(253);
    check(
        dns1123_subdomain,
        &["a", "a.b", "a-b.c0", &long],
        &["", ".", "a.", ".a", "a..b", "A.b", "a.-b", &format!("{long}a")],
    );
}

#[test]
fn a_service_starts_with_a_letter() {
    check(dns1035_label, &["a", "a1", "a-1"], &["", "1a", "-a", "a-", "a.b"]);
}

#[test]
fn a_key_is_a_name_with_at_most_one_prefix() {
    check(
        qualified_name,
        &["a", "A_b.c-d", "example.com/a", "a/b", "1"],
        &["", "/a", "a/", "a/b/c", "A.com/a", "-a", "a-", "a b", &"a".repeat(64)],
    );
}

#[test]
fn a_label_value_may_be_empty() {
    check(label_value, &["", "a", "A.b_c-d"], &["-a", "a b", "a/b", &"a".repeat(64)]);
}

#[test]
fn data_keys_never_escape_their_folder() {
    check(config_map_key, &["a", "a.b", ".a", "_", "-"], &["", ".", "..", "..a", "a/b", "a b"]);
}

#[test]
fn environment_names_are_printable_without_equals() {
    check(env_var_name, &["A", "a.b-c", "1A", "a b"], &["", "a=b", "é", "a\nb"]);
    check(c_identifier, &["A", "_a1"], &["", "1a", "a-b"]);
}

#[test]
fn ports_are_named_like_services() {
    check(port_name, &["http", "a", "a-1", "1a"], &["", "HTTP", "1", "a--b", "-a", "a-", "abcdefghijklmnop"]);
    assert!(port_number(1).is_empty() && port_number(65535).is_empty());
    assert_eq!(port_number(0), ["must be between 1 and 65535, inclusive"]);
}

#[test]
fn odd_ends() {
    check(percent, &["0%", "25%", "100%"], &["", "%", "25", "-1%", "a%"]);
    check(http_header_name, &["X-A"], &["", "a b", "a:b"]);
    check(ip_address, &["10.0.0.1", "::1"], &["", "10.0.0", "a"]);
    check(path_segment, &["a", "a:b", ""], &[".", "..", "a/b", "a%b"]);
}

#[test]
fn messages_quote_the_grammar_with_examples() {
    assert_eq!(
        dns1123_label("A"),
        [
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
        ]
    );
    assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
    assert_eq!(
        dns1123_subdomain("A"),
        [
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ]
    );
    assert_eq!(
        label_value("a b"),
        [
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        ]
    );
    assert_eq!(qualified_name("/a"), ["prefix part must be non-empty"]);
}

#[test]
fn generated_names_are_labels_and_differ() {
    let name = generate_name("web-");
    assert_eq!(name.len(), 9);
    assert!(name.starts_with("web-"));
    assert!(dns1123_label(&name).is_empty());
    assert_eq!(generate_name(&"a".repeat(100)).len(), 63);
    assert_eq!(generate_name(&"é".repeat(40)).chars().count(), 29 + 5);
    let many: std::collections::HashSet<String> = (0..1000).map(|_| generate_name("x")).collect();
    assert!(many.len() > 990, "{} of 1000 differ", many.len());
}

#[test]
fn an_encoded_hash_uses_the_alphabet_of_generated_names() {
    assert!(safe_encode("4163589726").bytes().all(|b| ALPHABET.contains(&b)));
    assert_eq!(safe_encode("0123456789").len(), 10);
}
