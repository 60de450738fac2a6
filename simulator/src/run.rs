//! `sch-sim serve`: options, start, stop.

use crate::cert;
use crate::cluster::data::Data;
use crate::cluster::endpoints::Endpoints;
use crate::cluster::nodes::{Setup, check_name, nth_name, open};
use crate::compat;
use crate::http;
use crate::limits::{MAX_CONNECTIONS, MAX_ENDPOINTS};
use crate::maint::Maint;
use crate::serve;
use crate::state::{ServerKind, Settings, Sim};
use serde_json::json;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

#[derive(clap::Args)]
pub struct Serve {
    /// Where the control interface listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    http: SocketAddr,
    /// NAME=IP:PORT[,tls]; may be repeated. Without any: a, b and c on 127.0.0.1:0.
    #[arg(long = "endpoint", value_name = "NAME=IP:PORT[,tls]")]
    endpoints: Vec<String>,
    /// A real server that executes the commands instead of the embedded data set; with --cluster one for each node,
    /// and more for nodes that come later.
    #[arg(long = "upstream", value_name = "HOST:PORT")]
    upstreams: Vec<String>,
    /// Be a cluster: the slots are shared out among the first N endpoints.
    #[arg(long, value_name = "N")]
    cluster: Option<usize>,
    /// The one name clients know the endpoints by, and those it stands for (all when none are given).
    #[arg(long, value_name = "NAME[=ENDPOINT,...]")]
    name: Option<String>,
    /// Who opts in between a MIGRATING or FAILING_OVER and its terminator is sent it: newer servers do.
    #[arg(long)]
    replay_starters: bool,
    /// A name that resolves, for notifications of the *-fqdn types: localhost, say. Without it: NAME.sch.test.
    #[arg(long, value_name = "HOST")]
    fqdn: Option<String>,
    /// Where ca.pem is written; a new directory under the system's temporary one when not given.
    #[arg(long)]
    cert_dir: Option<PathBuf>,
    /// What kind of server to be.
    #[arg(long, value_enum, default_value = "software")]
    server: ServerKind,
    /// What clients must authenticate with (embedded data set only).
    #[arg(long)]
    password: Option<String>,
    /// Stop after this many seconds.
    #[arg(long)]
    max_seconds: Option<u64>,
    /// Stop when standard input ends.
    #[arg(long)]
    exit_with_stdin: bool,
    /// Allow addresses other hosts can reach.
    #[arg(long)]
    allow_non_loopback: bool,
}

struct Wanted {
    name: String,
    at: SocketAddr,
    tls: bool,
}

fn wanted(text: &str) -> Result<Wanted, String> {
    let bad = || format!("--endpoint {text:?}: give NAME=IP:PORT or NAME=IP:PORT,tls");
    let (name, rest) = text.split_once('=').ok_or_else(bad)?;
    let (at, tls) = match rest.strip_suffix(",tls") {
        Some(at) => (at, true),
        None => (rest, false),
    };
    check_name(name).map_err(|e| format!("--endpoint {text:?}: {e}"))?;
    Ok(Wanted { name: name.into(), at: at.parse().map_err(|_| bad())?, tls })
}

/// The name, and the endpoints it stands for.
fn siblings(text: Option<&str>, all: Vec<String>) -> Result<(Option<String>, Vec<String>), String> {
    let Some(text) = text else { return Ok((None, all)) };
    let (name, list) = text.split_once('=').unwrap_or((text, ""));
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') {
        return Err(format!("--name {text:?}: give NAME or NAME=ENDPOINT,..."));
    }
    let list: Vec<String> = list.split(',').filter(|n| !n.is_empty()).map(Into::into).collect();
    Ok((Some(name.into()), if list.is_empty() { all } else { list }))
}

pub fn main(options: Serve) -> Result<(), String> {
    // As many connections as the system lets this process have; fewer is no reason not to start.
    let _ = rlimit::increase_nofile_limit(4 * MAX_CONNECTIONS as u64);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?;
    let result = runtime.block_on(serve_until_stopped(options));
    runtime.shutdown_background();
    result
}

