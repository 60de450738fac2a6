//! O1 and O2: the opt-in and its replies.

use sch::endpoint::EndpointType;
use sch::optin::{self, CLASSIFY_LIMIT, Mode, Reply};

#[test]
fn o1_the_five_argument_form() {
    assert_eq!(
        optin::command(EndpointType::InternalIp),
        b"*5\r\n$6\r\nCLIENT\r\n$19\r\nMAINT_NOTIFICATIONS\r\n$2\r\nON\r\n$20\r\nmoving-endpoint-type\r\n$11\r\ninternal-ip\r\n"
            .as_slice()
    );
    for ty in EndpointType::ALL {
        let mut expected = "*5\r\n".to_owned();
        for arg in ["CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type", ty.as_str()] {
            expected += &format!("${}\r\n{arg}\r\n", arg.len());
        }
        assert_eq!(optin::command(ty), expected.as_bytes());
    }
}

#[test]
fn o1_auto_is_the_default() {
    assert_eq!(Mode::default(), Mode::Auto);
    assert_eq!(
        [Mode::Disabled, Mode::Auto, Mode::Enabled].map(Mode::as_str),
        ["disabled", "auto", "enabled"]
    );
}

#[test]
fn o2_replies() {
    let rows: &[(&str, Reply)] = &[
        ("+OK\r\n", Reply::Accepted),
        ("+OK", Reply::Accepted),
        ("$2\r\nOK\r\n", Reply::Accepted),
        ("=6\r\ntxt:OK\r\n", Reply::Accepted),
        ("+OK\r\n-ERR unknown command\r\n", Reply::Accepted),
        // go-redis #3536, dify #40543: the server echoes the client's case.
        ("-ERR unknown subcommand 'maint_notifications'. Try CLIENT HELP.\r\n", Reply::Refused),
        ("-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n", Reply::Refused),
        // Redis 6 and 5.
        (
            "-ERR Unknown subcommand or wrong number of arguments for 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n",
            Reply::Refused,
        ),
        (
            "-ERR Syntax error, try CLIENT (LIST | KILL ip:port | GETNAME | SETNAME connection-name)\r\n",
            Reply::Refused,
        ),
        (
            "-ERR unknown command 'CLIENT', with args beginning with: 'MAINT_NOTIFICATIONS' 'ON' \r\n",
            Reply::Refused,
        ),
        ("-ERR wrong number of arguments for 'client' command\r\n", Reply::Refused),
        ("-ERR syntax error\r\n", Reply::Refused),
        ("-ERR maintenance notifications are disabled on this server\r\n", Reply::Refused),
        ("-ERR unsupported command 'CLIENT'\r\n", Reply::Refused),
        ("!21\r\nERR unknown command 'x\r\n", Reply::Refused),
        // redis-py's mock; no error, but not OK.
        ("+ERROR\r\n", Reply::Refused),
        (":1\r\n", Reply::Refused),
        ("_\r\n", Reply::Refused),
        ("*0\r\n", Reply::Refused),
        (
            "-NOPERM this user has no permissions to run the 'client|maint_notifications' command\r\n",
            Reply::NoPermission,
        ),
        (
            "-NOPERM User x has no permissions to run the 'client' command or its subcommand, unknown command\r\n",
            Reply::NoPermission,
        ),
        ("-NOAUTH Authentication required.\r\n", Reply::NoAuth),
        ("!32\r\nNOAUTH Authentication required.\r\n", Reply::NoAuth),
        ("-LOADING Redis is loading the dataset in memory\r\n", Reply::Other),
        (
            "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
            Reply::Other,
        ),
        ("-BUSY Redis is busy running a script.\r\n", Reply::Other),
        ("-MISCONF Commands that may modify the data set are disabled, because ...\r\n", Reply::Other),
        ("-ERR max number of clients reached\r\n", Reply::Other),
        ("-WRONGPASS invalid username-password pair or user is disabled.\r\n", Reply::Other),
        ("+QUEUED\r\n", Reply::Other),
        ("-\r\n", Reply::Other),
        ("", Reply::Other),
        ("$2\r\n", Reply::Other),
    ];
    for (reply, meaning) in rows {
        assert_eq!(optin::classify(reply.as_bytes()), *meaning, "{reply:?}");
    }
}

#[test]
fn s1_no_more_than_the_limit_is_looked_at() {
    let long = format!("-ERR {}unknown command", "x".repeat(CLASSIFY_LIMIT));
    assert_eq!(optin::classify(long.as_bytes()), Reply::Other);
}

#[test]
fn s4_random_bytes() {
    let mut state = 0x5eed_0003_u64;
    for _ in 0..20_000 {
        let mut bytes = Vec::new();
        for _ in 0..12 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.push(b"+-$=!:\r\nOK0 "[(state % 12) as usize]);
        }
        optin::classify(&bytes);
    }
}
