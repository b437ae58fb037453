//! Keeps controllers alive: one that ends or panics before its time is started anew, with back-off.

use std::{future::Future, time::Duration};

use timonier_client::backoff::Backoff;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

const RESTART: Backoff = Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(30) };
/// One that ran for so long is taken for sound again.
const SOUND: Duration = Duration::from_secs(60);

pub async fn supervise<F>(name: &'static str, start: impl Fn() -> F, shutdown: CancellationToken)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut failures = 0;
    loop {
        info!(controller = name, "starting");
        let began = Instant::now();
        let ended = tokio::spawn(start()).await;
        if shutdown.is_cancelled() {
            return;
        }
        failures = if began.elapsed() > SOUND { 1 } else { failures + 1 };
        let wait = RESTART.jittered(failures);
        match ended {
            Ok(()) => error!(controller = name, ?wait, "ended before its time; starting it anew"),
            Err(failure) => error!(controller = name, ?wait, "{failure}; starting it anew"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep(wait) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    #[tokio::test]
    async fn a_controller_that_panics_or_ends_is_started_anew_until_shutdown() {
        let starts = Arc::new(AtomicU32::new(0));
        let shutdown = CancellationToken::new();
        let start = || {
            let nth = starts.fetch_add(1, Ordering::SeqCst);
            let shutdown = shutdown.clone();
            async move {
                match nth {
                    0 => panic!("planted"),
                    1 => {}
                    _ => shutdown.cancel(),
                }
            }
        };
        supervise("planted", start, shutdown.clone()).await;
        assert_eq!(starts.load(Ordering::SeqCst), 3);
    }
}
