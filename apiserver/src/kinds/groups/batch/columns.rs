//! How jobs and cron jobs are shown.

use jiff::Timestamp;
use serde_json::Value;
use timonier_api::duration;

use super::job_update::is;
use crate::kinds::{Column, json, metadata, workload};

pub const JOB: &[Column] = &[
    Column::NAME,
    Column::text("Status"),
    Column::text("Completions"),
    Column::text("Duration"),
    Column::AGE,
    Column::wide("Containers"),
    Column::wide("Images"),
    Column::wide("Selector"),
];

pub const CRON_JOB: &[Column] = &[
    Column::NAME,
    Column::text("Schedule"),
    Column::text("Timezone"),
    Column::new("Suspend", "boolean", "", 0),
    Column::integer("Active"),
    Column::text("Last Schedule"),
    Column::AGE,
    Column::wide("Containers"),
    Column::wide("Images"),
    Column::wide("Selector"),
];

/// The cells of a job.
pub fn job(o: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
    let mut cells = vec![
        metadata::name(o).into(),
        state(o).into(),
        completions(spec, status).into(),
        duration_of(status, now).into(),
        metadata::age(o, now).into(),
    ];
    cells.extend(workload::wide_cells(spec));
    cells
}

fn state(job: &Value) -> &'static str {
    if is(job, "Complete") {
        "Complete"
    } else if is(job, "Failed") {
        "Failed"
    } else if json::has(json::get(job, "metadata"), "deletionTimestamp") {
        "Terminating"
    } else {
        ["Suspended", "FailureTarget", "SuccessCriteriaMet"].into_iter().find(|one| is(job, one)).unwrap_or("Running")
    }
}

fn completions(spec: &Value, status: &Value) -> String {
    let succeeded = workload::count(status, "succeeded");
    match (json::int(spec, "completions"), json::int(spec, "parallelism").unwrap_or(0)) {
        (Some(completions), _) => format!("{succeeded}/{completions}"),
        (None, parallelism) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        _ => format!("{succeeded}/1"),
    }
}

fn duration_of(status: &Value, now: Timestamp) -> String {
    let time = |field| json::text(status, field).parse::<Timestamp>().ok();
    match (time("startTime"), time("completionTime")) {
        (None, _) => String::new(),
        (Some(start), end) => duration::human(end.unwrap_or(now).as_second() - start.as_second()),
    }
}

/// The cells of a cron job.
pub fn cron_job(o: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (json::get(o, "spec"), json::get(o, "status"));
    let or_none = |text: String| if text.is_empty() { "<none>".to_owned() } else { text };
    let suspend = match json::get(spec, "suspend").as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last = json::get(status, "lastScheduleTime");
    let job = json::at(spec, &["jobTemplate", "spec"]);
    let mut cells: Vec<Value> = vec![
        metadata::name(o).into(),
        json::text(spec, "schedule").into(),
        or_none(json::text(spec, "timeZone").to_owned()).into(),
        suspend.into(),
        json::list(status, "active").len().into(),
        if last.is_string() { metadata::since(last, now) } else { "<none>".to_owned() }.into(),
        metadata::age(o, now).into(),
    ];
    cells.extend(workload::wide_cells(job));
    cells
}
