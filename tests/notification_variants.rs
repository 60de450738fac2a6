//! N1: every form of a notification that was found in the wild, byte for byte. Each row names where the form comes from.
//! A notification is compared as the line that it displays as; a row without defects must have none.

use sch::notification::{self, Defect, Defects, NotificationError, NotificationLimits, Sniff};

fn check(rows: &[(&str, &[u8], &str, &[Defect])]) {
    let limits = NotificationLimits::default();
    for &(row, bytes, expected, defects) in rows {
        let parsed = notification::parse(bytes, &limits).unwrap_or_else(|e| panic!("{row}: {e}"));
        assert_eq!(parsed.notification.to_string(), expected, "{row}");
        assert_eq!(parsed.defects, defects.iter().copied().collect::<Defects>(), "{row}");
        // What follows the frame is not looked at.
        let trailing = [bytes, b">2\r\n+FAILED_OVER\r\n:99\r\n"].concat();
        assert_eq!(notification::parse(&trailing, &limits), Ok(parsed.clone()), "{row}, trailing");
        // Cut anywhere, it is unknown or of the same kind, and never a panic (N2).
        for end in 0..bytes.len() {
            match notification::parse(&bytes[..end], &limits) {
                Ok(cut) => assert_eq!(cut.notification.kind, parsed.notification.kind, "{row}, cut at {end}"),
                Err(NotificationError::Incomplete | NotificationError::BadAttribute) => {}
                Err(NotificationError::NotOurs) => panic!("{row}, cut at {end}"),
            }
        }
        // What the sniffer said once, it goes on saying.
        if bytes[0] == b'>' {
            let mut last = Sniff::NeedMore;
            for end in 0..=bytes.len() {
                let now = notification::sniff(&bytes[..end]);
                assert!(last == Sniff::NeedMore || last == now, "{row}, sniffed at {end}");
                last = now;
            }
            assert_eq!(last, Sniff::Ours(parsed.notification.kind), "{row}");
        }
    }
}

const NONE: &[Defect] = &[];

