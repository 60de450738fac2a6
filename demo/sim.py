"""Starts sch-sim, speaks to it, stops it."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request

from clients import TOP

# The one that cargo's tests have, unless named.
SIM = os.environ.get("SCH_SIM") or os.path.join(TOP, "target/debug/sch-sim")


class Sim:
    def __init__(self, binary, endpoints, upstream=None, server="software", tls=False, seconds=120, extra=()):
        command = [binary, "serve", "--exit-with-stdin", "--max-seconds", str(seconds), "--server", server]
        for endpoint in endpoints:
            command += ["--endpoint", endpoint + (",tls" if tls else "")]
        if upstream:
            command += ["--upstream", upstream]
        command += extra
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("sch-sim did not start; its error is above")
        self.ready = json.loads(line)
        self.endpoints = {e["name"]: e for e in self.ready["endpoints"]}
        self.start = time.monotonic()

    def begin(self, lead=0.0):
        """The row begins `lead` seconds from now."""
        self.start = time.monotonic() + lead
        self.at(0)

    def at(self, seconds):
        """Waits until `seconds` after the start of the load."""
        time.sleep(max(0.0, self.start + seconds - time.monotonic()))

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://{self.ready['http']}{path}", data=data, method=method, headers={"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path} {body}: {error.code} {error.read().decode()}") from error

    def post(self, what, **body):
        return self.request("POST", f"/v1/{what}", body)

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
