"""From an event to what follows from it. Pure."""

import math
from dataclasses import replace

from doorbus.wire.messages import Action, Credential, Decision, LockCommand, Outcome, Reason, Trigger
from doorbus.wire.plain import plain
from doorbus_actuator.policy import (
    admitted,
    challenge,
    clock,
    commands,
    entries,
    keypads,
    passage,
    quality,
    telling,
    votes,
)
from doorbus_actuator.policy.events import (
    Command,
    Confine,
    Confined,
    DoorMoved,
    Effect,
    Event,
    ExitRequested,
    Grant,
    Lock,
    Now,
    OpeningFailed,
    Presented,
    RosterChanged,
    Sighting,
    Tick,
)
from doorbus_actuator.policy.rules import Rules
from doorbus_actuator.policy.state import State, Step, locked_down
from doorbus_actuator.policy.tables import (
    CODE_RULES,
    COMMAND_RULES,
    EXIT_RULES,
    FACE_TABLE,
    FRAME_TABLE,
    TRIAL_TABLE,
    UNJUDGED,
    UNSEEN_CODE_RULES,
    VIEW_TABLE,
    VOTE_TABLE,
    CodeCase,
    CommandCase,
    ExitCase,
    FaceCase,
    FrameCase,
    first_failing,
)


def decide(rules: Rules, state: State, event: Event, now: Now) -> Step:
    """What follows from `event` at `now`. Every event also does what a `Tick` does."""
    state, effects = _let_time_pass(rules, state, now)
    match event:
        case Sighting():
            state, more = _see(rules, state, event, now)
        case Command(command):
            state, more = _obey(rules, state, command, now)
        case Presented():
            state, more = _hear_code(rules, state, event, now)
        case Confine(lockdown=lockdown):
            state, more = _confine(rules, state, lockdown=lockdown)
        case ExitRequested():
            state, more = _let_out(rules, state, now)
        case DoorMoved(is_open):
            state, more = passage.moved(rules, state, now, is_open=is_open)
        case RosterChanged(people):
            state, more = admitted.revise(keypads.overtaken(state, people), people), ()
        case OpeningFailed(person):
            state, more = admitted.turned_away(entries.undone(passage.locked(state), person), person), ()
        case Tick():
            more = ()
    return state, effects + more


def may_look(rules: Rules, state: State, reader: str, credential: Credential, now: Now) -> bool:
    """Whether it is to be found out whose a code is: what would be refused whosever it is must not tell."""
    return _unseen(rules, state, Presented(reader, credential, looked_at=True), now) is None


def wake_at(state: State) -> float:
    """The monotonic time at which a `Tick` is due."""
    dues = [tally.due for tally in state.tallies.values()]
    if state.trial is not None:
        dues.append(state.trial.expires)
    if state.advice is not None:
        dues.append(state.advice.until)
    if state.clock is not None:
        dues.append(state.clock.monotonic + clock.CLOCK_CHECK_SECONDS)
    return min(dues, default=-math.inf)


def _let_time_pass(rules: Rules, state: State, now: Now) -> Step:
    state = clock.watch(rules, state, now)
    state = votes.forget(rules, state, now)
    state = commands.forget(state, now)
    state = keypads.forget(state, now)
    state = entries.forget(rules, state, now)
    state = admitted.forget(rules, state, now)
    state, told = telling.tell_due(state, now)
    state, ended = challenge.end_due(rules, state, now)
    return state, told + ended


