"""A part that starts at once: it answers /readyz, and says on demand what it is."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in ("/readyz", "/word") else 404)
        self.end_headers()
        self.wfile.write(SETTINGS["word"].encode())

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def finish(*_: object) -> None:
    print('{"event": "stopped"}', flush=True)
    sys.exit(0)


if __name__ == "__main__":
    command, _, file = sys.argv[1:]
    SETTINGS = tomllib.loads(Path(file).read_text())
    if command == "fail":
        print("this", "is why", sep="\n")
        sys.exit(3)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if command == "deaf" else finish)
    with HTTPServer(("127.0.0.1", SETTINGS["port"]), Answers) as server:
        print('{"event": "listening"}', "no JSON", sep="\n", flush=True)
        if "child" in SETTINGS:
            child = subprocess.Popen(["sleep", "600"])
            Path(SETTINGS["child"]).write_text(str(child.pid))
        server.serve_forever()
