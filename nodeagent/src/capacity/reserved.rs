//! Resources that are kept from pods.

use std::str::FromStr;

use timonier_api::quantity::Quantity;

/// Amounts kept for one purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reserved {
    pub cpu: Quantity,
    pub memory: Quantity,
    pub ephemeral_storage: Quantity,
    pub pid: Quantity,
}

impl FromStr for Reserved {
    type Err = String;

    /// `cpu=100m,memory=256Mi`
    fn from_str(text: &str) -> Result<Self, String> {
        let mut reserved = Reserved::default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, amount) = pair.split_once('=').ok_or_else(|| format!("{pair:?}: use RESOURCE=AMOUNT"))?;
            let amount: Quantity = amount.parse().map_err(|error| format!("{name}: {amount:?}: {error}"))?;
            if amount.is_negative() {
                return Err(format!("{name}: resource quantity for {name:?} cannot be negative: {amount}"));
            }
            match name {
                "cpu" => reserved.cpu = amount,
                "memory" => reserved.memory = amount,
                "ephemeral-storage" => reserved.ephemeral_storage = amount,
                "pid" => reserved.pid = amount,
                _ => {
                    return Err(format!("cannot reserve {name:?} resource: use cpu, memory, ephemeral-storage or pid"));
                }
            }
        }
        Ok(reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_by_name() {
        let read: Reserved = "cpu=200m, memory=1Gi,pid=100".parse().expect("read");
        assert_eq!((read.cpu.milli(), read.memory.value(), read.pid.value()), (200, 1 << 30, 100));
        assert_eq!("".parse(), Ok(Reserved::default()));
    }

    #[test]
    fn what_can_not_be_kept_is_named() {
        for (wrong, named) in [("cpu", "cpu"), ("gpu=1", "gpu"), ("memory=much", "memory"), ("cpu=-1", "cpu")] {
            assert!(wrong.parse::<Reserved>().expect_err(wrong).contains(named), "{wrong}");
        }
    }
}
