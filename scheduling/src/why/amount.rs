//! Amounts in words.

const UNITS: [(&str, i64); 4] = [("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];

/// `1.5`, `512Mi`, `1.5Gi`: a CPU's thousandths as CPUs, bytes in the largest unit that keeps them readable, to two
/// places after the point.
pub fn words(resource: &str, amount: i64) -> String {
    let bytes = matches!(resource, "memory" | "ephemeral-storage") || resource.starts_with("hugepages-");
    if resource == "cpu" {
        return places(amount as f64 / 1000.0, 3);
    }
    let unit = UNITS.iter().find(|(_, size)| bytes && amount.abs() >= *size);
    match unit {
        Some((unit, size)) => format!("{}{unit}", places(amount as f64 / *size as f64, 2)),
        None => amount.to_string(),
    }
}

/// As a quantity of the API, exactly.
pub fn quantity(resource: &str, amount: i64) -> String {
    if resource == "cpu" {
        return if amount % 1000 == 0 { (amount / 1000).to_string() } else { format!("{amount}m") };
    }
    amount.to_string()
}

fn places(number: f64, most: usize) -> String {
    let text = format!("{number:.most$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_people_write_them() {
        for (resource, amount, expected) in [
            ("cpu", 1500, "1.5"),
            ("cpu", 2000, "2"),
            ("cpu", 1, "0.001"),
            ("cpu", 0, "0"),
            ("cpu", -250, "-0.25"),
            ("memory", 512 << 20, "512Mi"),
            ("memory", 3 << 29, "1.5Gi"),
            ("memory", 1000, "1000"),
            ("memory", 0, "0"),
            ("ephemeral-storage", 100 << 30, "100Gi"),
            ("hugepages-2Mi", 4 << 20, "4Mi"),
            ("example.com/gpu", 8, "8"),
            ("example.com/gpu", 4096, "4096"),
        ] {
            assert_eq!(words(resource, amount), expected, "{resource} {amount}");
        }
    }

    #[test]
    fn a_quantity_says_exactly_as_much() {
        for (resource, amount) in [("cpu", 1500), ("cpu", 2000), ("cpu", 1), ("memory", 512 << 20), ("memory", 1)] {
            let parsed: timonier_api::quantity::Quantity =
                quantity(resource, amount).parse().expect("a quantity of the API");
            let read = if resource == "cpu" { parsed.milli() } else { parsed.value() };
            assert_eq!(read, amount, "{resource}");
        }
    }
}
