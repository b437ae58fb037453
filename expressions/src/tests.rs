//! Expressions and what comes of them: answers, what is refused before it runs, what fails when it runs.

use serde_json::json;

use super::*;
use crate::signatures;

/// What tests name.
fn variables() -> (Vec<(&'static str, Type)>, Scope) {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "count": {"type": "integer"},
            "share": {"type": "number"},
            "on": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "numbers": {"type": "array", "items": {"type": "integer"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "port": {"x-kubernetes-int-or-string": true},
            "since": {"type": "string", "format": "date-time"},
            "wait": {"type": "string", "format": "duration"},
            "data": {"type": "string", "format": "byte"},
            "foo-bar.x/y__z": {"type": "string"},
            "namespace": {"type": "string"},
            "none": {"type": "string", "nullable": true},
            "inner": {"type": "object", "properties": {"deep": {"type": "integer"}}},
            "missing": {"type": "object", "properties": {"deep": {"type": "integer"}}},
        },
    });
    let type_ = type_of(&schema, true);
    let object = json!({
        "metadata": {"name": "m", "labels": {"a": "b"}},
        "name": "web", "count": 3, "share": 1, "on": true, "tags": ["a", "b", "c"], "numbers": [3, 1, 2],
        "labels": {"app": "web", "tier": "front"}, "port": "http", "since": "2026-11-26T10:00:00Z", "wait": "90s",
        "data": "aGVsbG8=", "foo-bar.x/y__z": "odd", "namespace": "ns", "none": null, "inner": {"deep": 7},
    });
    let value = value_of(&object, &type_);
    let free = value_of(&json!({"a": [1, "x", {"b": 2}], "n": null, "d": 1.5}), &Type::Dyn);
    (vec![("self", type_), ("free", Type::Dyn)], Scope::default().with("self", value).with("free", free))
}

fn run(text: &str) -> Result<Value, String> {
    let (types, scope) = variables();
    let program = Program::compile(text, &types).map_err(|error| error.message)?;
    program.run(&scope, &mut Budget::new(100_000)).map_err(|error| error.to_string())
}

