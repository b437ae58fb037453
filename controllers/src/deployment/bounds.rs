//! How many pods a rolling update may have too many or too few. Percentages are of the wanted replicas: surge
//! rounds up, unavailability down, and both never are zero together, or nothing could move.

use crate::objects::{Deployment, IntOrPercent, Round};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub surge: i32,
    pub unavailable: i32,
}

pub fn bounds(deployment: &Deployment) -> Bounds {
    let spec = &deployment.spec;
    if &*spec.strategy.kind == "Recreate" {
        return Bounds { surge: 0, unavailable: 0 };
    }
    let rolling = &spec.strategy.rolling_update;
    let quarter = IntOrPercent::Percent("25%".into());
    let surge = rolling.max_surge.as_ref().unwrap_or(&quarter).of(spec.replicas, Round::Up);
    let unavailable = rolling.max_unavailable.as_ref().unwrap_or(&quarter).of(spec.replicas, Round::Down);
    let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
    Bounds { surge, unavailable: unavailable.min(spec.replicas) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(replicas: i32, surge: serde_json::Value, unavailable: serde_json::Value, expect: (i32, i32)) {
        let deployment: Deployment = serde_json::from_value(json!({"metadata": {}, "spec": {
            "replicas": replicas,
            "strategy": {"type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}}}))
        .expect("a deployment");
        let found = bounds(&deployment);
        assert_eq!((found.surge, found.unavailable), expect, "{replicas} {surge} {unavailable}");
    }

    #[test]
    fn surge_rounds_up_and_unavailability_down() {
        check(10, json!("25%"), json!("25%"), (3, 2));
        check(3, json!("25%"), json!("25%"), (1, 0));
        check(1, json!("25%"), json!("25%"), (1, 0));
        check(10, json!(2), json!(1), (2, 1));
        check(4, json!("100%"), json!("50%"), (4, 2));
        check(10, json!(null), json!(null), (3, 2));
    }

    #[test]
    fn something_can_always_move() {
        check(3, json!(0), json!(0), (0, 1));
        check(3, json!("0%"), json!("1%"), (0, 1));
        check(0, json!(0), json!(0), (0, 0));
    }

    #[test]
    fn no_more_can_be_unavailable_than_are_wanted() {
        check(2, json!(0), json!(5), (0, 2));
    }
}