#[test]
fn n1_moving() {
    check(&[
        (
            "node-redis, cae-resp-proxy",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:2\r\n$6\r\nhost:3\r\n",
            "MOVING seq=1 time=2 endpoint=host:3",
            NONE,
        ),
        (
            "redis-py, address",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:1\r\n+1.2.3.4:6379\r\n",
            "MOVING seq=1 time=1 endpoint=1.2.3.4:6379",
            NONE,
        ),
        (
            "redis-py, null",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:1\r\n_\r\n",
            "MOVING seq=1 time=1 endpoint=null",
            NONE,
        ),
        (
            "redis-py, its comment: the word",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:1\r\n+null\r\n",
            "MOVING seq=1 time=1 endpoint=null",
            NONE,
        ),
        (
            "redis-py proxy helper, all simple",
            b">4\r\n+MOVING\r\n:7\r\n:15\r\n+b.example.com:6379\r\n",
            "MOVING seq=7 time=15 endpoint=b.example.com:6379",
            NONE,
        ),
        (
            "third-party test",
            b">4\r\n+MOVING\r\n:1\r\n:10\r\n_\r\n",
            "MOVING seq=1 time=10 endpoint=null",
            NONE,
        ),
        (
            "go-redis proxy, null",
            b">4\r\n$6\r\nMOVING\r\n:3\r\n:5\r\n_\r\n",
            "MOVING seq=3 time=5 endpoint=null",
            NONE,
        ),
        (
            "go-redis proxy, endpoint",
            b">4\r\n$6\r\nMOVING\r\n:3\r\n:5\r\n$14\r\n127.0.0.1:6380\r\n",
            "MOVING seq=3 time=5 endpoint=127.0.0.1:6380",
            NONE,
        ),
        (
            "go-redis injector, no endpoint element",
            b">3\r\n$6\r\nMOVING\r\n:9\r\n:5\r\n",
            "MOVING seq=9 time=5 endpoint=null",
            NONE,
        ),
        (
            "ioredis, no endpoint element",
            b">3\r\n$6\r\nMOVING\r\n:1\r\n:2\r\n",
            "MOVING seq=1 time=2 endpoint=null",
            NONE,
        ),
        (
            "ioredis, name",
            b">4\r\n$6\r\nMOVING\r\n:17\r\n:15\r\n$19\r\ncache.internal:6380\r\n",
            "MOVING seq=17 time=15 endpoint=cache.internal:6380",
            NONE,
        ),
        (
            "Enterprise 8.6.2: seq 0",
            b">4\r\n$6\r\nMOVING\r\n:0\r\n:15\r\n_\r\n",
            "MOVING seq=0 time=15 endpoint=null",
            NONE,
        ),
        (
            "node-redis, numbers as text",
            b">4\r\n$6\r\nMOVING\r\n$2\r\n17\r\n$2\r\n15\r\n$19\r\n54.78.247.156:12075\r\n",
            "MOVING seq=17 time=15 endpoint=54.78.247.156:12075",
            NONE,
        ),
        (
            "redis-py, IPv6 without brackets",
            b">4\r\n+MOVING\r\n:1\r\n:10\r\n+2001:db8::1:6379\r\n",
            "MOVING seq=1 time=10 endpoint=[2001:db8::1]:6379",
            NONE,
        ),
        (
            "ioredis and go-redis, IPv6 in brackets",
            b">4\r\n+MOVING\r\n:1\r\n:10\r\n+[2001:db8::1]:6379\r\n",
            "MOVING seq=1 time=10 endpoint=[2001:db8::1]:6379",
            NONE,
        ),
        (
            "IPv6 with zone",
            b">4\r\n+MOVING\r\n:1\r\n:10\r\n+fe80::1%eth0:6379\r\n",
            "MOVING seq=1 time=10 endpoint=[fe80::1%eth0]:6379",
            NONE,
        ),
        (
            "Lettuce, the word null as bulk",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$4\r\nnull\r\n",
            "MOVING seq=1 time=15 endpoint=null",
            NONE,
        ),
        (
            "go-redis, <nil>",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$5\r\n<nil>\r\n",
            "MOVING seq=1 time=15 endpoint=null",
            NONE,
        ),
        (
            "RESP2 null bulk",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$-1\r\n",
            "MOVING seq=1 time=15 endpoint=null",
            NONE,
        ),
        (
            "RESP2 null array",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n*-1\r\n",
            "MOVING seq=1 time=15 endpoint=null",
            NONE,
        ),
        (
            "empty bulk",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$0\r\n\r\n",
            "MOVING seq=1 time=15 endpoint=null",
            NONE,
        ),
        (
            "SE.Redis: unknown host",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$6\r\n?:6379\r\n",
            "MOVING seq=1 time=15 endpoint=null",
            NONE,
        ),
        (
            "SE.Redis: port 0",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$6\r\nhost:0\r\n",
            "MOVING seq=1 time=15 endpoint=null",
            NONE,
        ),
        (
            "host without port",
            b">4\r\n$6\r\nMOVING\r\n:1\r\n:15\r\n$6\r\nb.test\r\n",
            "MOVING seq=1 time=15 endpoint=b.test",
            &[Defect::PortMissing],
        ),
        (
            "negative and absurd times are kept as sent",
            b">4\r\n+MOVING\r\n:1\r\n:-4\r\n_\r\n",
            "MOVING seq=1 time=-4 endpoint=null",
            NONE,
        ),
        (
            "surplus elements",
            b">6\r\n+MOVING\r\n:1\r\n:2\r\n+h:3\r\n+more\r\n*1\r\n:1\r\n",
            "MOVING seq=1 time=2 endpoint=h:3",
            NONE,
        ),
        (
            "an attribute in front",
            b"|1\r\n+ttl\r\n:3600\r\n>4\r\n+MOVING\r\n:1\r\n:2\r\n+h:3\r\n",
            "MOVING seq=1 time=2 endpoint=h:3",
            NONE,
        ),
        (
            "a streamed attribute in front",
            b"|?\r\n+ttl\r\n:3600\r\n.\r\n>4\r\n+MOVING\r\n:1\r\n:2\r\n+h:3\r\n",
            "MOVING seq=1 time=2 endpoint=h:3",
            NONE,
        ),
        (
            "an attribute inside",
            b">4\r\n+MOVING\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n+h:3\r\n",
            "MOVING seq=1 time=2 endpoint=h:3",
            NONE,
        ),
        (
            "verbatim strings",
            b">4\r\n=10\r\ntxt:MOVING\r\n:1\r\n:2\r\n=7\r\ntxt:h:3\r\n",
            "MOVING seq=1 time=2 endpoint=h:3",
            NONE,
        ),
        (
            "streamed strings",
            b">4\r\n$?\r\n;3\r\nMOV\r\n;3\r\nING\r\n;0\r\n:1\r\n:2\r\n$?\r\n;1\r\nh\r\n;2\r\n:3\r\n;0\r\n",
            "MOVING seq=1 time=2 endpoint=h:3",
            NONE,
        ),
        (
            "a streamed push",
            b">?\r\n+MOVING\r\n:1\r\n:2\r\n+h:3\r\n.\r\n",
            "MOVING seq=1 time=2 endpoint=h:3",
            NONE,
        ),
        ("doubles", b">4\r\n+MOVING\r\n,1\r\n,2.5\r\n+h:3\r\n", "MOVING seq=1 time=2 endpoint=h:3", NONE),
    ]);
}

