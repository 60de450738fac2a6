//! Endpoints, addresses and names: N1 (IPv6), O4, H11, S3.

use sch::endpoint::{
    Endpoint, EndpointError, EndpointPolicy, EndpointType, ListEntry, MAX_ENDPOINT_TEXT, PeerAddr,
    is_null_endpoint_text, is_private, tls_server_name,
};
use std::net::IpAddr;

fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text.as_bytes(), None).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn n1_endpoints_that_are_read() {
    for (text, default, host, port, shown) in [
        ("host:3", None, "host", 3, "host:3"),
        ("1.2.3.4:6379", None, "1.2.3.4", 6379, "1.2.3.4:6379"),
        ("Redis-1.Example.COM:65535", None, "redis-1.example.com", 65535, "redis-1.example.com:65535"),
        ("a_b.c.:1", None, "a_b.c.", 1, "a_b.c.:1"),
        ("[2001:DB8:0::1]:6379", None, "2001:db8::1", 6379, "[2001:db8::1]:6379"),
        ("2001:db8::1:6379", None, "2001:db8::1", 6379, "[2001:db8::1]:6379"),
        ("::1:6379", None, "::1", 6379, "[::1]:6379"),
        ("1:2:3:4:5:6:7:8:6379", None, "1:2:3:4:5:6:7:8", 6379, "[1:2:3:4:5:6:7:8]:6379"),
        ("fe80::1%eth0:6379", None, "fe80::1%eth0", 6379, "[fe80::1%eth0]:6379"),
        ("[fe80::1%eth0]:6379", None, "fe80::1%eth0", 6379, "[fe80::1%eth0]:6379"),
        ("[::ffff:10.0.0.1]:6379", None, "10.0.0.1", 6379, "10.0.0.1:6379"),
        ("::ffff:10.0.0.1:6379", None, "10.0.0.1", 6379, "10.0.0.1:6379"),
        ("host", Some(7), "host", 7, "host:7"),
        ("[::1]", Some(7), "::1", 7, "[::1]:7"),
        ("::1", Some(7), "::1", 7, "[::1]:7"),
        ("fe80::1%eth0", Some(7), "fe80::1%eth0", 7, "[fe80::1%eth0]:7"),
        ("2001:db8:0:0:0:0:0:1", Some(7), "2001:db8::1", 7, "[2001:db8::1]:7"),
        ("2001:db8::1:beef", Some(7), "2001:db8::1:beef", 7, "[2001:db8::1:beef]:7"),
        ("host:8", Some(7), "host", 8, "host:8"),
    ] {
        let read = Endpoint::parse(text.as_bytes(), default).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!((read.host.as_str(), read.port, read.to_string().as_str()), (host, port, shown), "{text}");
        assert_eq!(endpoint(shown), read, "{text}");
    }
}

#[test]
fn endpoints_that_are_refused() {
    use EndpointError::*;
    let long_host = format!("{}:1", ["a".repeat(63).as_str(); 4].join(".") + ".a");
    let long_text = "a".repeat(MAX_ENDPOINT_TEXT + 1);
    for (text, error) in [
        ("", Empty),
        (":6379", Empty),
        ("?", UnknownHost),
        ("?:6379", UnknownHost),
        ("host", MissingPort),
        ("::1", MissingPort),
        ("host:", BadPort),
        ("host:+1", BadPort),
        ("host:-1", BadPort),
        ("host:65536", BadPort),
        ("host:000001", BadPort),
        ("host:abc", BadPort),
        ("[::1]6379", BadPort),
        ("[::1]:", BadPort),
        ("2001:db8::1:99999", BadPort),
        ("host:0", PortZero),
        ("[::1]:0", PortZero),
        ("2001:db8::1:0", PortZero),
        ("[::1:6379", BadHost),
        ("[host]:1", BadHost),
        ("[]:1", BadHost),
        ("a:b:c", BadHost),
        ("fe80::1%:1", BadHost),
        ("300.1.1.1:1", BadHost),
        ("10.1:1", BadHost),
        ("1000:1", BadHost),
        ("10.0.0.1.:1", BadHost),
        ("a..b:1", BadHost),
        (".:1", BadHost),
        ("-a:1", BadHost),
        ("-", BadHost),
        ("user@host:1", BadHost),
        ("host/path:1", BadHost),
        ("<nil>:1", BadHost),
        ("host :1", BadCharacter),
        (" host:1", BadCharacter),
        ("host:1\r\n", BadCharacter),
        ("ho\0st:1", BadCharacter),
        ("h\u{f6}st:1", BadCharacter),
        (&long_host, TooLong),
        (&long_text, TooLong),
    ] {
        assert_eq!(Endpoint::parse(text.as_bytes(), None), Err(error), "{text:?}");
    }
    assert_eq!(Endpoint::parse(b"\xff:1", None), Err(BadCharacter));
    assert_eq!(Endpoint::parse(b"host", Some(0)), Err(MissingPort));
    assert_eq!(Endpoint::new("host", 0), Err(PortZero));
    assert_eq!(Endpoint::new("[::1]", 5), Ok(endpoint("[::1]:5")));
}

