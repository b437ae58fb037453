//! The `kctl` program: parse, run, report.

use std::process::ExitCode;

use mimalloc::MiMalloc;
use timonier_ctl::cli::Cli;

/// As in the API server, which `kctl up` runs in this process.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // As there: a huge page is resident as a whole when one byte of it is used.
    let _said = rustix::thread::disable_transparent_huge_pages(true);
    let cli = match Cli::from_command_line(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return ExitCode::from(code),
    };
    let telemetry = match cli.start_telemetry() {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(cli.run());
    telemetry.flush();
    // Reads of standard input cannot be cancelled; nobody waits for them.
    runtime.shutdown_background();
    ExitCode::from(code)
}