#[test]
fn n1_migrating_and_failing_over() {
    check(&[
        ("redis-py, short", b">3\r\n$9\r\nMIGRATING\r\n:1\r\n:10\r\n", "MIGRATING seq=1 time=10", NONE),
        (
            "redis-py proxy helper",
            b">4\r\n+MIGRATING\r\n:5\r\n:10\r\n+1,2\r\n",
            "MIGRATING seq=5 time=10 shards=1,2",
            NONE,
        ),
        (
            "go-redis injector: slot as bulk, no time",
            b">3\r\n$9\r\nMIGRATING\r\n:5\r\n$4\r\n1000\r\n",
            "MIGRATING seq=5 shards=1000",
            NONE,
        ),
        (
            "Lettuce, JSON text",
            b">4\r\n$9\r\nMIGRATING\r\n:1\r\n:15\r\n$13\r\n[\"1\",\"2\",\"3\"]\r\n",
            "MIGRATING seq=1 time=15 shards=1,2,3",
            NONE,
        ),
        (
            "Lettuce, list text",
            b">4\r\n$9\r\nMIGRATING\r\n:1\r\n:15\r\n$5\r\n4,5,6\r\n",
            "MIGRATING seq=1 time=15 shards=4,5,6",
            NONE,
        ),
        (
            "third-party test: array",
            b">4\r\n+MIGRATING\r\n:1\r\n:2\r\n*1\r\n:7\r\n",
            "MIGRATING seq=1 time=2 shards=7",
            NONE,
        ),
        (
            "array of text",
            b">4\r\n+MIGRATING\r\n:1\r\n:2\r\n*3\r\n$1\r\n9\r\n+7\r\n$3\r\n7,8\r\n",
            "MIGRATING seq=1 time=2 shards=7,8,9",
            NONE,
        ),
        (
            "three elements, array",
            b">3\r\n+MIGRATING\r\n:1\r\n*1\r\n:7\r\n",
            "MIGRATING seq=1 shards=7",
            NONE,
        ),
        ("type only, as the shortest of others", b">2\r\n+MIGRATING\r\n:1\r\n", "MIGRATING seq=1", NONE),
        ("null shards", b">4\r\n+MIGRATING\r\n:1\r\n:2\r\n_\r\n", "MIGRATING seq=1 time=2", NONE),
        ("time as text", b">4\r\n+MIGRATING\r\n+1\r\n+2\r\n+3\r\n", "MIGRATING seq=1 time=2 shards=3", NONE),
        (
            "Lettuce: shards as integer",
            b">4\r\n$12\r\nFAILING_OVER\r\n:1\r\n:15\r\n:123\r\n",
            "FAILING_OVER seq=1 time=15 shards=123",
            NONE,
        ),
        ("go-redis injector", b">2\r\n$12\r\nFAILING_OVER\r\n:4\r\n", "FAILING_OVER seq=4", NONE),
        (
            "redis-py, short",
            b">3\r\n$12\r\nFAILING_OVER\r\n:1\r\n:10\r\n",
            "FAILING_OVER seq=1 time=10",
            NONE,
        ),
        (
            "redis-py proxy helper",
            b">4\r\n+FAILING_OVER\r\n:2\r\n:0\r\n+3\r\n",
            "FAILING_OVER seq=2 time=0 shards=3",
            NONE,
        ),
    ]);
}

#[test]
fn n1_migrated_and_failed_over() {
    check(&[
        ("redis-py, short", b">2\r\n$8\r\nMIGRATED\r\n:1\r\n", "MIGRATED seq=1", NONE),
        ("redis-py proxy helper", b">3\r\n+MIGRATED\r\n:6\r\n+1,2\r\n", "MIGRATED seq=6 shards=1,2", NONE),
        (
            "go-redis injector",
            b">3\r\n$8\r\nMIGRATED\r\n:6\r\n$4\r\n1000\r\n",
            "MIGRATED seq=6 shards=1000",
            NONE,
        ),
        ("shards as integer", b">3\r\n+MIGRATED\r\n:6\r\n:1000\r\n", "MIGRATED seq=6 shards=1000", NONE),
        (
            "text shards, then surplus",
            b">4\r\n+MIGRATED\r\n:6\r\n+2\r\n+x\r\n",
            "MIGRATED seq=6 shards=2",
            NONE,
        ),
        ("redis-py and go-redis, short", b">2\r\n$11\r\nFAILED_OVER\r\n:1\r\n", "FAILED_OVER seq=1", NONE),
        ("redis-py proxy helper", b">3\r\n+FAILED_OVER\r\n:8\r\n+4\r\n", "FAILED_OVER seq=8 shards=4", NONE),
        (
            "Lettuce: four elements, integers",
            b">4\r\n$11\r\nFAILED_OVER\r\n:1\r\n:0\r\n:456\r\n",
            "FAILED_OVER seq=1 time=0 shards=456",
            NONE,
        ),
    ]);
}

