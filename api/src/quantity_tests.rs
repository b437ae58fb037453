use super::*;
use proptest::prelude::*;

fn q(text: &str) -> Quantity {
    text.parse().unwrap_or_else(|e| panic!("{text:?}: {e}"))
}

#[test]
fn the_canonical_form_has_no_fraction_and_keeps_its_family() {
    let cases = [
        ("0", "0"),
        ("0Ki", "0"),
        ("-0", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("1.", "1"),
        (".5", "500m"),
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("100m", "100m"),
        ("0.1", "100m"),
        ("1000", "1k"),
        ("12000000", "12M"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("1e0", "1"),
        ("12e-1", "1200e-3"),
        ("1E", "1E"),
        ("1Ki", "1Ki"),
        ("1024Ki", "1Mi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("1000Ki", "1000Ki"),
        ("1.1Ki", "1126400m"),
        ("-1Gi", "-1Gi"),
        ("-250m", "-250m"),
        ("0.0000000001", "1n"),
        ("1u", "1u"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9223372036854775807"),
        ("100E", "9223372036854775807"),
        ("1e1000000000000", "9223372036854775807"),
        ("1e-1000000000000", "1e-9"),
    ];
    for (input, expected) in cases {
        assert_eq!(q(input).to_string(), expected, "{input}");
    }
}

#[test]
fn what_is_no_quantity_is_refused() {
    for text in [
        "", ".", "-", "m", "1.2.3", "1x", "1 ", " 1", "1ki", "1K", "1mi", "1e", "1e+", "--1", "1e1.5", "0x10", "1,5",
        "1KiB", "é",
    ] {
        assert!(text.parse::<Quantity>().is_err(), "{text:?}");
    }
}

#[test]
fn whole_units_and_thousandths_round_away_from_zero() {
    let cases = [
        ("100m", 1, 100),
        ("1", 1, 1000),
        ("1001m", 2, 1001),
        ("-1001m", -2, -1001),
        ("1u", 1, 1),
        ("64Mi", 64 << 20, 64_000 << 20),
        ("8E", 8_000_000_000_000_000_000, i64::MAX),
    ];
    for (text, value, milli) in cases {
        assert_eq!((q(text).value(), q(text).milli()), (value, milli), "{text}");
    }
}

#[test]
fn sums_look_like_their_first_part_unless_that_is_nothing() {
    assert_eq!((q("1Gi") + q("512Mi")).to_string(), "1536Mi");
    assert_eq!((Quantity::ZERO + q("1Gi")).to_string(), "1Gi");
    assert_eq!((q("1") - q("250m")).to_string(), "750m");
    assert_eq!((q("1") - q("1")).to_string(), "0");
    assert_eq!(Quantity::from_bytes(64 << 20).to_string(), "64Mi");
    assert_eq!(Quantity::from_milli(1500).to_string(), "1500m");
}

#[test]
fn order_looks_at_the_amount_alone() {
    assert_eq!(q("1"), q("1000m"));
    assert!(q("1Ki") > q("1k"));
    assert!(q("-1") < q("1n"));
}

#[test]
fn on_the_wire_a_quantity_is_its_canonical_text() {
    assert_eq!(serde_json::to_string(&q("0.5")).unwrap(), "\"500m\"");
    assert_eq!(serde_json::from_str::<Quantity>("\"1Ki\"").unwrap(), q("1024"));
    assert!(serde_json::from_str::<Quantity>("\"x\"").is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "\\PC*") {
        let _ = text.parse::<Quantity>();
    }

    #[test]
    fn what_looks_like_a_quantity_never_panics(text in "[+-]?[0-9.]{0,45}([eE][+-]?[0-9]{0,12}|[numkMGTPE]|[KMGTPE]i)?") {
        let _ = text.parse::<Quantity>();
    }

    #[test]
    fn the_canonical_form_reads_back_as_the_same_amount(
        whole in 0u64..9_000_000_000, fraction in "[0-9]{0,9}",
        suffix in prop::sample::select(vec!["", "m", "k", "M", "Ki", "Mi", "Gi", "e3", "e-3"]),
    ) {
        let text = format!("{whole}.{fraction}{suffix}");
        let once = q(&text);
        let twice = q(&once.to_string());
        prop_assert_eq!(once, twice);
        prop_assert_eq!(once.to_string(), twice.to_string());
    }

    #[test]
    fn addition_undoes_subtraction(a in -1_000_000_000i64..1_000_000_000, b in -1_000_000_000i64..1_000_000_000) {
        let (a, b) = (Quantity::from_milli(a), Quantity::from_milli(b));
        prop_assert_eq!(a - b + b, a);
        prop_assert_eq!(a.cmp(&b), a.milli().cmp(&b.milli()));
    }
}
