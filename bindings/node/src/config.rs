//! Settings: a list of number and values, one entry a setter of the C ABI. `lib/settings.ts` names the numbers.

use crate::action::text;
use crate::js::{Call, Fault, Value};
use core::ffi::c_char;
use core::ptr::{null, null_mut};
use sch::ffi::config::*;
use sch::ffi::status::{SCH_ERR_ARGUMENT, SCH_ERR_CONFIG, SCH_OK, sch_status};
use sch::ffi::version::SCH_ABI_VERSION;

type Config = *mut sch_config;

/// A setter by what it takes.
enum Setter {
    Int(unsafe extern "C" fn(Config, i32) -> sch_status),
    Port(unsafe extern "C" fn(Config, u16) -> sch_status),
    Count(unsafe extern "C" fn(Config, u32) -> sch_status),
    Long(unsafe extern "C" fn(Config, u64) -> sch_status),
    Flag(unsafe extern "C" fn(Config, bool) -> sch_status),
    Text(unsafe extern "C" fn(Config, *const c_char, usize) -> sch_status),
    Bytes(unsafe extern "C" fn(Config, *const u8, usize) -> sch_status),
    /// Two texts: name and version.
    LibInfo,
    /// Which, and its value.
    Pair(unsafe extern "C" fn(Config, i32, u64) -> sch_status),
}

use Setter::{Bytes, Count, Flag, Int, LibInfo, Long, Pair, Port, Text};

/// The place of an entry is the number that `open` takes; `lib/settings.ts` asks for the names.
const SETTERS: &[(&str, Setter)] = &[
    ("levelIn", Int(sch_config_set_level_in)),
    ("levelOut", Int(sch_config_set_level_out)),
    ("mode", Int(sch_config_set_mode)),
    ("endpointType", Int(sch_config_set_endpoint_type)),
    ("host", Text(sch_config_set_host)),
    ("port", Port(sch_config_set_port)),
    ("tls", Flag(sch_config_set_tls)),
    ("tlsServerName", Text(sch_config_set_tls_server_name)),
    ("relaxedTimeoutMs", Long(sch_config_set_relaxed_timeout_ms)),
    ("migrationWindowMs", Long(sch_config_set_migration_window_ms)),
    ("failoverWindowMs", Long(sch_config_set_failover_window_ms)),
    ("movingExtraMs", Long(sch_config_set_moving_extra_ms)),
    ("postHandoffRelaxedMs", Long(sch_config_set_post_handoff_relaxed_ms)),
    ("handoffTimeoutMs", Long(sch_config_set_handoff_timeout_ms)),
    ("drainGraceMs", Long(sch_config_set_drain_grace_ms)),
    ("holdTimeoutMs", Long(sch_config_set_hold_timeout_ms)),
    ("backoffMinMs", Long(sch_config_set_backoff_min_ms)),
    ("backoffMaxMs", Long(sch_config_set_backoff_max_ms)),
    ("attemptMinMs", Long(sch_config_set_attempt_min_ms)),
    ("keepTryingMs", Long(sch_config_set_keep_trying_ms)),
    ("overlapMs", Long(sch_config_set_overlap_ms)),
    ("connectBudgetMs", Long(sch_config_set_connect_budget_ms)),
    ("markAgeMs", Long(sch_config_set_mark_age_ms)),
    ("refusalMemoryMs", Long(sch_config_set_refusal_memory_ms)),
    ("optinRetryMs", Long(sch_config_set_optin_retry_ms)),
    ("onLoss", Int(sch_config_set_on_loss)),
    ("canResetParser", Flag(sch_config_set_can_reset_parser)),
    ("blocking", Int(sch_config_set_blocking)),
    ("seed", Long(sch_config_set_seed)),
    ("handshake", Int(sch_config_set_handshake)),
    ("keepCredentials", Flag(sch_config_set_keep_credentials)),
    ("username", Text(sch_config_set_username)),
    ("password", Bytes(sch_config_set_password)),
    ("clientName", Bytes(sch_config_set_client_name)),
    ("libInfo", LibInfo),
    ("database", Count(sch_config_set_database)),
    ("endpointPolicy", Int(sch_config_set_endpoint_policy)),
    ("allowEndpoint", Text(sch_config_allow_endpoint)),
    ("logLevel", Int(sch_config_set_log_level)),
    ("trace", Flag(sch_config_set_trace)),
    ("limit", Pair(sch_config_set_limit)),
    ("clusterTimeMs", Pair(sch_config_set_cluster_time_ms)),
];

