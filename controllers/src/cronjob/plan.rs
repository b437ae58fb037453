//! What a cron job does next. Pure.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use timonier_api::schedule::{Schedule, time_zone};
use timonier_client::{Meta, Object};

use crate::objects::{CronJob, CronJobStatus, Job, JobReference, whole_seconds};

/// On a job: the time for which it was made.
pub const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// More missed runs than this are a reason for a warning.
const MANY_MISSED: usize = 100;

pub struct Observed<'a> {
    pub cron_job: &'a CronJob,
    /// The jobs that it controls.
    pub jobs: &'a [Arc<Job>],
    pub now: Timestamp,
}

/// Something to tell: a reason and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub warning: bool,
    pub reason: &'static str,
    pub message: String,
}

#[derive(Debug, Default)]
pub struct Plan {
    /// The time for which a job is to be made.
    pub start: Option<Timestamp>,
    /// They make room for the next.
    pub replace: Vec<Arc<Job>>,
    /// Finished ones beyond the limits.
    pub forget: Vec<Arc<Job>>,
    /// Without the job to be made.
    pub status: CronJobStatus,
    pub events: Vec<Said>,
    pub again_in: Option<SignedDuration>,
}

impl Plan {
    fn say(&mut self, warning: bool, reason: &'static str, message: impl Into<String>) {
        self.events.push(Said { warning, reason, message: message.into() });
    }
}

pub fn plan(observed: &Observed) -> Plan {
    let Observed { cron_job, jobs, .. } = observed;
    let mut plan = Plan { status: cron_job.status.clone(), ..Plan::default() };
    follow(&mut plan, jobs);
    let spec = &cron_job.spec;
    let ended = |success: bool| {
        let ended = jobs.iter().filter(move |job| job.end().is_some_and(|end| (&*end.kind == "Complete") == success));
        ended.cloned().collect()
    };
    plan.forget = beyond(ended(true), spec.successful_jobs_history_limit);
    plan.forget.extend(beyond(ended(false), spec.failed_jobs_history_limit));
    if cron_job.metadata.is_deleting() || spec.suspend == Some(true) {
        return plan;
    }
    match when(cron_job) {
        Ok((schedule, zone)) => start(&mut plan, observed, &schedule, &zone),
        Err((reason, message)) => plan.say(true, reason, message),
    }
    plan
}

/// What its spec says, or why that cannot be read: reason and message.
fn when(cron_job: &CronJob) -> Result<(Schedule, TimeZone), (&'static str, String)> {
    let (text, zone) = (&cron_job.spec.schedule, cron_job.spec.time_zone.as_deref().unwrap_or("UTC"));
    let schedule = Schedule::parse(text)
        .map_err(|fault| ("UnparseableSchedule", format!("unparseable schedule: {text:?} : {fault}")))?;
    let known = time_zone(zone)
        .ok_or_else(|| ("UnknownTimeZone", format!("invalid timeZone: {zone:?} unknown time zone {zone}")))?;
    Ok((schedule, known))
}

/// Which of its jobs run, and when one last succeeded.
fn follow(plan: &mut Plan, jobs: &[Arc<Job>]) {
    let named = |reference: &JobReference| jobs.iter().find(|job| job.metadata.uid == reference.uid);
    for reference in std::mem::take(&mut plan.status.active) {
        match named(&reference) {
            Some(job) => match job.end() {
                Some(end) => {
                    let message = format!("Saw completed job: {}, condition: {}", reference.name, end.kind);
                    plan.say(false, "SawCompletedJob", message);
                }
                None => plan.status.active.push(reference),
            },
            None => plan.say(false, "MissingJob", format!("Active job went missing: {}", reference.name)),
        }
    }
    for job in jobs {
        if job.end().is_some_and(|end| &*end.kind == "Complete") {
            let last = &mut plan.status.last_successful_time;
            *last = (*last).max(job.status.completion_time);
        } else if job.end().is_none() && !plan.status.active.iter().any(|active| active.uid == job.metadata.uid) {
            if job.metadata.annotations.contains_key(SCHEDULED) {
                // Made by a step whose status never arrived.
                plan.status.active.push(reference(&job.metadata));
            } else {
                // A user's, made from the template: it keeps no other from starting.
                let message = format!("Saw a job that the controller did not create or forgot: {}", job.metadata.name);
                plan.say(true, "UnexpectedJob", message);
            }
        }
    }
}

