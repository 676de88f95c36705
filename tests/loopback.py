"""A server on this machine that behaves as badly as the internet does."""

import hashlib
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from leadline.downloads import RemoteFile

CONTENT = bytes(range(256)) * 4000  # 1 MB
HALF = len(CONTENT) // 2
QUICK = {"timeout_s": 0.5, "pause_s": 0.01}
ALL = -1
Behaviour = Callable[[Any, int], None]


class Server:
    """Answers each request with the next of `behaviours` (the last one again and again); remembers the ranges asked."""

    def __init__(self, *behaviours: Behaviour, content: bytes = CONTENT) -> None:
        self.content = content
        self.asked: list[str | None] = []
        waiting = list(behaviours)
        server = self

        class Handler(BaseHTTPRequestHandler):
            content = self.content

            def do_GET(self) -> None:
                asked = self.headers["Range"]
                server.asked.append(asked)
                behave = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                behave(self, int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda request, address: None  # clients that hang up are part of the plan
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def file(self, name: str = "weights.pt", **changes: object) -> RemoteFile:
        facts: dict[str, object] = {
            "url": f"http://127.0.0.1:{self.http.server_port}/{name}",
            "name": name,
            "size_bytes": len(self.content),
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "licence": "CC0-1.0",
        }
        return RemoteFile(**{**facts, **changes})

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def answer(status: int = 200, *, sent: int | None = None, length: int | None = ALL, stall_s: float = 0.0) -> Behaviour:
    """Send the file up to byte `sent`, from wherever the client asked for with 206, else from the start.

    `length` is the size that the server claims: the true one, another, or none.
    """

    def behave(request: Any, start: int) -> None:
        content, start = request.content, start if status == 206 else 0
        claimed = len(content) if length == ALL else length
        request.send_response(206 if start else 200)
        if claimed is not None:
            request.send_header("Content-Length", str(claimed - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        request.end_headers()
        request.wfile.write(content[start:sent])
        request.wfile.flush()
        time.sleep(stall_s)

    return behave


def refuse(status: int) -> Behaviour:
    """Answer with an error."""
    return lambda request, start: request.send_error(status)
