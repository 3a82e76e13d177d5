"""A Hugging Face hub on this machine: as much of it as a download needs, and the ways in which one goes wrong."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BLOCK = 1 << 16


class FakeHub:
    """Serves the models in `repositories`: id -> path -> bytes.

    Attributes
    ----------
    gated : set of str
        Ids whose files are refused.
    damaged : set of str
        Paths that arrive with their last byte changed.
    stop_at : int or None
        A file is sent up to this byte; then nothing more comes until `go_on` is set.
    lies : dict
        By path, what the listing says of a file instead of the truth.
    commit : str
        What it says the newest commit is.
    headers : dict
        Headers of files, in place of the true ones.
    requests : list
        (method, path, Range header) of each request for a file.
    """

    def __init__(self):
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.gated: set[str] = set()
        self.damaged: set[str] = set()
        self.lies: dict[str, dict] = {}
        self.commit = COMMIT
        self.headers: dict[str, str] = {}
        self.stop_at = None
        self.stopped = threading.Event()
        self.go_on = threading.Event()
        self.requests: list[tuple[str, str, str | None]] = []
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def fetched(self, method="GET"):
        return [(path, span) for said, path, span in self.requests if said == method]


def is_large(path):
    """Whether git keeps the file elsewhere (LFS), as the hub does with weights."""
    return path.endswith((".safetensors", ".bin"))


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """Say nothing: those who ask are killed in these tests."""


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._answer(with_body=False)

    def do_GET(self):
        self._answer(with_body=True)

    def log_message(self, *_):
        pass

    def _answer(self, with_body):
        path = unquote(urlsplit(self.path).path)
        listing = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/[^/]+)?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path)
        found = listing or file
        files = self.hub.repositories.get(found[1]) if found else None
        if files is None:
            self._refuse(404, "RepoNotFound")
        elif listing:
            about = {"id": found[1], "sha": self.hub.commit, "siblings": []}
            self._json(self._tree(files) if listing[2] == "tree" else about)
        elif found[1] in self.hub.gated:
            self._refuse(403, "GatedRepo")
        elif file[2] not in files:
            self._refuse(404, "EntryNotFound")
        else:
            self.hub.requests.append((self.command, file[2], self.headers.get("Range")))
            self._file(file[2], files[file[2]], with_body)

    def _tree(self, files):
        entries = []
        for path, data in files.items():
            git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 135}
            entry = {"type": "file", "path": path, "size": len(data), "oid": git}
            entries.append(entry | ({"lfs": lfs} if is_large(path) else {}) | self.hub.lies.get(path, {}))
        return entries

    def _file(self, path, data, with_body):
        digest = hashlib.sha256(data).hexdigest() if is_large(path) else hashlib.sha1(data).hexdigest()
        if path in self.hub.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(span[1]) if span else 0
        self.send_response(206 if span else 200)
        told = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest}"'}
        if is_large(path):
            told |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data))}
        for header, value in (told | self.hub.headers).items():
            self.send_header(header, value)
        if span:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if with_body:
            self._send(data, start, may_stop=is_large(path))

    def _send(self, data, start, may_stop):
        for place in range(start, len(data), BLOCK):
            if may_stop and self.hub.stop_at is not None and place >= self.hub.stop_at:
                self.hub.stopped.set()
                self.hub.go_on.wait()
            try:
                self.wfile.write(data[place : min(place + BLOCK, len(data))])
            except OSError:  # whoever asked is gone
                return

    def _json(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", "Refused.")
        self.send_header("Content-Length", "0")
        self.end_headers()
