"""A driver that sends something else is noticed."""

import unittest

import facts
from tap import commands


def encode(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words)


HELLO = encode("HELLO", "3")
NAME = encode("CLIENT", "SETINFO", "LIB-NAME", "x")
LOAD = encode("INCR", "k")


class Handshake(unittest.TestCase):
    def wrong(self, driver, *chunks):
        return facts.handshake(driver, list(chunks), commands)

    def test_what_the_notes_say_is_accepted(self):
        opt_in = facts.opt_in_bytes("redis-py")
        self.assertEqual(self.wrong("redis-py", HELLO, opt_in, NAME, LOAD), [])
        self.assertEqual(self.wrong("node-redis", HELLO + NAME + facts.opt_in_bytes("node-redis"), LOAD), [])

    def test_the_bytes_of_the_notes(self):
        noted = b"*5\r\n$6\r\nCLIENT\r\n$19\r\nMAINT_NOTIFICATIONS\r\n$2\r\nON\r\n$20\r\nmoving-endpoint-type\r\n$11\r\ninternal-ip\r\n"
        self.assertEqual(facts.opt_in_bytes("redis-py"), noted)

    def test_other_words_or_another_case(self):
        lower = encode("client", "maint_notifications", "on", "moving-endpoint-type", "internal-ip")
        short = encode("CLIENT", "MAINT_NOTIFICATIONS", "ON")
        for words in (lower, short, facts.opt_in_bytes("node-redis")):
            self.assertIn("the opt-in is", self.wrong("redis-py", HELLO, words, LOAD)[0])

    def test_another_place(self):
        opt_in, node = facts.opt_in_bytes("redis-py"), facts.opt_in_bytes("node-redis")
        self.assertIn("does not follow HELLO", self.wrong("redis-py", HELLO, NAME, opt_in, LOAD)[0])
        self.assertIn("round trip", self.wrong("redis-py", HELLO + opt_in, LOAD)[0])
        self.assertIn("not the last", self.wrong("node-redis", HELLO + node + NAME, LOAD)[0])
        self.assertIn("one pipeline", self.wrong("node-redis", HELLO, NAME, node, LOAD)[0])

    def test_none_or_two_or_resp2(self):
        opt_in = facts.opt_in_bytes("redis-py")
        self.assertIn("0 opt-ins", self.wrong("redis-py", HELLO, LOAD)[0])
        self.assertIn("2 opt-ins", self.wrong("redis-py", HELLO, opt_in, opt_in, LOAD)[0])
        self.assertIn("HELLO 3", self.wrong("redis-py", encode("HELLO", "2"), opt_in, LOAD)[0])


if __name__ == "__main__":
    unittest.main()