/// How the status names a job.
pub fn reference(job: &Meta) -> JobReference {
    JobReference {
        api_version: Job::RESOURCE.api_version().into(),
        kind: Job::KIND.into(),
        namespace: job.namespace.clone().unwrap_or_default(),
        name: job.name.clone(),
        uid: job.uid.clone(),
        resource_version: job.resource_version.to_string().into(),
    }
}

/// The oldest of the finished ones, as many as there are too many.
fn beyond(mut finished: Vec<Arc<Job>>, limit: Option<i32>) -> Vec<Arc<Job>> {
    let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else { return Vec::new() };
    finished.sort_by_key(|job| (job.status.start_time.or(job.metadata.creation_timestamp), job.metadata.name.clone()));
    finished.truncate(finished.len().saturating_sub(limit));
    finished.retain(|job| !job.metadata.is_deleting());
    finished
}

fn start(plan: &mut Plan, observed: &Observed, schedule: &Schedule, zone: &TimeZone) {
    let Observed { cron_job, jobs, now } = observed;
    plan.again_in = schedule.next(*now, zone).map(|next| next.duration_since(*now));
    let Some(due) = due(plan, cron_job, schedule, zone, *now) else { return };
    let deadline = cron_job.spec.starting_deadline_seconds.map(SignedDuration::from_secs);
    if deadline.is_some_and(|deadline| now.duration_since(due) > deadline) {
        plan.say(true, "MissSchedule", format!("Missed scheduled time to start a job: {due:.0}"));
        return;
    }
    let name = job_name(cron_job, due);
    if cron_job.status.last_schedule_time == Some(due) || jobs.iter().any(|job| *job.metadata.name == name) {
        // It was made, and the status never arrived.
        plan.status.last_schedule_time = plan.status.last_schedule_time.max(Some(due));
        return;
    }
    match &*cron_job.spec.concurrency_policy {
        "Forbid" if !plan.status.active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            plan.say(false, "JobAlreadyActive", message);
            return;
        }
        "Replace" => {
            let active = std::mem::take(&mut plan.status.active);
            let is_active = |job: &&Arc<Job>| active.iter().any(|active| active.uid == job.metadata.uid);
            plan.replace = jobs.iter().filter(is_active).cloned().collect();
        }
        _ => {}
    }
    plan.start = Some(due);
}

/// The latest time that has come since a job was last made.
fn due(plan: &mut Plan, cron_job: &CronJob, schedule: &Schedule, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let mut from = cron_job.status.last_schedule_time.or(cron_job.metadata.creation_timestamp)?;
    if let Some(deadline) = cron_job.spec.starting_deadline_seconds {
        // What is older is missed for good.
        from = from.max(now.checked_sub(SignedDuration::from_secs(deadline)).unwrap_or(from));
    }
    let times = |from| {
        std::iter::successors(Some(from), |time| schedule.next(*time, zone)).skip(1).take_while(|time| *time <= now)
    };
    let missed = times(from).take(MANY_MISSED + 1).count();
    if missed <= MANY_MISSED {
        return times(from).last();
    }
    plan.say(
        true,
        "TooManyMissedTimes",
        "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
    );
    last_before(now, from, times)
}

/// The last of very many times: looked for in spans before `now` that double.
fn last_before<I: Iterator<Item = Timestamp>>(
    now: Timestamp,
    from: Timestamp,
    times: impl Fn(Timestamp) -> I,
) -> Option<Timestamp> {
    let mut span = SignedDuration::from_mins(2);
    loop {
        let since = now.checked_sub(span).map_or(from, |since| since.max(from));
        let last = times(since).last();
        if last.is_some() || since == from {
            return last;
        }
        span = span.saturating_mul(2);
    }
}

/// `NAME-MINUTES`: a job of a certain time exists once, whoever makes it.
pub fn job_name(cron_job: &CronJob, due: Timestamp) -> String {
    format!("{}-{}", cron_job.metadata.name, whole_seconds(due).as_second().div_euclid(60))
}
