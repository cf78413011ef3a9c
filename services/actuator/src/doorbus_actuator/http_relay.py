"""A lock that is opened by an HTTP request. Standard library alone."""

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass

from doorbus_actuator.relay import RelayError


@dataclass(frozen=True)
class Call:
    """A POST of `body` to `url`."""

    url: str
    body: str = ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A POST that is sent elsewhere would become a GET there, and carry the token to whoever that is."""

    def redirect_request(self, *_: object) -> None:  # None: it is not followed
        return None


class HttpRelay:
    """Calls `unlock`, and `lock` if there is one: a lock without it must lock by itself.

    A call is tried `retries` times more after an answer of 5xx or none within `timeout` seconds. 2xx is done.
    """

    def __init__(self, unlock: Call, lock: Call | None, *, token: str | None, timeout: float, retries: int) -> None:
        self._unlock = unlock
        self._lock = lock
        self._token = token
        self._timeout = timeout
        self._retries = retries
        self._set_up = False
        self._closed = False
        # Proxies are for the internet, and a lock is not there.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)

    def setup(self) -> None:
        """Lock, if that can be asked for."""
        if self._closed:
            raise RelayError("the relay is closed")
        self._call(self._lock)
        self._set_up = True

    def energise(self) -> None:
        """Unlock."""
        self._require()
        self._call(self._unlock)

    def de_energise(self) -> None:
        """Lock, if that can be asked for."""
        self._require()
        self._call(self._lock)

    def tend(self) -> None:
        """Nothing is ever left over."""

    def close(self) -> None:
        """Lock, if that can be asked for."""
        if self._set_up and not self._closed:
            self._call(self._lock)
        self._closed = True

    def _require(self) -> None:
        if self._closed or not self._set_up:
            raise RelayError("the relay is closed" if self._closed else "the relay is not set up")

    def _call(self, call: Call | None) -> None:
        if call is None:
            return
        for left in range(self._retries, -1, -1):
            try:
                self._post(call)
            except urllib.error.HTTPError as error:
                with error:
                    if left == 0 or error.code < http.client.INTERNAL_SERVER_ERROR:
                        raise RelayError(f"{call.url}: the lock answered {error.code} {error.reason}") from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                if left == 0:
                    why = getattr(error, "reason", error)
                    raise RelayError(f"{call.url}: no answer of the lock ({why})") from None
            else:
                return

    def _post(self, call: Call) -> None:
        kind = "application/json" if call.body.lstrip().startswith(("{", "[")) else "text/plain"
        request = urllib.request.Request(  # noqa: S310  # the settings allow http and https
            call.url, call.body.encode(), {"Content-Type": kind, "User-Agent": "doorbus"}, method="POST"
        )
        if self._token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        with self._opener.open(request, timeout=self._timeout):
            pass