async fn serve_until_stopped(o: Serve) -> Result<(), String> {
    let mut list = o.endpoints.iter().map(|t| wanted(t)).collect::<Result<Vec<_>, _>>()?;
    if list.is_empty() {
        let at = SocketAddr::from(([127, 0, 0, 1], 0));
        let n = o.cluster.unwrap_or(3);
        list = (0..n.min(MAX_ENDPOINTS + 1)).map(|i| Wanted { name: nth_name(i), at, tls: false }).collect();
    }
    if list.len() > MAX_ENDPOINTS {
        return Err(format!("at most {MAX_ENDPOINTS} endpoints"));
    }
    for (i, w) in list.iter().enumerate() {
        if list[..i].iter().any(|v| v.name == w.name) {
            return Err(format!("--endpoint: two are called {:?}", w.name));
        }
    }
    if o.cluster.is_some_and(|n| n == 0 || n > list.len()) {
        return Err(format!("--cluster: from 1 to the number of endpoints, which is {}", list.len()));
    }
    let wanted_upstreams = if o.cluster.is_some() { list.len() } else { 1 };
    match o.upstreams.len() {
        0 => {}
        n if n < wanted_upstreams => {
            return Err(format!("--upstream: with --cluster each of the {} nodes needs one", list.len()));
        }
        n if n > wanted_upstreams && o.cluster.is_none() => {
            return Err("--upstream: only one without --cluster".into());
        }
        _ => {}
    }
    let known = |n: &str| list.iter().any(|w| w.name == n);
    let (name, resolves_to) = siblings(o.name.as_deref(), list.iter().map(|w| w.name.clone()).collect())?;
    if let Some(other) = resolves_to.iter().find(|n| !known(n)) {
        return Err(format!("--name: no endpoint {other:?}"));
    }
    if o.password.is_some() && !o.upstreams.is_empty() {
        return Err(
            "--password is for the embedded data set: with --upstream, set it on the server there".into()
        );
    }
    if let Some(name) =
        o.fqdn.as_ref().filter(|n| !n.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)))
    {
        return Err(format!("--fqdn {name:?}: a host name"));
    }
    let loopback = |ip: IpAddr| ip.is_loopback() || o.allow_non_loopback;
    if let Some(at) = list.iter().map(|w| w.at).chain([o.http]).find(|a| !loopback(a.ip())) {
        return Err(format!(
            "{at} can be reached from other hosts: give --allow-non-loopback if that is meant"
        ));
    }
    let names: Vec<String> = list
        .iter()
        .map(|w| format!("{}.sch.test", w.name))
        .chain(name.clone())
        .chain(o.fqdn.clone())
        .collect();
    let dir = o
        .cert_dir
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("sch-sim-{}", std::process::id())));
    let (ca_file, tls) =
        cert::make(&dir, &names).map_err(|e| format!("certificate in {}: {e}", dir.display()))?;
    let mut endpoints = Vec::new();
    let mut listeners = Vec::new();
    let members = list.len();
    for (i, w) in list.into_iter().enumerate() {
        let upstream = o.upstreams.get(if o.cluster.is_some() { i } else { 0 }).cloned();
        let (endpoint, listener) = open(i, w.name, w.at, w.tls, upstream)?;
        endpoints.push(endpoint);
        listeners.push(listener);
    }
    let control = serve::bind(o.http).map_err(|e| format!("--http {}: {e}", o.http))?;
    let http_at = control.local_addr().map_err(|e| e.to_string())?;
    let sim = Arc::new(Sim {
        start: Instant::now(),
        password: o.password,
        data: Mutex::new(o.cluster.map_or_else(Data::shared, |n| Data::cluster(n, members))),
        setup: Mutex::new(Setup {
            spare_upstreams: o.upstreams.iter().skip(wanted_upstreams).cloned().collect(),
            name,
            resolves_to,
            fqdn: o.fqdn,
        }),
        slots_moving: AtomicBool::new(false),
        coming: tokio::sync::Mutex::default(),
        slots_changed: Notify::new(),
        pubsub: Mutex::default(),
        grew: Notify::new(),
        endpoints: Endpoints::new(endpoints),
        conns: Mutex::default(),
        next_conn: AtomicU64::new(1),
        events: Mutex::default(),
        settings: Mutex::new(Settings {
            kind: o.server,
            enabled: o.server != ServerKind::FeatureOff,
            replay_terminators: true,
            replay_starters: o.replay_starters,
            cluster: o.cluster.is_some(),
        }),
        maint: Mutex::new(Maint::default()),
        runs: Mutex::default(),
        compat: Mutex::default(),
        interceptors: Default::default(),
        tls: Some(tls),
    });
    compat::start(&sim);
    for (endpoint, listener) in sim.endpoints.iter().zip(listeners) {
        serve::accept(&sim, &endpoint, listener);
    }
    tokio::spawn(http::run(sim.clone(), control));
    // Before anybody can know that the simulator is ready.
    let term = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let int = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    let described: Vec<_> = sim
        .endpoints
        .iter()
        .map(|e| json!({"name": e.name, "addr": e.ip.to_string(), "port": e.port, "tls": e.tls}))
        .collect();
    let ready = json!({"http": http_at.to_string(), "pid": std::process::id(), "ca_file": ca_file, "endpoints": described});
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{ready}").and_then(|()| stdout.flush()).map_err(|e| format!("standard output: {e}"))?;
    stopped(o.max_seconds, o.exit_with_stdin, term, int).await;
    if o.cert_dir.is_none() {
        let _ = std::fs::remove_dir_all(&dir);
    }
    Ok(())
}

async fn stopped(max_seconds: Option<u64>, with_stdin: bool, mut term: Signal, mut int: Signal) {
    let ended = Arc::new(Notify::new());
    if with_stdin {
        let ended = ended.clone();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            ended.notify_one();
        });
    }
    let limit = async {
        match max_seconds {
            Some(s) => tokio::time::sleep(Duration::from_secs(s)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        () = ended.notified() => {}
        () = limit => {}
    }
}
