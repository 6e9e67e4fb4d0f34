"""A server on loopback that speaks as much of the hub's protocol as a data set download needs."""

import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """The data set `repo` with `files`; large ones (lfs) are redirected as the hub does.

    `drops[path]` holds, for each coming answer, the bytes after which the connection is cut
    (None: not cut). `requests` records (method, path, Range).
    """

    def __init__(self, files: dict[str, bytes], repo: str = "someone/vtab") -> None:
        self.repo, self.files = repo, files
        self.drops: dict[str, list[int | None]] = {}
        self.always_drop: set[str] = set()
        self.wrong_sha: set[str] = set()
        self.status: int | None = None
        self.requests: list[tuple[str, str, str | None]] = []
        self.endpoint = ""

    def ranges(self, path: str) -> list[str | None]:
        """The Range of every GET that was answered with content of `path`."""
        return [r for method, p, r in self.requests if method == "GET" and p == f"cdn:{path}"]

    def tree(self) -> list[dict]:
        entries: list[dict] = [{"type": "directory", "path": "some/folder", "oid": "0" * 40}]
        for path, content in self.files.items():
            entry = {"type": "file", "path": path, "size": len(content), "oid": "0" * 40}
            if len(content) > 2000:
                oid = hashlib.sha256(content).hexdigest()
                oid = "f" * 64 if path in self.wrong_sha else oid
                entry["lfs"] = {"oid": oid, "size": len(content), "pointerSize": 130}
            entries.append(entry)
        return entries


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HandlerOfHub", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        path = urllib.parse.unquote(urllib.parse.urlparse(self.path).path)
        if self.hub.status is not None:
            self.error(self.hub.status, "")
        elif path.startswith(f"/api/datasets/{self.hub.repo}"):
            self.api(path.removeprefix(f"/api/datasets/{self.hub.repo}").strip("/"))
        elif path.startswith(f"/datasets/{self.hub.repo}/resolve/{COMMIT}/"):
            self.resolve(path.split(f"/resolve/{COMMIT}/", 1)[1], body=body)
        elif path.startswith("/cdn/"):
            self.content(path.removeprefix("/cdn/"), body=body)
        else:
            self.error(404, "RepoNotFound")

    def api(self, rest: str) -> None:
        self.hub.requests.append(("GET", f"api:{rest}", None))
        if rest.startswith("tree/"):
            self.document(self.hub.tree())
        elif rest in {"", "revision/main", f"revision/{COMMIT}"}:
            self.document({"id": self.hub.repo, "sha": COMMIT, "siblings": [], "private": False})
        else:
            self.error(404, "RevisionNotFound")

    def resolve(self, path: str, *, body: bool) -> None:
        if path not in self.hub.files:
            self.error(404, "EntryNotFound")
        elif len(self.hub.files[path]) > 2000:
            self.send_response(302)
            self.send_header("Location", f"{self.hub.endpoint}/cdn/{urllib.parse.quote(path)}")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.content(path, body=body)

    def content(self, path: str, *, body: bool) -> None:
        wanted = self.headers.get("Range")
        self.hub.requests.append((self.command, f"cdn:{path}", wanted))
        whole = self.hub.files[path]
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        part = whole[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", f'"{hashlib.sha256(whole).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        self.end_headers()
        if body:
            self.wfile.write(part[: self.cut(path)])
            if self.close_connection:
                self.wfile.flush()

    def cut(self, path: str) -> int | None:
        """Bytes to send before the connection is closed; None for all."""
        if path in self.hub.always_drop:
            limit: int | None = 0
        else:
            limit = self.hub.drops[path].pop(0) if self.hub.drops.get(path) else None
        if limit is not None:
            self.close_connection = True
        return limit

    def document(self, document: object) -> None:
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def error(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