#[test]
fn n1_smigrating() {
    check(&[
        (
            "redis-py, node-redis, cae-resp-proxy",
            b">3\r\n+SMIGRATING\r\n:12\r\n+123,456,5000-7000\r\n",
            "SMIGRATING seq=12 slots=123,456,5000-7000",
            NONE,
        ),
        (
            "go-redis: one bulk per range",
            b">4\r\n$10\r\nSMIGRATING\r\n:12\r\n$5\r\n1-100\r\n$7\r\n200-300\r\n",
            "SMIGRATING seq=12 slots=1-100,200-300",
            NONE,
        ),
        (
            "array",
            b">3\r\n+SMIGRATING\r\n:12\r\n*2\r\n:7\r\n+9-8190\r\n",
            "SMIGRATING seq=12 slots=7,9-8190",
            NONE,
        ),
        (
            "unordered, overlapping, touching",
            b">3\r\n+SMIGRATING\r\n:12\r\n+9-12,16383,0-4,5,11-14\r\n",
            "SMIGRATING seq=12 slots=0-5,9-14,16383",
            NONE,
        ),
        ("one slot as integer", b">3\r\n+SMIGRATING\r\n:12\r\n:0\r\n", "SMIGRATING seq=12 slots=0", NONE),
    ]);
}

