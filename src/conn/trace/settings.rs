//! Settings as the `config` line of a scenario file: those that are not the default.

use super::text;
use crate::action_text::{Short, Word};
use crate::config::{BlockingPolicy, Config, Handshake, OnLoss};
use crate::endpoint::{EndpointPolicy, ListEntry};

/// `config host=... port=... ...`, with what a replay needs to say the same.
pub(super) fn line(config: &Config) -> String {
    let usual = Config::default();
    let mut out = format!("config wrote=manual say=actions host={} port={}", config.host, config.port);
    for (pair, usual) in pairs(config).into_iter().zip(pairs(&usual)) {
        if pair != usual {
            out.push_str(&format!(" {}={}", pair.0, pair.1));
        }
    }
    out
}

fn pairs(c: &Config) -> Vec<(&'static str, String)> {
    let yes = |b: bool| if b { "yes" } else { "no" }.to_owned();
    let optional = |d: Option<core::time::Duration>| d.map_or("default".to_owned(), |d| Short(d).to_string());
    let word = |bytes: Option<&[u8]>| bytes.map_or(String::new(), text::shown);
    let secret = |len: Option<usize>| len.map_or(String::new(), text::hidden);
    let l = &c.limits;
    let lib = |(name, version): &(String, String)| text::shown(format!("{name}/{version}").as_bytes());
    let loss = match c.on_loss {
        OnLoss::Report => "report",
        OnLoss::Reply => "reply",
        OnLoss::Close => "close",
    };
    let blocking = if c.blocking == BlockingPolicy::Swap { "swap" } else { "wait" };
    let handshake = if c.handshake == Handshake::ByLibsch { "libsch" } else { "seen" };
    vec![
        ("level-in", Word(c.level_in).to_string()),
        ("level-out", Word(c.level_out).to_string()),
        ("mode", Word(c.mode).to_string()),
        ("type", c.endpoint_type.map_or("auto", |t| t.as_str()).to_owned()),
        ("tls", yes(c.tls)),
        ("tls-name", word(c.tls_server_name.as_deref().map(str::as_bytes))),
        ("relaxed", Short(c.relaxed_timeout).to_string()),
        ("migration-window", Short(c.migration_window).to_string()),
        ("failover-window", Short(c.failover_window).to_string()),
        ("moving-extra", Short(c.moving_extra).to_string()),
        ("post-handoff", optional(c.post_handoff_relaxed)),
        ("handoff-timeout", Short(c.handoff_timeout).to_string()),
        ("drain-grace", Short(c.drain_grace).to_string()),
        ("hold-timeout", optional(c.hold_timeout)),
        ("backoff-min", Short(c.backoff_min).to_string()),
        ("backoff-max", Short(c.backoff_max).to_string()),
        ("attempt-min", Short(c.attempt_min).to_string()),
        ("keep-trying", Short(c.keep_trying).to_string()),
        ("overlap", Short(c.overlap).to_string()),
        ("connect-budget", Short(c.connect_budget).to_string()),
        ("mark-age", Short(c.mark_age).to_string()),
        ("refusal-memory", Short(c.refusal_memory).to_string()),
        ("optin-retry", Short(c.optin_retry).to_string()),
        ("on-loss", loss.to_owned()),
        ("reset-parser", yes(c.can_reset_parser)),
        ("blocking", blocking.to_owned()),
        ("seed", c.seed.to_string()),
        ("handshake", handshake.to_owned()),
        ("keep-credentials", yes(c.keep_credentials)),
        ("username", secret(c.username.as_ref().map(String::len))),
        ("password", secret(c.password.as_ref().map(Vec::len))),
        ("name", word(c.client_name.as_deref())),
        ("lib", c.lib_info.as_ref().map(lib).unwrap_or_default()),
        ("db", c.database.to_string()),
        ("policy", policy(&c.endpoint_policy)),
        ("max-push-bytes", l.max_push_bytes.to_string()),
        ("max-attribute-bytes", l.max_attribute_bytes.to_string()),
        ("max-reply-bytes", l.max_reply_bytes.to_string()),
        ("max-held-bytes", l.max_held_bytes.to_string()),
        ("max-held-commands", l.max_held_commands.to_string()),
        ("max-in-flight", l.max_in_flight.to_string()),
        ("max-windows", l.max_windows.to_string()),
        ("max-marks", l.max_marks.to_string()),
        ("max-session-bytes", l.max_session_bytes.to_string()),
        ("max-attempts", l.max_attempts.to_string()),
        ("max-overlap-messages", l.max_overlap_messages.to_string()),
        ("max-overlap-bytes", l.max_overlap_bytes.to_string()),
        ("max-depth", l.framer.max_depth.to_string()),
        ("max-bulk-len", l.framer.max_bulk_len.to_string()),
        ("max-line-len", l.framer.max_line_len.to_string()),
        ("max-elements", l.framer.max_elements.to_string()),
        ("max-args", l.command.max_args.to_string()),
        ("max-command-bulk-len", l.command.max_bulk_len.to_string()),
        ("max-inline-len", l.command.max_inline_len.to_string()),
        ("max-kept-len", l.command.max_kept_len.to_string()),
    ]
}

fn policy(policy: &EndpointPolicy) -> String {
    match policy {
        EndpointPolicy::Any => "any".to_owned(),
        EndpointPolicy::ConfiguredDomain => "domain".to_owned(),
        EndpointPolicy::Suffix(suffix) => format!("suffix:{suffix}"),
        EndpointPolicy::List(entries) => {
            let texts: Vec<String> = entries.iter().map(entry).collect();
            texts.join(",")
        }
    }
}

fn entry(entry: &ListEntry) -> String {
    match entry {
        ListEntry::Host(host) => host.clone(),
        ListEntry::Endpoint(endpoint) => endpoint.to_string(),
        ListEntry::Suffix(suffix) => format!(".{suffix}"),
        ListEntry::Range(network, bits) => format!("{network}/{bits}"),
    }
}
