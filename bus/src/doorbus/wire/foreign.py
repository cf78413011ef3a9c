"""Topics of other programs on the same broker. Pure."""

from doorbus.wire.topics import DEFAULT_TOPICS, Topics

_LONGEST = 512


def why_not_foreign(topic: str, topics: Topics = DEFAULT_TOPICS) -> str | None:
    """Why `topic` cannot be another program's: what begins with a wildcard, or as ours do, may cover what is ours.

    None when it can.
    """
    first, *_ = levels = topic.split("/")
    if not topic or len(topic.encode()) > _LONGEST or any(sign in topic for sign in "\0\n\r"):
        return "is no topic"
    if (
        first in {"", "+", "#"}
        or first.startswith("$")
        or first in {one.partition("/")[0] for one in (topics.root, topics.discovery)}
    ):
        return "must begin with a name of another program, such as frigate/"
    if any(set(level) & {"+", "#"} and len(level) > 1 for level in levels) or "#" in levels[:-1]:
        return "is no filter: + and # stand for whole levels, # for the last"
    return None
