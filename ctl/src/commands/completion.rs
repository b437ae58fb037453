//! `kctl completion`

use crate::error::Error;
use crate::output;
use clap::Command;
use clap_complete::Shell;

/// Print a shell's completions for kctl.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  source <(kctl completion bash)
  kctl completion zsh > ~/.zfunc/_kctl
  kctl completion fish > ~/.config/fish/completions/kctl.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// `program`: all that kctl understands.
pub fn run(args: Args, mut program: Command) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "kctl", &mut script);
    output::write(script)
}