/// The names, so that a test can compare them.
pub fn names() -> Value {
    Value::List(SETTERS.iter().map(|(name, _)| Value::Text((*name).into())).collect())
}

/// The number as an integer type, if it is one.
fn narrow<T: TryFrom<u64>>(value: f64) -> Option<T> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what does not fit comes back different"
    )]
    let whole = value as u64;
    #[allow(clippy::cast_precision_loss, reason = "as above")]
    let same = whole as f64 == value && value <= 9_007_199_254_740_991.0;
    if same { T::try_from(whole).ok() } else { None }
}

/// Applies one setting. `None` if the values are not what the setter takes.
fn set(config: Config, setter: &Setter, first: Value, second: Value) -> Option<sch_status> {
    // SAFETY: the config is live; what is given lives until the call returns and is copied by it.
    unsafe {
        Some(match (setter, first, second) {
            (Int(f), Value::Number(n), _) => f(config, narrow(n)?),
            (Port(f), Value::Number(n), _) => f(config, narrow(n)?),
            (Count(f), Value::Number(n), _) => f(config, narrow(n)?),
            (Long(f), Value::Number(n), _) => f(config, narrow(n)?),
            (Flag(f), Value::Bool(on), _) => f(config, on),
            (Text(f), Value::Text(t), _) => f(config, t.as_ptr().cast(), t.len()),
            (Bytes(f), Value::Text(t), _) => f(config, t.as_ptr(), t.len()),
            (Bytes(f), Value::Bytes(b), _) => f(config, b.as_ptr(), b.len()),
            (LibInfo, Value::Text(n), Value::Text(v)) => {
                sch_config_set_lib_info(config, n.as_ptr().cast(), n.len(), v.as_ptr().cast(), v.len())
            }
            (Pair(f), Value::Number(which), Value::Number(value)) => {
                f(config, narrow(which)?, narrow(value)?)
            }
            _ => return None,
        })
    }
}

/// Frees settings at the end of the call, however it ends.
struct Freed(Config);

impl Drop for Freed {
    fn drop(&mut self) {
        // SAFETY: from `sch_config_new`, freed once.
        unsafe { sch_config_free(self.0) };
    }
}

/// Makes something of `[number, value, value, ...]`: three places a setting. Answers a handle of libsch, or
/// `[status, name of the setting or why]`.
pub fn open<T>(
    call: &Call,
    new: unsafe extern "C" fn(u32, *const sch_config, *mut *mut T) -> sch_status,
) -> Result<Result<*mut T, Value>, Fault> {
    let list = call.list(0)?;
    let mut config = null_mut();
    // SAFETY: the place is of this function.
    unsafe { sch_config_new(&mut config) };
    let config = Freed(config);
    let mut values = list.into_iter();
    while let (Some(number), Some(first), Some(second)) = (values.next(), values.next(), values.next()) {
        let Value::Number(number) = number else {
            return Err(Fault::Argument("a setting begins with its number"));
        };
        let known = narrow::<u16>(number).and_then(|n| SETTERS.get(usize::from(n)));
        let Some((name, setter)) = known else { return Err(Fault::Argument("there is no such setting")) };
        let status = set(config.0, setter, first, second).unwrap_or(SCH_ERR_ARGUMENT);
        if status != SCH_OK {
            return Ok(Err(Value::List(vec![status.into(), Value::Text((*name).into())])));
        }
    }
    let mut made = null_mut();
    // SAFETY: the config is live, the place is of this function.
    let status = unsafe { new(SCH_ABI_VERSION, config.0, &mut made) };
    if status == SCH_OK {
        return Ok(Ok(made));
    }
    let (mut data, mut len) = (null(), 0);
    // SAFETY: as above; the text lives until the next call on the config.
    let why = unsafe {
        if status == SCH_ERR_CONFIG && sch_config_problem(config.0, &mut data, &mut len) == SCH_OK {
            text(data, len)
        } else {
            String::new()
        }
    };
    Ok(Err(Value::List(vec![status.into(), Value::Text(why)])))
}
