"""Which of the ways to show a password that a server offers is the best one that we know (RFC 9110, RFC 7616). Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.request import parse_http_list, parse_keqv_list

BASIC, DIGEST = "basic", "digest"
_ALGORITHMS = ("MD5", "SHA", "SHA-256", "SHA-512")
"""Of digest, weakest first; each also as a session's."""
_BEGIN = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)(?: +(?!=)(.*))?", re.DOTALL)
"""A scheme, and perhaps the first of its parameters; a parameter alone has a = behind its name."""


@dataclass(frozen=True)
class Challenge:
    """One way to show a password."""

    scheme: str
    """In lower case."""
    text: str
    """As a header of its own would have it."""
    algorithm: str = ""

    @property
    def strength(self) -> int:
        """The more the better; negative where it is not known here."""
        if self.scheme == BASIC:
            return 0
        algorithm = self.algorithm.upper().removesuffix("-SESS")
        known = self.scheme == DIGEST and algorithm in _ALGORITHMS
        return 1 + _ALGORITHMS.index(algorithm) if known else -1


def best(headers: Iterable[str]) -> Challenge | None:
    """The strongest that is known of those in all WWW-Authenticate headers; None when there is none."""
    known = [each for each in challenges(headers) if each.strength >= 0]
    return max(known, key=lambda each: each.strength, default=None)


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """What is offered, in its order; a header may hold several."""
    found: list[tuple[str, list[str]]] = []
    for item in (item for header in headers for item in parse_http_list(header)):
        begin = _BEGIN.fullmatch(item)
        if begin is not None:
            found.append((begin[1], [begin[2]] if begin[2] else []))
        elif found:
            found[-1][1].append(item)
    return [_challenge(scheme, parameters) for scheme, parameters in found]


def _challenge(scheme: str, parameters: list[str]) -> Challenge:
    named = {
        name.strip().lower(): value for name, value in parse_keqv_list([p for p in parameters if "=" in p]).items()
    }
    algorithm = named.get("algorithm", "MD5").strip() if scheme.lower() == DIGEST else ""
    ways = {way.strip().lower() for way in named.get("qop", "auth").split(",")}
    if scheme.lower() == DIGEST and ("auth" not in ways or not {"realm", "nonce"} <= set(named)):
        algorithm = "unknown"  # only for a hash of the body, or no challenge at all
    return Challenge(scheme.lower(), f"{scheme} {', '.join(parameters)}", algorithm)
