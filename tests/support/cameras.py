"""Cameras in the network, as far as HTTP goes: real servers on the loopback that answer as a test says."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from doorbus.runtime.clock import SystemClock
from doorbus_capture.sources.address import parse
from doorbus_capture.sources.factory import Options, maker
from doorbus_capture.sources.source import Source

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def web_camera(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A camera on the loopback that answers each GET with `answer`; its address as host:port."""

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            if tls is not None:  # not while connections are accepted: others would have to wait
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            try:
                super().finish()
            finally:
                if tls is not None:
                    self.request.close()  # the server itself knows the socket beneath it only

        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Somebody hung up, or did not believe the certificate: then this camera is no longer listened to."""

    server = Server(("127.0.0.1", 0), Handler)
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(request: BaseHTTPRequestHandler, content: bytes, kind: str = "image/jpeg") -> None:
    """Answer with this, as a server should."""
    request.send_response(200)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def part(
    jpeg: bytes, head: str = "Content-Type: image/jpeg\r\nContent-Length: {}\r\n", boundary: str = "frame"
) -> bytes:
    """One part of a multipart stream; braces in `head` stand for its length."""
    return f"--{boundary}\r\n{head.format(len(jpeg))}\r\n".encode() + jpeg + b"\r\n"


@contextmanager
def opened(url: str, options: Options) -> Iterator[Source]:
    """The source that `url` names, open; closed at the end whatever happens."""
    make = maker(parse(url), options, SystemClock())
    assert make is not None
    source = make()
    try:
        source.open()
        yield source
    finally:
        source.close()