#[test]
fn what_is_so_is_true() {
    let all = r#"
        1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 % 3 == -1 && 0x1F == 31 && 5u + 2u == 7u
        1.5e3 == 1500.0 && .5 + .5 == 1.0 && -(2) == -2 && !false && - 9223372036854775808 < 0
        'a' + "b" == r'ab' && '\u00e9\x41\101\n' == "éAA\n" && b'abc' == bytes('abc') && '''a'b''' == "a'b"
        1 < 2 && 2 >= 2 && 'a' < 'b' && 1.0 <= 2.0 && 1 < 2.5 && 3u > 2 && false < true
        dyn(1) == dyn(1.0) && dyn(1u) == dyn(1) && dyn('1') != dyn(1) && [1, 2] == [1, 2] && {'a': 1} == {'a': 1}
        true || (1 / 0 == 1) && (1 / 0 == 1) || true
        false && 1 / 0 == 1 || true
        (self.count > 2 ? 'many' : 'few') == 'many'
        has(self.name) && !has(self.missing) && has(self.inner.deep) && !has(self.labels.other) && has(self.labels.app)
        self.none == null && self.name != null
        self.metadata.name == 'm' && self.foo__dash__bar__dot__x__slash__y__underscores__z == 'odd'
        self.__namespace__ == 'ns' && self.labels['tier'] == 'front' && self.tags[0] == 'a' && self.share == 1.0
        'app' in self.labels && !('x' in self.labels) && 2 in self.numbers && size(self.tags) == 3 && 'éa'.size() == 2
        self.tags.all(t, t.size() == 1) && self.tags.exists(t, t == 'b') && self.tags.exists_one(t, t == 'c')
        self.numbers.map(n, n * 2) == [6, 2, 4] && self.numbers.filter(n, n > 1) == [3, 2]
        self.numbers.map(n, n > 1, n * 10) == [30, 20] && self.labels.all(k, k.startsWith('a') || k == 'tier')
        self.labels.all(k, v, k.size() > 2 && v != '') && self.numbers.exists(i, n, i == 1 && n == 1)
        [1, 2].all(x, [3, 4].exists(y, x < y)) && [].all(x, false) && ![].exists(x, true)
        [0, 1].exists(x, 1 / x == 1) && ![0, 1].all(x, 1 / x == 2)
        self.port == 'http' && type(self.port) == string && type(1) == int && type([]) == list && type(null) == null_type
        int('12') == 12 && int(3.9) == 3 && int(-3.9) == -3 && uint(3) == 3u && double('1.5') == 1.5 && string(12) == '12'
        string(1.5) == '1.5' && bool('true') && string(b'x') == 'x' && int(timestamp('1970-01-01T00:01:00Z')) == 60
        self.since + self.wait == timestamp('2026-11-26T10:01:30Z') && self.since.getFullYear() == 2026
        self.since.getMonth() == 10 && self.since.getDate() == 26 && self.since.getHours('+02:00') == 12
        duration('1h30m') == duration('90m') && duration('1.5s').getMilliseconds() == 500 && string(duration('90s')) == '90s'
        self.since - timestamp('2026-11-26T09:00:00Z') == duration('1h') && self.since > timestamp('2020-01-01T00:00:00Z')
        self.since.getDayOfWeek() == 4 && self.data == b'hello' && string(self.data) == 'hello'
        'hello'.charAt(1) == 'e' && 'hello'.indexOf('l') == 2 && 'hello'.indexOf('l', 3) == 3 && 'hello'.lastIndexOf('l') == 3
        'Hello'.lowerAscii() == 'hello' && 'a,b'.split(',') == ['a', 'b'] && 'abc'.split('') == ['a', 'b', 'c']
        'a,b,c'.split(',', 2) == ['a', 'b,c'] && 'hello'.substring(1, 3) == 'el' && ' x '.trim() == 'x'
        'aaa'.replace('a', 'b', 2) == 'bba' && ['a', 'b'].join('-') == 'a-b' && 'ab'.reverse() == 'ba'
        'hello'.matches('^h.*o$') && matches('abc', '[a-c]+') && 'abc 123'.find('[0-9]+') == '123'
        'a1b2'.findAll('[0-9]') == ['1', '2'] && 'a1b2'.findAll('[0-9]', 1) == ['1']
        '%s is %d, %.2f, %x, %e%%'.format(['a', 7, 1.5, 255, 12345.678]) == 'a is 7, 1.50, ff, 1.234568e+04%'
        strings.quote('a"b\n') == '"a\\"b\\n"'
        [1, 2, 2].isSorted() && ![2, 1].isSorted() && [1, 2].sum() == 3 && [3, 1].min() == 1 && [1.5, 2.5].max() == 2.5
        [1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && sets.contains([1, 2, 3], [2]) && sets.equivalent([1, 1], [1])
        sets.intersects([1], [1, 2]) && !sets.intersects([1], [2])
        quantity('1.5Gi').isGreaterThan(quantity('1Gi')) && quantity('500m').add(quantity('500m')).compareTo(quantity('1')) == 0
        isQuantity('10Mi') && !isQuantity('10 Mi') && quantity('2k').asInteger() == 2000 && quantity('-1').sign() == -1
        url('https://u@example.com:80/a%20b?x=1&x=2#f').getHost() == 'example.com:80' && isURL('/path') && !isURL('a b')
        url('https://[::1]:80/').getHostname() == '::1' && url('http://e/p?a=b+c').getQuery()['a'] == ['b c']
        ip('10.0.0.1').family() == 4 && ip('::1').isLoopback() && isIP('1.2.3.4') && !isIP('1.2.3') && ip.isCanonical('::1')
        cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))
        cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !isCIDR('10.0.0.0')
        cidr('0.0.0.0/0').containsIP('1.2.3.4') && cidr('::/0').containsIP('fe80::1') && cidr('10.0.0.1/32').prefixLength() == 32
        !format.named('dns1123Label').value().validate('ok').hasValue() && format.dns1123Label().validate('Not').hasValue()
        optional.of(1).hasValue() && !optional.none().hasValue() && optional.none().orValue(2) == 2 && optional.of(3).value() == 3
        self.?missing.deep.orValue(5) == 5 && self.?inner.deep.orValue(5) == 7 && self.labels[?'no'].orValue('x') == 'x'
        optional.of(2).optMap(x, x + 1).value() == 3 && [?optional.none(), 1] == [1] && {?'a': optional.of(1)} == {'a': 1}
        cel.bind(x, self.count + 1, x * x) == 16 && base64.encode(b'hi') == 'aGk=' && base64.decode('aGk=') == b'hi'
        free.a[2].b == 2 && free.n == null && free.d == 1.5 && has(free.a) && !has(free.z) && free.a[0] == 1
        // a comment
    "#;
    for line in all.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
        assert_eq!(run(line), Ok(Value::Bool(true)), "{line}");
    }
}

