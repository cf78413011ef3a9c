"""A camera that answers each HTTP request with one picture."""

import http.client
import ssl
import urllib.error
import urllib.request
from urllib.parse import unquote, urlsplit, urlunsplit

from doorbus.runtime.clock import Clock
from doorbus.wire.codec import Refused
from doorbus_capture.imaging import decode
from doorbus_capture.sources.source import Shot, SourceError

MAX_BYTES = 8 * 1024 * 1024
_CHUNK = 64 * 1024


class SnapshotSource:
    """Asks for a picture at each read. Speaks basic and digest authentication with the user and password of the URL.

    Proxies of the environment are not used: a camera is in the house.
    """

    def __init__(self, url: str, clock: Clock, *, timeout_seconds: float, max_bytes: int = MAX_BYTES) -> None:
        self._url, user, password = _without_credentials(url)
        self._clock = clock
        self._timeout = timeout_seconds
        self._max_bytes = max_bytes
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if user is not None:
            passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
            passwords.add_password(None, self._url, user, password or "")
            handlers.append(urllib.request.HTTPDigestAuthHandler(passwords))
            handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
        self._opener = urllib.request.build_opener(*handlers)

    def open(self) -> None:
        """Nothing: each read is a request of its own."""

    def skip(self) -> bool:
        """Nothing queues up."""
        return False

    def read(self) -> Shot:
        """Ask for a picture.

        Raises:
            SourceError: no answer in time, an answer that is no picture, or one larger than `max_bytes`.
        """
        content, kind = self._fetch()
        captured_at, at = self._clock.now(), self._clock.monotonic()
        try:
            image = decode(content)
        except Refused as refused:
            raise SourceError(
                f"answers with no picture, but {len(content)} bytes of {kind}: {refused.detail}"
            ) from None
        return Shot(image, captured_at, at)

    def close(self) -> None:
        """Nothing is kept open."""
        self._opener.close()

    def _fetch(self) -> tuple[bytes, str]:
        deadline = self._clock.monotonic() + self._timeout
        try:
            with self._opener.open(self._url, timeout=self._timeout) as response:
                content = bytearray()
                while chunk := response.read1(_CHUNK):
                    content += chunk
                    if len(content) > self._max_bytes:
                        raise SourceError(f"sends more than {self._max_bytes} bytes; is it a stream, not a snapshot?")
                    if self._clock.monotonic() > deadline:
                        raise SourceError(f"no whole picture within {self._timeout:g} s")
                return bytes(content), str(response.headers.get_content_type())
        except urllib.error.HTTPError as error:
            error.close()
            hint = "; are user and password right?" if error.code in {401, 403} else ""
            raise SourceError(f"answers with HTTP status {error.code}{hint}") from None
        except TimeoutError:
            raise SourceError(f"no answer within {self._timeout:g} s") from None
        except urllib.error.URLError as error:
            raise SourceError(_reason(error.reason)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceError(_reason(error)) from None


def _reason(error: object) -> str:
    """Why a request failed, without the URL that some of these errors quote."""
    if isinstance(error, TimeoutError):
        return "cannot be reached in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be reached: {error.strerror}"
    return f"does not speak HTTP as it should ({type(error).__name__})"


def _without_credentials(url: str) -> tuple[str, str | None, str | None]:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    plain = urlunsplit((parts.scheme, place, parts.path or "/", parts.query, ""))
    user = None if parts.username is None else unquote(parts.username)
    return plain, user, None if parts.password is None else unquote(parts.password)
