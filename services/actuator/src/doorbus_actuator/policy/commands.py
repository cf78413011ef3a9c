"""Commands and one-time passwords that were seen: neither counts twice, and codes cannot be tried out. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from doorbus.wire.messages import LockCommand, Reason
from doorbus.wire.one_time import MEMORY_SECONDS, WRONG_CODES, WRONG_SECONDS
from doorbus_actuator.policy.events import Now
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import MAX_REMEMBERED, State

COMMAND_MEMORY_SECONDS = 600.0


def tries_left(state: State) -> bool:
    """Whether a code is looked at, after the wrong ones of late."""
    return len(state.wrong_codes) < WRONG_CODES


def remember(rules: Rules, state: State, command: LockCommand, reason: Reason | None, now: Now) -> State:
    """Take note of a command that was denied for `reason`, or granted if that is None."""
    at = now.monotonic
    state = remember_id(state, command.id, now)
    if reason is Reason.CODE_WRONG and tries_left(state):
        return replace(state, wrong_codes=(*state.wrong_codes, at))
    if rules.codes is not None and command.code and reason is None:
        return replace(state, codes={**state.codes, command.code: at})
    return state


def remember_id(state: State, id_: str | None, now: Now) -> State:
    """Take note of an id that must not count again."""
    if id_ is None:
        return state
    commands = {**state.commands, id_: now.monotonic}
    if len(commands) > MAX_REMEMBERED:
        commands.pop(next(iter(commands)))
    return replace(state, commands=commands)


def forget(state: State, now: Now) -> State:
    """Drop what is older than it is remembered for."""
    return replace(
        state,
        commands=_since(state.commands, now.monotonic - COMMAND_MEMORY_SECONDS),
        codes=_since(state.codes, now.monotonic - MEMORY_SECONDS),
        wrong_codes=tuple(at for at in state.wrong_codes if at > now.monotonic - WRONG_SECONDS),
    )


def _since(times: Mapping[str, float], oldest: float) -> Mapping[str, float]:
    return {id_: at for id_, at in times.items() if at >= oldest}
