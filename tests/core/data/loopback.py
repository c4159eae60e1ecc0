"""A server on this computer that does to a download whatever a test asks for.

    with FaultyServer(cut(300), serve(DATA)) as server:
        ...fetch server.url...

Each request is answered by the next fault, the last one for ever; `server.ranges` are the ranges asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Fault = Callable[[BaseHTTPRequestHandler], None]


class FaultyServer:
    """Answers on 127.0.0.1 until it is left; a stalled answer ends then as well."""

    def __init__(self, *faults: Fault):
        self.faults = list(faults)
        self.ranges: list[str | None] = []
        self.left = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                owner.ranges.append(self.headers.get("Range"))
                fault = owner.faults.pop(0) if len(owner.faults) > 1 else owner.faults[0]
                self.left = owner.left
                fault(self)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # waited for, so that no socket is left to the collector
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/ada.conll"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> FaultyServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.left.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _head(handler: BaseHTTPRequestHandler, code: int, **headers: object) -> None:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()


def serve(data: bytes, *, ranges: bool = True, declared: bool = True, total: int | None = None) -> Fault:
    """Send the file; `ranges` False ignores what was asked for, `declared` False tells no length."""

    def answer(handler):
        asked = handler.headers.get("Range")
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and ranges else 0
        if asked and ranges and begin >= len(data):
            return _head(handler, 416, Content_Range=f"bytes */{len(data)}")
        length = {"Content_Length": len(data) - begin} if declared else {}
        if asked and ranges:
            _head(handler, 206, Content_Range=f"bytes {begin}-{len(data) - 1}/{total or len(data)}", **length)
        else:
            _head(handler, 200, **length)
        handler.wfile.write(data[begin:])

    return answer


def cut(data: bytes, after: int, *, stalls: bool = False) -> Fault:
    """Promise the whole file, send `after` more bytes of it, then hang up; or say nothing more."""

    def answer(handler):
        asked = handler.headers.get("Range")
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        headers = {"Content_Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"} if asked else {}
        _head(handler, 206 if asked else 200, Content_Length=len(data) - begin, **headers)
        handler.wfile.write(data[begin : begin + after])
        handler.wfile.flush()
        if stalls:
            handler.left.wait(30)

    return answer


def silence(handler: BaseHTTPRequestHandler) -> None:
    """Not even a status line."""
    handler.left.wait(30)


def refuse(code: int) -> Fault:
    """An error, with the page that servers send along."""

    def answer(handler):
        _head(handler, code, Content_Type="text/html", Content_Length=len(PAGE))
        handler.wfile.write(PAGE)

    return answer


PAGE = b"<!DOCTYPE html><html><body>Please sign in</body></html>"


def page(kind: str = "text/html", content: bytes = PAGE, *, declared: bool = True) -> Fault:
    """A web page that says it is a success."""

    def answer(handler):
        _head(handler, 200, Content_Type=kind, **({"Content_Length": len(content)} if declared else {}))
        handler.wfile.write(content)

    return answer


def redirect(url: str, code: int = 302) -> Fault:
    """Send on to another address."""
    return lambda handler: _head(handler, code, Location=url, Content_Length=0)