#[test]
fn what_cannot_be_right_is_refused_before_it_runs() {
    let cases = [
        ("self.nam", "undefined field 'nam'"),
        ("self.inner.deeper > 1", "undefined field 'deeper'"),
        ("nobody", "undeclared reference to 'nobody' (in container '')"),
        ("self.name > 1", "found no matching overload for '_>_' applied to '(string, int)'"),
        ("self.name + 1", "found no matching overload for '_+_' applied to '(string, int)'"),
        ("1 == 'a'", "found no matching overload for '_==_' applied to '(int, string)'"),
        ("self.name.size(1)", "found no matching overload for 'size' applied to 'string.(int)'"),
        ("self.name.nothing()", "undeclared reference to 'nothing' (in container '')"),
        ("!1", "found no matching overload for '!_' applied to '(int)'"),
        ("true && 1", "found no matching overload for '_&&_' applied to '(bool, int)'"),
        ("true ? 1 : 'a'", "found no matching overload for '_?_:_' applied to '(bool, int, string)'"),
        ("[1, 'a']", "expected type 'int' but found 'string'"),
        ("{'a': 1, 'b': 'c'}", "expected type 'int' but found 'string'"),
        ("self.count.all(x, true)", "expression of type 'int' cannot be range of a comprehension"),
        ("self.tags.all(x, 1)", "expected type 'bool' but found 'int'"),
        ("self.tags['a']", "found no matching overload for '_[_]' applied to '(list(string), string)'"),
        ("1 in ['a']", "found no matching overload for '@in' applied to '(int, list(string))'"),
        ("self.count.deep", "type 'int' does not support field selection"),
        ("has(self)", "invalid argument to has() macro"),
        ("self.tags.all(x.y, true)", "argument must be a simple name"),
        ("1 +", "Syntax error: mismatched input '<EOF>' expecting an expression"),
        ("(1", "Syntax error: mismatched input '<EOF>' expecting ')'"),
        ("a b", "Syntax error: mismatched input 'b' expecting <EOF>"),
        ("'abc", "Syntax error"),
        ("1 # 2", "Syntax error: token recognition error at: '#'"),
        ("9223372036854775808", "invalid int literal"),
        ("", "Syntax error"),
        ("while", "Syntax error"),
        ("Thing{spec: 1}", "undeclared reference to 'Thing' (in container '')"),
    ];
    for (text, message) in cases {
        let refused = run(text).expect_err(text);
        assert!(refused.starts_with(message), "{text}: {refused}");
    }
    assert!(run(&"(".repeat(5000)).expect_err("deep").contains("recursion limit"));
    assert!(run(&"!".repeat(5000)).expect_err("deep").contains("recursion limit"));
    assert!(run(&format!("'{}'", "a".repeat(LONGEST))).expect_err("long").contains("longer than"));
}

#[test]
fn a_refusal_shows_the_place() {
    let (types, _) = variables();
    let error = Program::compile("self.count > 1 &&\n  self.nam == 'é'", &types).expect_err("refused");
    assert_eq!(error.to_string(), "ERROR: <input>:2:7: undefined field 'nam'\n |   self.nam == 'é'\n | ......^");
}

