//! A maintenance-capable Redis endpoint, for tests, demos and other people's drivers.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod cert;
mod cluster;
mod commands;
mod compat;
mod conn;
mod ctl;
mod fault;
mod http;
mod limits;
mod maint;
mod pubsub;
mod resp;
mod run;
mod scenario;
mod serve;
mod session;
mod state;
mod store;
mod upstream;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "sch-sim", about = "A Redis endpoint simulator that announces maintenance")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the simulator.
    Serve(run::Serve),
    #[command(flatten)]
    Ctl(ctl::Ctl),
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Serve(options) => run::main(options),
        Command::Ctl(command) => ctl::main(command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("sch-sim: {text}");
            ExitCode::FAILURE
        }
    }
}