#[test]
fn n1_smigrated() {
    let one = "SMIGRATED seq=12 127.0.0.1:15379>127.0.0.1:15380=123,456,5000-7000";
    check(&[
        ("redis-py, triplets", b">3\r\n+SMIGRATED\r\n:12\r\n*1\r\n*3\r\n+127.0.0.1:15379\r\n+127.0.0.1:15380\r\n+123,456,5000-7000\r\n", one, NONE),
        ("the same in bulks", b">3\r\n$9\r\nSMIGRATED\r\n:12\r\n*1\r\n*3\r\n$15\r\n127.0.0.1:15379\r\n$15\r\n127.0.0.1:15380\r\n$17\r\n123,456,5000-7000\r\n", one, NONE),
        (
            "redis-py, three entries of one source",
            b">3\r\n+SMIGRATED\r\n:14\r\n*3\r\n*3\r\n+127.0.0.1:15379\r\n+127.0.0.1:15380\r\n+123,456,5000-7000\r\n*3\r\n+127.0.0.1:15379\r\n+127.0.0.1:15381\r\n+7000-8000\r\n*3\r\n+127.0.0.1:15379\r\n+127.0.0.1:15382\r\n+8000-9000\r\n",
            "SMIGRATED seq=14 127.0.0.1:15379>127.0.0.1:15380=123,456,5000-7000 127.0.0.1:15379>127.0.0.1:15381=7000-8000 127.0.0.1:15379>127.0.0.1:15382=8000-9000",
            NONE,
        ),
        ("pairs (obsolete): destination and slots", b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*2\r\n+host:6379\r\n+0-5460\r\n", "SMIGRATED seq=1 ?>host:6379=0-5460", NONE),
        ("two pairs", b">3\r\n+SMIGRATED\r\n:1\r\n*2\r\n*2\r\n+a:1\r\n+0-9\r\n*2\r\n+b:1\r\n+10\r\n", "SMIGRATED seq=1 ?>a:1=0-9 ?>b:1=10", NONE),
        ("go-redis proxy accident: destination and slots in one text", b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*2\r\n+a:1\r\n+b:2 0-9,12\r\n", "SMIGRATED seq=1 a:1>b:2=0-9,12", NONE),
        ("go-redis readme: flat", b">8\r\n+SMIGRATED\r\n:1\r\n+a:1\r\n+b:2\r\n+0-9\r\n+a:1\r\n+c:3\r\n+12\r\n", "SMIGRATED seq=1 a:1>b:2=0-9 a:1>c:3=12", NONE),
        ("flat in an array", b">3\r\n+SMIGRATED\r\n:1\r\n*6\r\n+a:1\r\n+b:2\r\n+0-9\r\n+a:1\r\n+c:3\r\n+12\r\n", "SMIGRATED seq=1 a:1>b:2=0-9 a:1>c:3=12", NONE),
        ("HLD, elements", b">6\r\n+SMIGRATED\r\n:93923\r\n+abc.com:6789\r\n+123,789-1000\r\n+abc.com:4545\r\n+1000-2000\r\n", "SMIGRATED seq=93923 ?>abc.com:6789=123,789-1000 ?>abc.com:4545=1000-2000", NONE),
        ("HLD, words in one element", b">3\r\n+SMIGRATED\r\n:93923\r\n+abc.com:6789 123,789-1000 abc.com:4545 1000-2000\r\n", "SMIGRATED seq=93923 ?>abc.com:6789=123,789-1000 ?>abc.com:4545=1000-2000", NONE),
        ("HLD, all in one text", b">1\r\n+SMIGRATED 93923 abc.com:6789 123,789-1000 abc.com:4545 1000-2000\r\n", "SMIGRATED seq=93923 ?>abc.com:6789=123,789-1000 ?>abc.com:4545=1000-2000", NONE),
        ("redis-py, IPv6 without brackets", b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*3\r\n+2001:db8::1:6379\r\n+2001:db8::2:6380\r\n+1\r\n", "SMIGRATED seq=1 [2001:db8::1]:6379>[2001:db8::2]:6380=1", NONE),
        ("third-party test, IPv6 in brackets", b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*3\r\n+[::1]:6379\r\n+[::1]:6380\r\n+1\r\n", "SMIGRATED seq=1 [::1]:6379>[::1]:6380=1", NONE),
        ("an empty array", b">3\r\n+SMIGRATED\r\n:1\r\n*0\r\n", "SMIGRATED seq=1", NONE),
        ("slots in an array", b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*3\r\n+a:1\r\n+b:2\r\n*2\r\n+1-3\r\n:7\r\n", "SMIGRATED seq=1 a:1>b:2=1-3,7", NONE),
        ("one slot as integer", b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*3\r\n+a:1\r\n+b:2\r\n:7\r\n", "SMIGRATED seq=1 a:1>b:2=7", NONE),
        ("a pair with several ranges", b">3\r\n+SMIGRATED\r\n:1\r\n*1\r\n*4\r\n+b:2\r\n+1\r\n+3\r\n+5\r\n", "SMIGRATED seq=1 ?>b:2=1,3,5", NONE),
        ("triplets that are elements themselves", b">4\r\n+SMIGRATED\r\n:1\r\n*3\r\n+a:1\r\n+b:2\r\n+1\r\n*3\r\n+a:1\r\n+c:3\r\n+2\r\n", "SMIGRATED seq=1 a:1>b:2=1 a:1>c:3=2", NONE),
        ("surplus in the triplet and after the list", b">5\r\n+SMIGRATED\r\n:1\r\n*1\r\n*5\r\n+a:1\r\n+b:2\r\n+1\r\n:99\r\n+x\r\n+more\r\n:5\r\n", "SMIGRATED seq=1 a:1>b:2=1", NONE),
        ("everything streamed", b">?\r\n+SMIGRATED\r\n:1\r\n*?\r\n*?\r\n+a:1\r\n+b:2\r\n+1\r\n.\r\n.\r\n.\r\n", "SMIGRATED seq=1 a:1>b:2=1", NONE),
        ("sets for arrays", b">3\r\n+SMIGRATED\r\n:1\r\n~1\r\n*3\r\n+a:1\r\n+b:2\r\n+1\r\n", "SMIGRATED seq=1 a:1>b:2=1", NONE),
    ]);
}

#[test]
fn n2_lettuce_robustness_rows() {
    check(&[
        ("one element", b">1\r\n$11\r\nFAILED_OVER\r\n", "FAILED_OVER", &[Defect::SeqMissing]),
        (
            "[MOVING, slot]",
            b">2\r\n+MOVING\r\n+slot\r\n",
            "MOVING endpoint=null",
            &[Defect::SeqUnreadable, Defect::TimeMissing],
        ),
        (
            "[MOVING, slot, not-a-bytebuffer]",
            b">3\r\n+MOVING\r\n+slot\r\n+not-a-bytebuffer\r\n",
            "MOVING endpoint=null",
            &[Defect::SeqUnreadable, Defect::TimeUnreadable],
        ),
        (
            "endpoint without port",
            b">4\r\n+MOVING\r\n:1\r\n:15\r\n+invalid-address-format\r\n",
            "MOVING seq=1 time=15 endpoint=invalid-address-format",
            &[Defect::PortMissing],
        ),
    ]);
}
