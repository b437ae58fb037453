//! When a signal is too low, as flags say it. Pure.

use std::{collections::BTreeMap, time::Duration};

use timonier_api::quantity::Quantity;

use super::signal::{Observations, Signal};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    Absolute(Quantity),
    /// Of the capacity, 0 to 1.
    Part(f64),
}

impl Amount {
    pub fn of(self, capacity: i64) -> i64 {
        match self {
            Amount::Absolute(quantity) => quantity.value(),
            Amount::Part(part) => (capacity as f64 * part) as i64,
        }
    }

    fn parse(text: &str) -> Result<Amount, String> {
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.parse().map_err(|_| format!("{text:?} is no percentage"))?;
            if !(0.0..=100.0).contains(&percent) {
                return Err(format!("percentage must be from 0% to 100%: {text}"));
            }
            return Ok(Amount::Part(percent / 100.0));
        }
        let quantity: Quantity = text.parse().map_err(|error| format!("{text:?}: {error}"))?;
        if quantity.is_negative() {
            return Err(format!("threshold must be positive: {text}"));
        }
        Ok(Amount::Absolute(quantity))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    pub signal: Signal,
    pub amount: Amount,
    /// How long it must be met before anybody goes; zero for a hard threshold.
    pub grace: Duration,
    pub minimum_reclaim: Option<Amount>,
}

impl Threshold {
    pub fn is_hard(&self) -> bool {
        self.grace.is_zero()
    }

    /// Whether too little is left. `reclaim`: also when there is enough, but not yet the minimum more.
    pub fn is_met(&self, observations: &Observations, reclaim: bool) -> bool {
        let Some(seen) = observations.get(&self.signal) else { return false };
        let more = self.minimum_reclaim.filter(|_| reclaim).map_or(0, |amount| amount.of(seen.capacity));
        self.amount.of(seen.capacity).saturating_add(more) > seen.available
    }
}

/// The flags' texts.
pub struct Texts<'a> {
    pub hard: &'a str,
    pub soft: &'a str,
    pub soft_grace: &'a str,
    pub minimum_reclaim: &'a str,
}

/// All thresholds; a hard one of memory also watches what pods use of their part. An error names the flag at fault.
pub fn parse(texts: &Texts<'_>) -> Result<Vec<Threshold>, String> {
    let graces = pairs("--eviction-soft-grace-period", texts.soft_grace, '=', duration)?;
    if let Some((signal, _)) = graces.iter().find(|(_, grace)| grace.is_zero()) {
        return Err(format!("--eviction-soft-grace-period: {signal}: must be longer than nothing"));
    }
    let reclaims = pairs("--eviction-minimum-reclaim", texts.minimum_reclaim, '=', Amount::parse)?;
    let mut all = Vec::new();
    for (signal, amount) in pairs("--eviction-hard", texts.hard, '<', Amount::parse)? {
        all.push(Threshold { signal, amount, grace: Duration::ZERO, minimum_reclaim: None });
    }
    for (signal, amount) in pairs("--eviction-soft", texts.soft, '<', Amount::parse)? {
        let grace = *graces.get(&signal).ok_or_else(|| {
            format!("--eviction-soft: grace period must be specified for the soft eviction threshold {signal}")
        })?;
        all.push(Threshold { signal, amount, grace, minimum_reclaim: None });
    }
    // Nothing is kept of what is switched off.
    all.retain(|threshold| !matches!(threshold.amount, Amount::Part(part) if part == 0.0));
    for threshold in &mut all {
        threshold.minimum_reclaim = reclaims.get(&threshold.signal).copied();
    }
    let memory = all.iter().find(|threshold| threshold.signal == Signal::MemoryAvailable && threshold.is_hard());
    let of_pods = memory.cloned().map(|memory| Threshold { signal: Signal::AllocatableMemoryAvailable, ..memory });
    all.extend(of_pods);
    Ok(all)
}