def _see(rules: Rules, state: State, event: Sighting, now: Now) -> Step:
    recognition = event.recognition
    seen_before, same_picture = votes.seen(state, event), votes.same_picture(state, recognition)
    state = votes.remember(state, event, now)
    asked: tuple[Effect, ...] = ()
    frame = (rules, state, now, recognition, seen_before, same_picture)
    largest = quality.largest_of(recognition.faces)
    cases = [FaceCase(*frame, face, largest) for face in recognition.faces]
    if first_failing(FRAME_TABLE, FrameCase(*frame)) is None:
        voting = [case.face for case in cases if first_failing(VOTE_TABLE, case) is None]
        state = votes.cast(rules, state, event, voting, now)
        in_view = [case.face.person for case in cases if first_failing(VIEW_TABLE, case) is None]
        state = admitted.see(state, in_view, now)
        on_trial = [case.face for case in cases if first_failing(TRIAL_TABLE, case) is None]
        state, asked = challenge.look(rules, state, event, visible=on_trial, voting=voting, now=now)
    cases = [
        replace(
            case,
            votes=votes.votes_for(rules, state, event, case.face.person),
            challenge_met=challenge.met(state.trial, event.camera, case.face.person),
        )
        for case in cases
    ]
    state, effects = _judge(rules, state, event, cases, now)
    return state, asked + effects


def _judge(rules: Rules, state: State, event: Sighting, cases: list[FaceCase], now: Now) -> Step:
    effects: tuple[Effect, ...] = ()
    judged = [(case, first_failing(FACE_TABLE, case)) for case in cases]
    judged = [(case, reason) for case, reason in judged if not admitted.settled(state, case.face.person, reason)]
    winners = [case for case, reason in judged if reason is None]
    if winners:
        winner = max(winners, key=lambda case: case.face.confidence)
        decision = _decision_of(winner, event.camera, Outcome.GRANTED, Reason.MATCHED)
        state, effects = _grant(rules, state, decision, rules.unlock_seconds, now)
        people = [case.rights.person for case in winners]
        state = entries.enter(rules, admitted.admit(rules, state, people, now), people, now)
    for case, reason in judged:
        if len(case.votes) >= rules.votes_needed:
            state = telling.withdraw(state, [(Reason.AWAITING_VOTES, case.face.person, Trigger.FACE)])
        if reason is None:
            continue
        if reason is Reason.AWAITING_CHALLENGE and state.trial is None and not winners:
            state, asked = challenge.begin(rules, state, event, case.rights.person, now)
            effects += asked
        if reason in UNJUDGED and case.person is not None and not winners:
            state, asked = challenge.step_back(state, event.camera, now)
            effects += asked
        if winners and reason in (Reason.AWAITING_VOTES, Reason.AWAITING_CHALLENGE):
            continue
        decision = _decision_of(case, event.camera, Outcome.DENIED, reason)
        if reason is Reason.CODE_NEEDED:
            state = keypads.owe(rules, state, decision, now)
        state, told = telling.deny(rules, state, decision, now)
        effects += told
    return state, effects


def _decision_of(case: FaceCase, camera: str, outcome: Outcome, reason: Reason) -> Decision:
    return Decision(
        outcome=outcome,
        reason=reason,
        trigger=Trigger.FACE,
        at=case.now.wall,
        person=case.face.person,
        confidence=case.face.confidence,
        camera=camera,
        frame_ids=case.votes or (case.recognition.frame_id,),
    )


def _grant(rules: Rules, state: State, decision: Decision, seconds: float, now: Now) -> Step:
    commanded, coded = decision.trigger is Trigger.COMMAND, decision.trigger is Trigger.CREDENTIAL
    asked = min(seconds, rules.longest_hold if commanded else rules.max_hold_seconds)
    seconds = min(asked, passage.room(rules, state, now))
    until = now.monotonic + max(rules.cooldown_seconds, min(seconds, rules.max_hold_seconds))
    if not commanded:  # who comes in while the door is held open does not shut it
        asked = seconds = max(seconds, passage.left(state, now))
    waiting = (Reason.AWAITING_VOTES, Reason.AWAITING_CHALLENGE)
    state = telling.withdraw(state, [key for key in state.tallies if key[0] in waiting])
    state, counted = telling.tell_counted(state, now)
    effects: tuple[Effect, ...] = (*counted, Grant(seconds, decision.model_copy(update={"seconds": seconds})))
    if state.trial is not None or state.advice is not None:
        effects += (challenge.NOTHING_ASKED,)
    granted = replace(
        passage.unlocked(rules, state, asked, now),
        cooldown_until=until,
        commanded_until=until if commanded else state.commanded_until,
        rested_until=now.monotonic + rules.cooldown_seconds,
        coded_until=until if coded else state.coded_until,
        ballots={},
        trial=None,
        advice=None,
        failures=state.failures if commanded or coded else 0,
    )
    return granted, effects


