//! A logarithmic scale: equal ratios take equal room.

/// From the power of ten below the least value to the one above the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: i32,
    high: i32,
}

impl Scale {
    /// A scale that has room for all these values; what is not above zero has no place on it.
    pub fn around(values: impl IntoIterator<Item = f64>) -> Scale {
        let (mut least, mut most) = (f64::MAX, f64::MIN);
        for value in values {
            if value > 0.0 && value.is_finite() {
                (least, most) = (least.min(value.log10()), most.max(value.log10()));
            }
        }
        if least > most {
            return Scale { low: 0, high: 1 };
        }
        // A value that is a power of ten but for rounding is one.
        let low = (least + 1e-9).floor() as i32;
        let high = (most - 1e-9).ceil() as i32;
        Scale { low, high: high.max(low + 1) }
    }

    /// Where a value is: 0 at the low end, 1 at the high end; `None` outside.
    pub fn place(&self, value: f64) -> Option<f64> {
        let place = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        (-1e-9..=1.0 + 1e-9).contains(&place).then_some(place)
    }

    /// The powers of ten.
    pub fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.low..=self.high).map(|power| 10f64.powi(power))
    }
}

/// As people write it on an axis: 0.1, 1, 100, 1k, 10k, 1M.
pub fn label(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", short(v / 1e6)),
        v if v >= 1e3 => format!("{}k", short(v / 1e3)),
        v => short(v),
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_powers_of_ten() {
        let scale = Scale::around([12.0, 4000.0]);
        assert_eq!(scale.ticks().collect::<Vec<_>>(), [10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!(Scale::around([10.0, 1000.0]).ticks().count(), 3);
        assert_eq!(Scale::around([0.2]).ticks().collect::<Vec<_>>(), [0.1, 1.0]);
    }

    #[test]
    fn equal_ratios_take_equal_room() {
        let scale = Scale::around([1.0, 100.0]);
        assert_eq!(scale.place(1.0), Some(0.0));
        assert_eq!(scale.place(10.0), Some(0.5));
        assert_eq!(scale.place(100.0), Some(1.0));
    }

    #[test]
    fn what_is_not_above_zero_or_out_of_range_has_no_place() {
        let scale = Scale::around([1.0, 100.0, 0.0, f64::NAN]);
        for value in [0.0, -1.0, 0.5, 200.0, f64::NAN] {
            assert_eq!(scale.place(value), None, "{value}");
        }
        assert_eq!(Scale::around([]).ticks().count(), 2);
    }

    #[test]
    fn labels_are_short() {
        let labels: Vec<String> = [0.001, 0.1, 1.0, 100.0, 1000.0, 25_000.0, 1e6].into_iter().map(label).collect();
        assert_eq!(labels, ["0.001", "0.1", "1", "100", "1k", "25k", "1M"]);
    }
}
