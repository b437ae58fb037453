//! Amounts of what a node offers and a pod requests.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use timonier_api::quantity::Quantity;

use crate::QuantityError;

/// Amounts by resource. `pods` is not among them: it is counted, not requested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// Thousandths of a CPU.
    pub milli_cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub ephemeral_storage: i64,
    /// Everything else (`hugepages-2Mi`, `example.com/gpu`), whole units, sorted by name, none zero.
    pub extended: Vec<(Arc<str>, i64)>,
}

/// The name of a resource, as it stands in messages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceName {
    Cpu,
    Memory,
    EphemeralStorage,
    Extended(Arc<str>),
}

/// More is asked for than is left. In thousandths of a CPU, bytes, or whole units.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shortage {
    pub resource: ResourceName,
    pub requested: i64,
    pub used: i64,
    pub allocatable: i64,
}

impl From<&str> for ResourceName {
    fn from(name: &str) -> ResourceName {
        match name {
            "cpu" => ResourceName::Cpu,
            "memory" => ResourceName::Memory,
            "ephemeral-storage" => ResourceName::EphemeralStorage,
            other => ResourceName::Extended(other.into()),
        }
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResourceName::Cpu => "cpu",
            ResourceName::Memory => "memory",
            ResourceName::EphemeralStorage => "ephemeral-storage",
            ResourceName::Extended(name) => name,
        })
    }
}

impl Resources {
    /// Reads a map of quantities (`requests`, `overhead`, `allocatable`). `pods` is left out.
    /// `field` is the map's path, for the error.
    pub fn parse(map: &BTreeMap<String, ApiQuantity>, field: &dyn fmt::Display) -> Result<Resources, QuantityError> {
        let mut all = Resources::default();
        for (name, quantity) in map {
            let amount = || parse_quantity(quantity, field, name);
            match name.as_str() {
                "cpu" => all.milli_cpu = amount()?.milli(),
                "memory" => all.memory = amount()?.value(),
                "ephemeral-storage" => all.ephemeral_storage = amount()?.value(),
                "pods" => {}
                _ => all.set_extended(name, amount()?.value()),
            }
        }
        Ok(all)
    }

    /// Nothing requested at all.
    pub fn is_zero(&self) -> bool {
        self.milli_cpu == 0 && self.memory == 0 && self.ephemeral_storage == 0 && self.extended.is_empty()
    }

    /// Amount of an extended resource; zero when it is not there.
    pub fn extended(&self, name: &str) -> i64 {
        match self.extended.binary_search_by(|(held, _)| (**held).cmp(name)) {
            Ok(at) => self.extended[at].1,
            Err(_) => 0,
        }
    }

    /// Amount of any resource; CPU in thousandths.
    pub fn amount(&self, name: &ResourceName) -> i64 {
        match name {
            ResourceName::Cpu => self.milli_cpu,
            ResourceName::Memory => self.memory,
            ResourceName::EphemeralStorage => self.ephemeral_storage,
            ResourceName::Extended(name) => self.extended(name),
        }
    }

    pub fn set_amount(&mut self, name: &ResourceName, amount: i64) {
        match name {
            ResourceName::Cpu => self.milli_cpu = amount,
            ResourceName::Memory => self.memory = amount,
            ResourceName::EphemeralStorage => self.ephemeral_storage = amount,
            ResourceName::Extended(name) => self.set_extended(name, amount),
        }
    }

    pub fn add(&mut self, other: &Resources) {
        self.combine(other, i64::saturating_add);
    }

    pub fn subtract(&mut self, other: &Resources) {
        self.combine(other, i64::saturating_sub);
    }

    /// The larger of both, resource by resource.
    pub fn raise_to(&mut self, other: &Resources) {
        self.combine(other, i64::max);
    }

    fn combine(&mut self, other: &Resources, with: fn(i64, i64) -> i64) {
        self.milli_cpu = with(self.milli_cpu, other.milli_cpu);
        self.memory = with(self.memory, other.memory);
        self.ephemeral_storage = with(self.ephemeral_storage, other.ephemeral_storage);
        for (name, amount) in &other.extended {
            self.set_extended(name, with(self.extended(name), *amount));
        }
    }

    pub(crate) fn set_extended(&mut self, name: &str, amount: i64) {
        match self.extended.binary_search_by(|(held, _)| (**held).cmp(name)) {
            Ok(at) if amount == 0 => drop(self.extended.remove(at)),
            Ok(at) => self.extended[at].1 = amount,
            Err(_) if amount == 0 => {}
            Err(at) => self.extended.insert(at, (Arc::from(name), amount)),
        }
    }

    /// The resources of which `wanted` asks for more than is left of `self` beside `used`.
    pub fn shortages<'a>(&'a self, used: &'a Resources, wanted: &'a Resources) -> impl Iterator<Item = Shortage> + 'a {
        let short = |have: i64, used: i64, want: i64| want > 0 && want > have.saturating_sub(used);
        let basic = [
            (self.milli_cpu, used.milli_cpu, wanted.milli_cpu, ResourceName::Cpu),
            (self.memory, used.memory, wanted.memory, ResourceName::Memory),
            (self.ephemeral_storage, used.ephemeral_storage, wanted.ephemeral_storage, ResourceName::EphemeralStorage),
        ];
        let basic = basic
            .into_iter()
            .filter(move |(have, used, want, _)| short(*have, *used, *want))
            .map(|(allocatable, used, requested, resource)| Shortage { resource, requested, used, allocatable });
        let extended = wanted.extended.iter().filter_map(move |(name, want)| {
            let (allocatable, used) = (self.extended(name), used.extended(name));
            short(allocatable, used, *want).then(|| Shortage {
                resource: ResourceName::Extended(name.clone()),
                requested: *want,
                used,
                allocatable,
            })
        });
        basic.chain(extended)
    }
}

pub(crate) fn parse_quantity(
    quantity: &ApiQuantity,
    field: &dyn fmt::Display,
    name: &str,
) -> Result<Quantity, QuantityError> {
    Quantity::from_str(&quantity.0).map_err(|e| QuantityError::new(format_args!("{field}[{name}]"), e))
}