#[test]
fn what_goes_wrong_says_why() {
    let cases = [
        ("1 / 0", "division by zero"),
        ("1 % 0", "modulus by zero"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("0u - 1u", "unsigned integer overflow"),
        ("self.tags[3]", "index out of bounds: 3"),
        ("self.tags[-1]", "index out of bounds: -1"),
        ("self.labels['x']", "no such key: x"),
        ("self.missing.deep", "no such key: missing"),
        ("free.x", "no such key: x"),
        ("free.a + 1", "no such overload"),
        ("self.port > 1", "no such overload"),
        ("optional.none().value()", "optional.none() dereference"),
        ("'a'.matches('(')", "error parsing regexp: \"(\""),
        ("int('x')", "integer overflow or no integer"),
        ("'abc'.substring(2, 1)", "invalid substring range. start: 2, end: 1"),
        ("{'a': 1, 'a': 2}", "Failed with repeated key"),
        ("[].max()", "max called on empty list"),
        ("ip('x').family()", "IP Address \"x\" parse error during conversion from string: unable to parse IP"),
        ("'%d'.format(['a'])", "error during formatting: %d cannot show argument 0 of type string"),
    ];
    for (text, message) in cases {
        assert_eq!(run(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn nothing_costs_more_than_it_may() {
    let dear = [
        "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, \
         [1,2,3,4,5,6,7,8,9].all(e, [1,2,3,4,5,6,7,8,9].all(f, true))))))",
        "cel.bind(a, 'xxxxxxxxxxxxxxxxxxxx' + self.name, cel.bind(b, a+a+a+a+a+a+a+a, cel.bind(c, b+b+b+b+b+b+b+b, cel.bind(d, \
         c+c+c+c+c+c+c+c, cel.bind(e, d+d+d+d+d+d+d+d, cel.bind(f, e+e+e+e+e+e+e+e, cel.bind(g, f+f+f+f+f+f+f+f, g+g+g+g)))))) == '')",
    ];
    for text in dear {
        assert_eq!(run(text), Err("operation cancelled: actual cost limit exceeded".to_owned()), "{text}");
    }
    let (types, scope) = variables();
    let program = Program::compile("self.tags.all(t, t != '')", &types).expect("compiles");
    let mut budget = Budget::new(1000);
    program.run(&scope, &mut budget).expect("runs");
    assert!(budget.left() < 1000 && budget.left() > 900, "{budget:?}");
}

#[test]
fn every_function_that_can_be_called_does_something() {
    for (name, signature) in signatures::all() {
        let (plain, method) = name.strip_prefix('.').map_or((name, false), |name| (name, true));
        let args: Vec<Value> = signature.params.iter().map(sample).collect();
        let answer = functions::call(plain, method, &args, &mut Budget::new(10_000));
        assert_ne!(answer, Err(RunError::no_overload()), "{name} {:?}", signature.params);
    }
}

fn sample(type_: &Type) -> Value {
    match type_ {
        Type::Bool => Value::Bool(true),
        Type::Uint => Value::Uint(1),
        Type::Double => Value::Double(1.0),
        Type::String => Value::text("UTC"),
        Type::Bytes => Value::Bytes(b"x"[..].into()),
        Type::Timestamp => Value::Timestamp(jiff::Timestamp::UNIX_EPOCH),
        Type::Duration => Value::Duration(jiff::SignedDuration::from_secs(1)),
        Type::List(of) => Value::list(vec![sample(of)]),
        Type::Map(..) => Value::map([("UTC", Value::Int(1))]),
        Type::Optional(of) => Value::some(sample(of)),
        Type::Quantity => Value::Quantity("1".parse().expect("a quantity")),
        Type::Url => run("url('http://x/')").expect("a URL"),
        Type::Ip => run("ip('10.0.0.1')").expect("an address"),
        Type::Cidr => run("cidr('10.0.0.0/8')").expect("a network"),
        Type::Format => Value::Format("dns1123Label"),
        _ => Value::Int(1),
    }
}

#[test]
fn a_program_knows_which_variables_it_uses() {
    let program =
        |text: &str| Program::compile(text, &[("self", Type::Dyn), ("oldSelf", Type::Dyn)]).expect("compiles");
    assert!(program("self.a == oldSelf.a").uses("oldSelf"));
    assert!(!program("self.all(oldSelf, oldSelf > 1)").uses("oldSelf"));
    assert!(program("self.all(x, oldSelf.exists(y, y == x))").uses("oldSelf"));
    assert!(!program("self.oldSelf == 1").uses("oldSelf"));
}

#[test]
fn names_are_escaped_as_kubernetes_escapes_them() {
    for (name, expected) in [
        ("plain", Some("plain")),
        ("a-b.c/d", Some("a__dash__b__dot__c__slash__d")),
        ("a__b", Some("a__underscores__b")),
        ("in", Some("__in__")),
        ("namespace", Some("__namespace__")),
        ("int", Some("int")),
        ("1a", None),
        ("a b", None),
        ("", None),
    ] {
        assert_eq!(escape(name).as_deref(), expected, "{name}");
    }
}
