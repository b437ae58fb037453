//! CronJob: jobs made at set times.

use jiff::Timestamp;
use serde_json::{Map, Value};
use timonier_api::field::{FieldError, Path};
use timonier_api::schedule::{Schedule, time_zone as known_zone};

use super::{columns, job};
use crate::kinds::checks::{choice, not_negative};
use crate::kinds::{Hooks, json, metadata, pod, workload};

pub struct CronJob;

/// Longest name, in bytes: its jobs add eleven of their own, and label values end at 63.
const MAX_NAME: usize = 52;

impl Hooks for CronJob {
    fn default(&self, o: &mut Value) {
        let Some(spec) = json::object_mut(o, "spec") else {
            return;
        };
        json::fill_text(spec, "concurrencyPolicy", "Allow");
        json::fill(spec, "suspend", false);
        json::fill(spec, "successfulJobsHistoryLimit", 3);
        json::fill(spec, "failedJobsHistoryLimit", 1);
        if let Some(job) = spec.get_mut("jobTemplate").and_then(|template| template.get_mut("spec")) {
            workload::default_template(job);
        }
    }

    fn prepare_create(&self, o: &mut Value) {
        json::set(o, "status", Map::new());
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        metadata::keep_status(new, old);
    }

    fn validate_create(&self, o: &Value) -> Vec<FieldError> {
        let name = metadata::name(o);
        if name.len() <= MAX_NAME {
            return vec![];
        }
        let detail = format!("must be no more than {MAX_NAME} characters");
        vec![FieldError::invalid(&Path::new("metadata").child("name"), name, detail)]
    }

    fn validate(&self, o: &Value) -> Vec<FieldError> {
        let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
        let mut errors = vec![];
        let text = json::text(spec, "schedule");
        let schedule_path = path.child("schedule");
        if text.is_empty() {
            errors.push(FieldError::required(&schedule_path, ""));
        } else if text.contains("TZ") {
            let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
            errors.push(FieldError::invalid(&schedule_path, text, detail));
        } else if let Err(fault) = Schedule::parse(text) {
            errors.push(FieldError::invalid(&schedule_path, text, fault));
        }
        not_negative(spec, &["startingDeadlineSeconds"], &path, &mut errors);
        time_zone(spec, &path.child("timeZone"), &mut errors);
        choice(spec, "concurrencyPolicy", &["Allow", "Forbid", "Replace"], &path, &mut errors);
        let limits = ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"];
        not_negative(spec, &limits, &path, &mut errors);
        job_template(json::at(spec, &["jobTemplate", "spec"]), &path.child("jobTemplate").child("spec"), &mut errors);
        errors
    }

    fn cells(&self, o: &Value, now: Timestamp) -> Vec<Value> {
        columns::cron_job(o, now)
    }

    fn warnings(&self, o: &Value) -> Vec<String> {
        let spec = json::at(o, &["spec", "jobTemplate", "spec", "template", "spec"]);
        pod::warnings_of_spec(spec, "spec.jobTemplate.spec.template.spec")
    }
}

fn job_template(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    job::validate_spec(spec, path, errors);
    if json::has(spec, "selector") {
        let selector = json::get(spec, "selector").clone();
        errors.push(FieldError::invalid(&path.child("selector"), selector, "`selector` will be auto-generated"));
    }
    if json::flag(spec, "manualSelector") {
        errors.push(FieldError::not_supported(&path.child("manualSelector"), true, &["nil", "false"]));
    }
}

fn time_zone(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if !json::has(spec, "timeZone") {
        return;
    }
    match json::text(spec, "timeZone") {
        "" => errors.push(FieldError::invalid(path, "", "must be nil or non-empty string")),
        zone if zone.eq_ignore_ascii_case("local") => {
            let detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
            errors.push(FieldError::invalid(path, zone, detail));
        }
        zone if known_zone(zone).is_none() => {
            errors.push(FieldError::invalid(path, zone, format!("unknown time zone {zone}")));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::groups::faults_of;

    fn nightly(more: Value) -> Value {
        let mut o = json!({"metadata": {"name": "nightly"}, "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {
            "template": {"spec": {"restartPolicy": "OnFailure", "containers": [{"name": "c", "image": "x"}]}}}}}});
        for (key, value) in more.as_object().into_iter().flatten() {
            o["spec"][key] = value.clone();
        }
        CronJob.default(&mut o);
        o
    }

    #[test]
    fn each_fault_names_its_field() {
        assert_eq!(faults_of(&CronJob, &nightly(json!({"timeZone": "Etc/UTC"}))), Vec::<String>::new());
        for (more, expected) in [
            (json!({"schedule": ""}), "spec.schedule: Required value"),
            (
                json!({"schedule": "* * *"}),
                "spec.schedule: Invalid value: \"* * *\": expected exactly 5 fields, found 3: [* * *]",
            ),
            (
                json!({"schedule": "TZ=UTC 0 * * * *"}),
                "spec.schedule: Invalid value: \"TZ=UTC 0 * * * *\": cannot use TZ \
                or CRON_TZ in schedule, use timeZone field instead",
            ),
            (json!({"timeZone": "Moon/Sea"}), "spec.timeZone: Invalid value: \"Moon/Sea\": unknown time zone Moon/Sea"),
            (
                json!({"concurrencyPolicy": "Never"}),
                "spec.concurrencyPolicy: Unsupported value: \"Never\": supported \
                values: \"Allow\", \"Forbid\", \"Replace\"",
            ),
            (
                json!({"failedJobsHistoryLimit": -1}),
                "spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
            ),
        ] {
            assert_eq!(faults_of(&CronJob, &nightly(more.clone())), [expected], "{more}");
        }
        let mut selected = nightly(json!({}));
        selected["spec"]["jobTemplate"]["spec"]["selector"] = json!({});
        assert_eq!(
            faults_of(&CronJob, &selected),
            ["spec.jobTemplate.spec.selector: Invalid value: {}: `selector` will be auto-generated"]
        );
        selected["metadata"]["name"] = "n".repeat(53).into();
        assert!(CronJob.validate_create(&selected)[0].to_string().ends_with("must be no more than 52 characters"));
    }

    #[test]
    fn it_is_shown_as_kubectl_shows_it() {
        let cells = CronJob.cells(&nightly(json!({})), Timestamp::UNIX_EPOCH);
        assert_eq!(
            Value::from(cells),
            json!(["nightly", "0 3 * * *", "<none>", "False", 0, "<none>", "<unknown>", "c", "x", "<none>"])
        );
    }
}
