//! `sandbox`: serves the local Cloudflare.

use std::io::Write as _;
use std::process::ExitCode;

use super::setup::Setup;
use crate::cli::args::SandboxArgs;
use crate::error::Error;
use crate::progress::{Level, Progress as _};
use crate::sandbox::{Sandbox, SandboxOptions};

pub(super) async fn run(setup: &Setup, args: SandboxArgs) -> Result<ExitCode, Error> {
    check_reach(setup, &args)?;
    if let Some(token) = &args.token {
        crate::conceal::keep_secret(token);
    }
    let defaults = SandboxOptions::default();
    let options = SandboxOptions {
        account_id: args.account,
        token: args.token,
        apply_delay: args.apply_delay.get(),
        stale: args.stale.get(),
        unsettled: args.unsettled,
        budget: if args.no_budget {
            None
        } else {
            defaults.budget
        },
        seed: args.seed,
        faults: args.faults,
    };
    let dir = setup.global.dir.as_deref();
    let sandbox = Sandbox::open(dir, options, setup.clock).map_err(|error| {
        Error::failed("the sandbox cannot be opened")
            .advise("give another folder with --dir; without one it lives in memory")
            .because(error)
    })?;
    let listener =
        tokio::net::TcpListener::bind(args.listen)
            .await
            .map_err(|error| {
                Error::failed(format!("nothing can listen on {}", args.listen))
            .advise("another program may use that port; port 0 lets the system choose a free one")
            .because(error)
            })?;
    let address = listener
        .local_addr()
        .map_err(|error| Error::failed("the sandbox has no address").because(error))?;
    announce(&address);
    let stop = setup.stop.clone();
    sandbox
        .serve(listener, async move { stop.raised().await })
        .await
        .map_err(|error| Error::failed("the sandbox stopped").because(error))?;
    Ok(ExitCode::SUCCESS)
}

/// What is served to other machines is open to all of them without a token.
fn check_reach(setup: &Setup, args: &SandboxArgs) -> Result<(), Error> {
    if args.listen.ip().is_loopback() {
        return Ok(());
    }
    if args.token.is_none() {
        return Err(Error::usage(format!(
            "{} can be reached from other machines, and without a token by anybody",
            args.listen
        ))
        .advise("give --token, or listen on 127.0.0.1"));
    }
    let warning = format!(
        "{} can be reached from other machines; what is sent there, the token included, travels readable",
        args.listen
    );
    setup.progress.remark(Level::Warning, &warning);
    Ok(())
}

/// One JSON line when it is ready, so that a script can wait for it.
fn announce(address: &std::net::SocketAddr) {
    let line = serde_json::json!({ "base_url": format!("http://{address}/client/v4") });
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
