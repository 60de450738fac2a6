"""Load through redis-py, one thread or task per key. Lines in: `mark`, `stop`. Lines out: JSON."""

import argparse
import asyncio
import collections
import json
import os
import sys
import threading
import time

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.maint_notifications import EndpointType, MaintNotificationsConfig


class Counts:
    """What happened to the commands, and whether a counter ever said something else than one more."""

    def __init__(self):
        self.lock = threading.Lock()
        self.ok = 0
        self.errors = collections.Counter()

    def note(self, error=None):
        with self.lock:
            if error is None:
                self.ok += 1
            else:
                self.errors[type(error).__name__] += 1

    def say(self):
        with self.lock:
            print(json.dumps({"ok": self.ok, "errors": dict(self.errors), "unhandled": 0}), flush=True)


def settings(options):
    # Nothing that hides a failure: no second try, and a time limit that a held reply exceeds.
    retry_class = redis.asyncio.retry.Retry if options.asyncio else redis.retry.Retry
    kept = {
        "host": options.host,
        "port": options.port,
        "socket_timeout": options.timeout,
        "socket_connect_timeout": options.timeout,
        "retry": retry_class(NoBackoff(), 0),
        "protocol": options.protocol,
    }
    if options.endpoint_type:
        kind = EndpointType(options.endpoint_type)
        kept["maint_notifications_config"] = MaintNotificationsConfig(enabled="auto", endpoint_type=kind)
    return kept


def in_threads(options, counts, stopped):
    client = redis.Redis(**settings(options))
    # A connection for each thread from the start: one that is made while replies are held is not relaxed, and fails.
    pool = client.connection_pool
    for connection in [pool.get_connection() for _ in range(options.workers)]:
        pool.release(connection)

    def load(key):
        while not stopped.is_set():
            try:
                client.incr(key)
                counts.note()
            except (redis.RedisError, OSError) as error:
                counts.note(error)
            time.sleep(options.pause)

    threads = [threading.Thread(target=load, args=(f"k{i}",), daemon=True) for i in range(options.workers)]
    for thread in threads:
        thread.start()
    return threads


def in_tasks(options, counts, stopped):
    started = threading.Event()

    async def load(client, key):
        while not stopped.is_set():
            try:
                await client.incr(key)
                counts.note()
            except (redis.RedisError, OSError) as error:
                counts.note(error)
            await asyncio.sleep(options.pause)

    async def all_of_it():
        client = redis.asyncio.Redis(**settings(options))
        pool = client.connection_pool
        for connection in [await pool.get_connection() for _ in range(options.workers)]:
            await pool.release(connection)
        started.set()
        await asyncio.gather(*(load(client, f"k{i}") for i in range(options.workers)))

    thread = threading.Thread(target=lambda: asyncio.run(all_of_it()), daemon=True)
    thread.start()
    if not started.wait(10):
        raise SystemExit("redis-py asyncio did not connect")
    return [thread]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--protocol", type=int, default=3)
    parser.add_argument("--endpoint-type")
    parser.add_argument("--timeout", type=float, default=0.4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.02)
    parser.add_argument("--asyncio", action="store_true")
    options = parser.parse_args()
    counts, stopped = Counts(), threading.Event()
    (in_tasks if options.asyncio else in_threads)(options, counts, stopped)
    print(json.dumps({"ready": True, "version": redis.__version__}), flush=True)
    for line in sys.stdin:
        if line.strip() == "stop":
            break
        counts.say()
    stopped.set()
    # redis-py leaves timers of maintenance behind that keep an interpreter alive (PY-8).
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
