//! Taints on nodes, and the tolerations of pods.

use k8s_openapi::api::core::v1 as core;

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

impl Effect {
    fn parse(effect: &str) -> Option<Effect> {
        Some(match effect {
            "NoSchedule" => Effect::NoSchedule,
            "PreferNoSchedule" => Effect::PreferNoSchedule,
            "NoExecute" => Effect::NoExecute,
            _ => return None,
        })
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Effect::NoSchedule => "NoSchedule",
            Effect::PreferNoSchedule => "PreferNoSchedule",
            Effect::NoExecute => "NoExecute",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Taint {
    pub key: Box<str>,
    pub value: Box<str>,
    pub effect: Effect,
}

impl Taint {
    /// The taint that `spec.unschedulable` stands for.
    pub const UNSCHEDULABLE: &'static str = "node.kubernetes.io/unschedulable";

    /// `None` for an effect that this version does not know: such a taint does nothing.
    pub fn parse(taint: &core::Taint) -> Option<Taint> {
        Some(Taint {
            key: taint.key.as_str().into(),
            value: taint.value.as_deref().unwrap_or_default().into(),
            effect: Effect::parse(&taint.effect)?,
        })
    }

    /// Whether pods are kept away, rather than asked to go elsewhere.
    pub fn repels(&self) -> bool {
        self.effect != Effect::PreferNoSchedule
    }
}

/// One toleration. An empty key with `Exists` tolerates everything; without an effect, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    key: Box<str>,
    effect: Option<Effect>,
    /// `None`: whatever the value.
    value: Option<Box<str>>,
}

impl Toleration {
    /// `None` for an operator or effect that this version does not know: it tolerates nothing.
    pub fn parse(toleration: &core::Toleration) -> Option<Toleration> {
        let value = match toleration.operator.as_deref().unwrap_or_default() {
            "" | "Equal" => Some(toleration.value.as_deref().unwrap_or_default().into()),
            "Exists" => None,
            _ => return None,
        };
        let effect = match toleration.effect.as_deref().unwrap_or_default() {
            "" => None,
            effect => Some(Effect::parse(effect)?),
        };
        Some(Toleration { key: toleration.key.as_deref().unwrap_or_default().into(), effect, value })
    }

    /// For one taint and no other.
    pub fn of(taint: &Taint) -> Toleration {
        Toleration { key: taint.key.clone(), effect: Some(taint.effect), value: Some(taint.value.clone()) }
    }

    pub fn tolerates(&self, key: &str, value: &str, effect: Effect) -> bool {
        self.effect.is_none_or(|tolerated| tolerated == effect)
            && (self.key.is_empty() || *self.key == *key)
            && self.value.as_deref().is_none_or(|tolerated| tolerated == value)
    }
}

/// Whether any of the tolerations is for this taint.
pub fn tolerated(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|t| t.tolerates(&taint.key, &taint.value, taint.effect))
}