#[test]
fn n1_texts_for_no_endpoint() {
    for text in ["", "null", "NULL", "<nil>", "?"] {
        assert!(is_null_endpoint_text(text.as_bytes()), "{text}");
    }
    for text in ["null:1", "nil", "-", "host:1", "nullable"] {
        assert!(!is_null_endpoint_text(text.as_bytes()), "{text}");
    }
}

#[test]
fn p1_peers_are_equal_when_unwrapped() {
    let peer = |text: &str| PeerAddr::parse(text.as_bytes()).unwrap();
    assert_eq!(peer("[::ffff:10.0.0.1]:6379"), peer("10.0.0.1:6379"));
    assert_eq!(PeerAddr::new(ip("::ffff:10.0.0.1"), 6379), peer("10.0.0.1:6379"));
    assert_eq!(peer("fe80::1%eth0:1"), PeerAddr::new(ip("fe80::1"), 1));
    assert_ne!(peer("10.0.0.1:6379"), peer("10.0.0.1:6380"));
    assert_eq!(peer("[::1]:5").to_string(), "[::1]:5");
    assert_eq!((peer("[::1]:5").ip(), peer("[::1]:5").port()), (ip("::1"), 5));
    assert_eq!(PeerAddr::parse(b"host:1"), Err(EndpointError::BadHost));
    assert_eq!(PeerAddr::parse(b"/tmp/redis.sock"), Err(EndpointError::BadHost));
}

#[test]
fn o4_private_addresses() {
    for private in [
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.0",
        "169.254.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "::1",
        "fe80::",
        "febf:ffff::1",
        "fc00::",
        "fdff::1",
        "::ffff:10.1.2.3",
        "::ffff:100.64.0.1",
    ] {
        assert!(is_private(ip(private)), "{private}");
    }
    for public in [
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "::",
        "::2",
        "fec0::",
        "fe7f::",
        "fbff::",
        "fe00::",
        "2001:db8::1",
        "::ffff:8.8.8.8",
        "0.0.0.0",
    ] {
        assert!(!is_private(ip(public)), "{public}");
    }
}

#[test]
fn o4_the_auto_type() {
    for (peer, tls, ty) in [
        (Some("10.0.0.1"), false, "internal-ip"),
        (Some("10.0.0.1"), true, "internal-fqdn"),
        (Some("::ffff:10.0.0.1"), true, "internal-fqdn"),
        (Some("8.8.8.8"), false, "external-ip"),
        (Some("8.8.8.8"), true, "external-fqdn"),
        (None, false, "external-ip"),
        (None, true, "external-fqdn"),
    ] {
        assert_eq!(EndpointType::auto(peer.map(ip), tls).as_str(), ty);
    }
    for ty in EndpointType::ALL {
        assert_eq!(EndpointType::from_name(&ty.as_str().to_uppercase()), Some(ty));
    }
    assert_eq!(EndpointType::from_name("ip"), None);
}

#[test]
fn h11_the_tls_server_name() {
    for (target, name) in [
        ("10.0.0.1:1", "db.example.com"),
        ("[2001:db8::1]:1", "db.example.com"),
        ("fe80::1%eth0:1", "db.example.com"),
        ("node2.example.com:1", "node2.example.com"),
        ("node2.example.com.:1", "node2.example.com"),
    ] {
        assert_eq!(tls_server_name(&endpoint(target), "db.example.com"), name, "{target}");
    }
}

