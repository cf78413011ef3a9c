"""Asks a camera by HTTP, as its user, by the one rule for certificates. The only module that knows httpx.

Proxies of the environment are not used: a camera is in the house. Each request has a connection of its own, because
there are cameras that answer one only.
"""

import ssl
from collections.abc import Generator, Iterator
from contextlib import suppress
from urllib.parse import unquote, urlsplit

import httpx

from doorbus_capture.sources import challenges
from doorbus_capture.sources.source import PictureMissed, SourceError
from doorbus_capture.sources.trust import Trust, complaint

_HEADERS = {"User-Agent": "doorbus", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}
_MOST_REDIRECTS = 5
_UNAUTHORIZED = frozenset({401, 403})
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Garbled(SourceError):  # noqa: N818  # what the answer is
    """The other side answers with something that is not HTTP as it should be."""


class Answer:
    """An answer with status 200, whose body comes piece by piece."""

    def __init__(self, response: httpx.Response, seconds: float) -> None:
        self._response = response
        self._seconds = seconds
        kind: str = response.headers.get("content-type", "")
        self.kind = kind.partition(";")[0].strip().lower() or "no type"
        """What it says that it is, such as `image/jpeg`."""
        self.endless = "content-length" not in response.headers
        """Whether it does not say how long it is."""

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes; ends where it breaks off, too, because cameras announce wrong lengths.

        Raises:
            SourceError: nothing comes any more.
            PictureMissed: the connection is lost.
        """
        try:
            yield from self._response.iter_bytes()
        except httpx.RemoteProtocolError:
            return
        except httpx.TimeoutException:
            raise SourceError(f"no more data within {self._seconds:g} s") from None
        except httpx.HTTPError as error:
            raise PictureMissed(f"breaks off: {_reason(error)}") from None

    def close(self) -> None:
        """Hang up. Closing twice is fine."""
        self._response.close()


class Web:
    """One address at a camera, asked with the user and password in it."""

    def __init__(self, url: str, trust: Trust, timeout_seconds: float) -> None:
        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
        self._url = httpx.URL(parts._replace(netloc=place, path=parts.path or "/", fragment="").geturl())
        self._trust = trust
        self._seconds = timeout_seconds
        self._auth = None if parts.username is None else _Auth(unquote(parts.username), unquote(parts.password or ""))
        self._client: httpx.Client | None = None

    def ask(self) -> Answer:
        """Ask once.

        Raises:
            SourceError: it cannot be reached, is not believed, or does not let the user in.
            Garbled: it does not speak HTTP as it should.
            PictureMissed: it answers with another status than 200, or hangs up.
        """
        url = self._url
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._send(url)
            if response.next_request is None:
                return self._judged(response)
            response.close()
            url = self._further(url, response.next_request.url)
        raise SourceError("leads from one address to the next without an end")

    def close(self) -> None:
        """Let go of everything. Closing twice is fine."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def _send(self, url: httpx.URL) -> httpx.Response:
        if self._client is None:
            self._client = httpx.Client(
                verify=self._trust.context(), trust_env=False, timeout=self._seconds, headers=_HEADERS
            )
        auth = self._auth if url.host == self._url.host else None
        try:
            return self._client.send(self._client.build_request("GET", url), auth=auth, stream=True)
        except httpx.TimeoutException:
            raise SourceError(f"no answer within {self._seconds:g} s") from None
        except httpx.ConnectError as error:
            raise SourceError(self._refusal(error, url)) from None
        except httpx.InvalidURL:
            raise SourceError("leads to an address that is none") from None
        except httpx.RemoteProtocolError as error:
            raise _protocol_error(error) from None
        except httpx.HTTPError as error:
            raise PictureMissed(f"hangs up: {_reason(error)}") from None

    def _further(self, url: httpx.URL, further: httpx.URL) -> httpx.URL:
        """Where a redirect from `url` leads, if it may be followed."""
        if further.scheme not in _DEFAULT_PORTS or not further.host:
            raise SourceError(f"leads to {further.scheme}://, which is not HTTP")
        if url.scheme == "https" and further.scheme == "http" and self._trust.checked:
            raise SourceError("leads from https:// to http://, where nobody can tell whose pictures they are")
        return further.copy_with(userinfo=b"")

    def _judged(self, response: httpx.Response) -> Answer:
        status = response.status_code
        if status == httpx.codes.OK:
            return Answer(response, self._seconds)
        response.close()
        if status not in _UNAUTHORIZED:
            raise PictureMissed(f"answers with HTTP status {status}")
        offered = challenges.challenges(response.headers.get_list("www-authenticate"))
        if offered and not any(each.strength >= 0 for each in offered):
            names = ", ".join(f"{each.scheme} {each.algorithm}".strip() for each in offered)
            raise SourceError(f"answers with HTTP status {status} and asks for what is not known here: {names}")
        raise SourceError(f"answers with HTTP status {status}; are user and password right?")

    def _refusal(self, error: httpx.ConnectError, url: httpx.URL) -> str:
        cause = _cause(error)
        if isinstance(cause, ssl.SSLError):
            server = (url.host, url.port or _DEFAULT_PORTS[url.scheme])
            return complaint(cause, server, self._seconds)
        return f"cannot be reached: {_reason(error)}"


class _Auth(httpx.Auth):
    """Answers the best of the challenges, and shows the same without being asked from then on."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._known: httpx.Auth | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """What to send, given what came back."""
        if self._known is not None:
            request = next(self._known.auth_flow(request))
        response = yield request
        best = challenges.best(response.headers.get_list("www-authenticate"))
        if response.status_code != httpx.codes.UNAUTHORIZED or best is None:
            return
        if best.scheme == challenges.BASIC:
            if isinstance(self._known, httpx.BasicAuth):
                return
            self._known = httpx.BasicAuth(self._user, self._password)
            yield next(self._known.auth_flow(request))
            return
        self._known = httpx.DigestAuth(self._user, self._password)
        flow = self._known.auth_flow(request)
        next(flow)
        # Of the challenges the library would take the first of its kind, which is rarely the best.
        response.headers["www-authenticate"] = best.text
        with suppress(StopIteration):
            yield flow.send(response)


def _protocol_error(error: httpx.RemoteProtocolError) -> SourceError:
    if "without sending a response" in str(error):
        return PictureMissed("hangs up without an answer, or does not speak HTTP as it should")
    return Garbled("does not speak HTTP as it should")  # the error quotes what came


def _reason(error: httpx.HTTPError) -> str:
    """Why a request failed, in words that quote neither the URL nor what came."""
    cause = _cause(error)
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return type(error).__name__


def _cause(error: BaseException) -> BaseException:
    """What is at the bottom of an error."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error