fn pairs<T>(
    flag: &str,
    text: &str,
    sign: char,
    value: impl Fn(&str) -> Result<T, String>,
) -> Result<BTreeMap<Signal, T>, String> {
    let mut all = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once(sign).ok_or_else(|| format!("{flag}: {pair:?}: use SIGNAL{sign}AMOUNT"))?;
        let signal = Signal::named(name).ok_or_else(|| format!("{flag}: unsupported eviction signal {name:?}"))?;
        let value = value(text).map_err(|error| format!("{flag}: {name}: {error}"))?;
        if all.insert(signal, value).is_some() {
            return Err(format!("{flag}: {name} is given twice"));
        }
    }
    Ok(all)
}

/// As Go writes durations: `90s`, `1m30s`, `1.5h`, `250ms`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration such as 90s or 1m30s");
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let letters = &rest[digits..];
        let end = letters.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(letters.len());
        let unit = match &letters[..end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        total = total.saturating_add(Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())?);
        rest = &letters[end..];
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::{super::signal::Observation, *};

    fn texts<'a>(hard: &'a str, soft: &'a str, soft_grace: &'a str, minimum_reclaim: &'a str) -> Texts<'a> {
        Texts { hard, soft, soft_grace, minimum_reclaim }
    }

    #[test]
    fn flags_become_thresholds() {
        let all = parse(&texts(
            "memory.available<100Mi,nodefs.available<10%,imagefs.available<0%",
            "memory.available<300Mi",
            "memory.available=1m30s",
            "memory.available=50Mi",
        ))
        .expect("thresholds");
        let shown: Vec<_> =
            all.iter().map(|t| (t.signal, t.amount.of(1000), t.grace.as_secs(), t.minimum_reclaim.is_some())).collect();
        assert_eq!(
            shown,
            [
                (Signal::MemoryAvailable, 100 << 20, 0, true),
                (Signal::NodeFsAvailable, 100, 0, false),
                (Signal::MemoryAvailable, 300 << 20, 90, true),
                (Signal::AllocatableMemoryAvailable, 100 << 20, 0, true),
            ]
        );
    }

    #[test]
    fn what_makes_no_sense_names_its_flag() {
        for (texts, named) in [
            (texts("memory.available", "", "", ""), "--eviction-hard: \"memory.available\""),
            (texts("memory<1Mi", "", "", ""), "--eviction-hard: unsupported eviction signal \"memory\""),
            (texts("nodefs.available<110%", "", "", ""), "--eviction-hard: nodefs.available: percentage"),
            (texts("nodefs.available<-1Gi", "", "", ""), "--eviction-hard: nodefs.available: threshold"),
            (texts("pid.available<1,pid.available<2", "", "", ""), "--eviction-hard: pid.available is given twice"),
            (texts("", "memory.available<1Mi", "", ""), "--eviction-soft: grace period must be specified"),
            (texts("", "", "memory.available=soon", ""), "--eviction-soft-grace-period: memory.available"),
            (texts("", "", "", "memory.available=x"), "--eviction-minimum-reclaim: memory.available"),
        ] {
            let error = parse(&texts).expect_err(named);
            assert!(error.starts_with(named), "{error}");
        }
    }

    #[test]
    fn a_minimum_more_must_be_reclaimed_once_it_is_met() {
        let all = parse(&texts("memory.available<100", "", "", "memory.available=50")).expect("thresholds");
        let seen =
            |available| Observations::from([(Signal::MemoryAvailable, Observation { available, capacity: 1000 })]);
        let met = |available| (all[0].is_met(&seen(available), false), all[0].is_met(&seen(available), true));
        assert_eq!([met(99), met(120), met(150)], [(true, true), (false, true), (false, false)]);
        assert!(!all[0].is_met(&Observations::new(), true), "what is not seen is not met");
    }

    #[test]
    fn durations_are_read_as_gos() {
        for (text, millis) in [("90s", 90_000), ("1m30s", 90_000), ("1.5h", 5_400_000), ("250ms", 250)] {
            assert_eq!(duration(text).map(|read| read.as_millis()), Ok(millis), "{text}");
        }
        for wrong in ["", "5", "s", "1d", "-1s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