#[test]
fn s3_the_policy() {
    let configured = "redis-1.c7.cloud.example.com";
    let suffix = EndpointPolicy::Suffix("cloud.Example.com".to_owned());
    let dotted = EndpointPolicy::Suffix(".cloud.example.com.".to_owned());
    let list = EndpointPolicy::list([
        "other.test",
        "port.test:7000",
        ".many.test",
        "10.0.0.0/8",
        "fd00::/8",
        "192.0.2.7",
        "[2001:db8::7]:1",
        "0.0.0.0/32",
    ])
    .unwrap();
    let domain = EndpointPolicy::ConfiguredDomain;
    for (policy, target, allowed) in [
        (&EndpointPolicy::Any, "anything.test:1", true),
        (&suffix, "a.cloud.example.com:1", true),
        (&suffix, "A.CLOUD.EXAMPLE.COM.:1", true),
        (&suffix, "cloud.example.com:1", true),
        (&suffix, "evilcloud.example.com:1", false),
        (&suffix, "cloud.example.com.evil.test:1", false),
        (&suffix, "10.0.0.1:1", false),
        (&dotted, "a.cloud.example.com:1", true),
        (&dotted, "acloud.example.com:1", false),
        (&EndpointPolicy::Suffix(String::new()), "a.test:1", false),
        (&EndpointPolicy::Suffix("1".to_owned()), "10.0.0.1:1", false),
        (&list, "other.test:9", true),
        (&list, "x.other.test:9", false),
        (&list, "port.test:7000", true),
        (&list, "port.test:7001", false),
        (&list, "a.many.test:1", true),
        (&list, "amany.test:1", false),
        (&list, "10.200.0.1:1", true),
        (&list, "::ffff:10.200.0.1:1", true),
        (&list, "11.0.0.1:1", false),
        (&list, "fd12::1:1", true),
        (&list, "fe12::1:1", false),
        (&list, "192.0.2.7:5", true),
        (&list, "192.0.2.8:5", false),
        (&list, "[2001:db8::7]:1", true),
        (&list, "[2001:db8::7]:2", false),
        (&domain, "redis-2.c7.cloud.example.com:1", true),
        (&domain, "redis-2.c8.cloud.example.com:1", false),
        (&domain, "10.0.0.1:1", false),
        // The configured host is always allowed.
        (&list, "redis-1.c7.cloud.example.com:1", true),
        (&EndpointPolicy::List(Vec::new()), "Redis-1.c7.cloud.example.com.:1", true),
    ] {
        assert_eq!(policy.allows(&endpoint(target), configured), allowed, "{policy:?} {target}");
    }
    assert!(domain.allows(&endpoint("x.db.test:1"), "db.test"));
    assert!(!domain.allows(&endpoint("other.test:1"), "db.test"));
    assert!(domain.allows(&endpoint("10.0.0.1:1"), "::ffff:10.0.0.1"));
    assert!(!domain.allows(&endpoint("10.0.0.2:1"), "10.0.0.1"));
    assert!(domain.allows(&endpoint("[::1]:1"), "[::1]"));
    assert!(!domain.allows(&endpoint("fe80::1%b:1"), "fe80::1%a"));
    assert_eq!(EndpointPolicy::default(), EndpointPolicy::Any);
    let everything = EndpointPolicy::list(["0.0.0.0/0"]).unwrap();
    assert!(everything.allows(&endpoint("8.8.8.8:1"), configured));
    assert!(!everything.allows(&endpoint("[::1]:1"), configured));
    for bad in ["10.0.0.0/33", "fd00::/129", "host/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/256"] {
        assert_eq!(ListEntry::parse(bad), Err(EndpointError::BadEntry), "{bad}");
    }
    assert!(
        ListEntry::parse("").is_err() && ListEntry::parse("a b").is_err() && ListEntry::parse(".").is_err()
    );
}

#[test]
fn s4_random_bytes() {
    let mut state = 0x5eed_0004_u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    let alphabet = b"a1f:.[]%-?0 9\xff\0";
    for _ in 0..100_000 {
        let bytes = (0..below(14)).map(|_| alphabet[below(alphabet.len())]).collect::<Vec<_>>();
        if let Ok(read) = Endpoint::parse(&bytes, Some(1)) {
            assert_ne!(read.port, 0);
            assert_eq!(endpoint(&read.to_string()), read, "{}", bytes.escape_ascii());
            let _ = (PeerAddr::parse(&bytes), tls_server_name(&read, "x"));
            assert!(EndpointPolicy::Any.allows(&read, "x"));
        }
    }
}