def _confine(rules: Rules, state: State, *, lockdown: bool) -> Step:
    """Begin or end a lockdown. A door under way is locked, and nothing that was done before counts after it."""
    state = replace(state, lockdown=lockdown)
    told = Confined(locked_down(rules, state))
    if not told.lockdown:
        return state, (told,)
    asked: tuple[Effect, ...] = () if state.trial is None else (challenge.NOTHING_ASKED,)
    return replace(passage.locked(state), ballots={}, trial=None, owed={}), (Lock(), told, *asked)


def _unseen(rules: Rules, state: State, event: Presented, now: Now) -> Reason | None:
    return first_failing(UNSEEN_CODE_RULES, CodeCase(rules, state, now, event, one_time=False, whose=None))


def _hear_code(rules: Rules, state: State, event: Presented, now: Now) -> Step:
    if _unseen(rules, state, event, now) is not None:
        event = replace(event, looked_at=False, match=None)
    code, codes, match = event.credential.code, rules.codes, event.match
    one_time = False
    if match is None and event.looked_at and state.owed and codes is not None and commands.tries_left(state):
        one_time = codes.valid(code, now.wall)
    whose = next(reversed(list(state.owed))) if one_time else None if match is None else match.person
    reason = first_failing(CODE_RULES, CodeCase(rules, state, now, event, one_time, whose))
    owed = None if whose is None else state.owed.get(whose)
    state = commands.remember_id(state, keypads.id_of(event), now)
    if reason is Reason.CODE_WRONG:
        state = keypads.wrong(rules, state, event.reader, now)
    decision = keypads.decision_of(event, whose, reason, owed, now)
    if reason is not None or whose is None:
        return telling.deny(rules, state, decision, now)
    if one_time:
        state = replace(state, codes={**state.codes, code: now.monotonic})
    state = telling.withdraw(state, [(Reason.CODE_NEEDED, whose, Trigger.FACE)])
    state, effects = _grant(rules, keypads.paid(state, whose), decision, rules.unlock_seconds, now)
    state = entries.enter(rules, state, [whose], now)
    return (state if owed is None else admitted.admit(rules, state, [whose], now)), effects


def _let_out(rules: Rules, state: State, now: Now) -> Step:
    if not rules.exit_unlocks:
        return state, ()
    reason = first_failing(EXIT_RULES, ExitCase(rules, state))
    if reason is not None:
        return telling.deny(rules, state, passage.exit_decision(reason, now), now)
    return passage.let_out(rules, state, now)


def _obey(rules: Rules, state: State, command: LockCommand, now: Now) -> Step:
    if command.action is Action.LOCK:
        return passage.locked(state), (Lock(),)
    reason = first_failing(COMMAND_RULES, CommandCase(rules, state, now, command))
    state = commands.remember(rules, state, command, reason, now)
    decision = Decision(
        outcome=Outcome.GRANTED if reason is None else Outcome.DENIED,
        reason=reason or Reason.COMMANDED,
        trigger=Trigger.COMMAND,
        at=now.wall,
        by=None if command.by is None else plain(command.by),
        command_id=command.id,
    )
    if reason is None:
        return _grant(rules, state, decision, command.seconds or rules.unlock_seconds, now)
    return telling.deny(rules, state, decision, now)
