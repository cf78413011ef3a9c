"""Accounts, sessions, tokens and the throttle of the console."""

import resource
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from doorbus.runtime.errors import SetupError
from doorbus.wire.messages import Ask, ErrorCode, LockState, Reason
from doorbus_console import command, passwords, tokens, words
from doorbus_console.fakes import MemoryStore
from doorbus_console.first import FirstAccount
from doorbus_console.rights import LEAST, SCOPES, Level, Right, Scope, Visitor
from doorbus_console.sessions import GRACE, IDLE, LONGEST, ROTATED_AFTER, Sessions
from doorbus_console.settings import Oidc
from doorbus_console.sqlite_store import SqliteStore
from doorbus_console.store import Account, Deed, Passkey, Session, Store, StoreFailed, Token
from doorbus_console.throttle import FREE, LONGEST_SECONDS, MOST, Throttle

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    one = SqliteStore(tmp_path / "console" / "console.db")
    yield one
    one.close()


def test_accounts_tokens_and_sessions_come_back_as_they_were_put(store: Store) -> None:
    accounts = [Account("ada", Level.ADMIN, "hash"), Account("bob", Level.RESIDENT, "other", ("front", "yard"))]
    token = Token("siri", "digest", (Scope.READ, Scope.UNLOCK), NOW)
    session = Session("id", "bob", NOW, NOW + SECOND, 3)

    for account in reversed(accounts):
        store.put_account(account)
    store.put_token(token)
    store.put_session(session)

    assert store.accounts() == tuple(accounts)
    assert store.account("bob") == accounts[1]
    assert store.account("eve") is None
    assert (store.token("digest"), store.token("other")) == (token, None)
    assert (store.session("id"), store.session("other")) == (session, None)


def test_an_account_that_is_removed_takes_its_sessions_along(store: Store) -> None:
    for name in ("ada", "bob"):
        store.put_account(Account(name, Level.RESIDENT, "hash"))
        store.put_session(Session(f"of {name}", name, NOW, NOW))

    store.remove_account("bob")

    assert store.account("bob") is None
    assert store.session("of bob") is None
    assert store.session("of ada") is not None


def test_passkeys_belong_to_accounts_and_go_with_them(store: Store) -> None:
    phone, key = (Passkey(name, "ada", name, b"public", 3, NOW + n * SECOND) for n, name in enumerate(("z", "a")))
    bobs = Passkey("bobs", "bob", "phone", b"public", 0, NOW)
    store.put_account(Account("ada", Level.ADMIN, "hash"))
    for passkey in (key, phone, bobs, replace(key, used=4)):
        store.put_passkey(passkey)

    found = store.passkeys("ada")
    assert (found, store.passkey("a")) == ((phone, replace(key, used=4)), replace(key, used=4))
    assert [store.remove_passkey(name, "z") for name in ("bob", "ada", "ada")] == [False, True, False]
    store.remove_account("ada")
    assert (store.passkeys("ada"), store.passkeys("bob")) == ((), (bobs,))


def test_a_subject_has_one_account_and_goes_with_it(store: Store) -> None:
    ada = Account("ada", Level.ADMIN, "", subject="https://id.example 1")
    store.put_account(Account("ada", Level.ADMIN, ""))
    store.put_account(ada)
    found = (store.account_of("https://id.example 1"), store.account("ada"), store.account_of("1"))
    store.put_account(replace(ada, name="countess"))
    moved = (store.account_of("https://id.example 1"), store.account("ada"))
    store.remove_account("countess")
    store.put_account(Account("countess", Level.RESIDENT, ""))

    assert found == (ada, ada, None)
    assert moved == (replace(ada, name="countess"), replace(ada, subject=None))
    assert store.account_of("https://id.example 1") is None
    assert store.account("countess") == Account("countess", Level.RESIDENT, "")


def test_the_audit_tells_the_newest_first(store: Store) -> None:
    deeds = [Deed(NOW + n * SECOND, "ada", "unlock", f"door {n}", "sent") for n in range(3)]

    for deed in deeds:
        store.note(deed)

    assert store.deeds(2) == (deeds[2], deeds[1])


def test_what_is_on_disk_is_there_after_a_restart_and_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "console" / "console.db"
    first = SqliteStore(path)
    first.put_account(Account("ada", Level.ADMIN, "hash"))
    first.close()

    assert SqliteStore(path).account("ada") == Account("ada", Level.ADMIN, "hash")
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_database_is_a_sentence_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    path.write_text("this is no database, however long it is looked at" * 100)

    with pytest.raises(StoreFailed, match=r"console\.db: "):
        SqliteStore(path).accounts()


def test_a_database_works_again_once_the_disk_does(tmp_path: Path) -> None:
    path = tmp_path / "console.db"
    path.mkdir()
    store = SqliteStore(path)
    with pytest.raises(StoreFailed):
        store.accounts()
    path.rmdir()

    assert store.accounts() == ()
    sqlite3.connect(path).close()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may become larger than a part of what there is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("started", ["before", "on it"])
def test_a_full_disk_keeps_nobody_from_being_known_and_is_told_until_it_has_room(tmp_path: Path, started: str) -> None:
    path, now = tmp_path / "console.db", [0.0]
    store = SqliteStore(path, lambda: now[0])
    store.put_account(Account("ada", Level.ADMIN, "hash"))
    if started == "on it":
        store.close()
        store = SqliteStore(path, lambda: now[0])
    with full_disk():
        if started == "before":
            with pytest.raises(StoreFailed, match="is the disk full"):
                store.note(Deed(NOW, "ada", "unlock", "door front", "sent"))
        known = [store.account("ada") for _ in range(2)]
        told = store.problem()
        now[0] += 60
        still = store.problem()
    now[0] += 60
    healed = store.problem()
    store.put_account(Account("bob", Level.RESIDENT, "hash"))
    other = SqliteStore(path)

    assert known == [Account("ada", Level.ADMIN, "hash")] * 2
    assert told is not None
    assert still is not None
    assert str(path) in told
    assert healed is None
    assert [one.name for one in other.accounts()] == ["ada", "bob"]
    for one in (store, other):
        one.close()


def test_who_signs_out_on_a_full_disk_is_out_and_others_stay_in() -> None:
    store = MemoryStore()
    sessions = Sessions(store, "secret")
    out, stays = sessions.begin("ada", NOW), sessions.begin("bob", NOW)
    store.disk_is_full = True
    sessions.end(out)
    later = NOW + ROTATED_AFTER + SECOND

    assert sessions.known(out, NOW) is None
    assert (known := sessions.known(stays, later)) is not None
    assert known.cookie is None


def test_a_browser_that_signed_in_is_known_until_it_signs_out(store: Store) -> None:
    sessions = Sessions(store, "secret")
    cookie = sessions.begin("ada", NOW)

    known = sessions.known(cookie, NOW + SECOND)
    sessions.end(cookie)

    assert known is not None
    assert (known.session.account, known.cookie) == ("ada", None)
    assert sessions.known(cookie, NOW + SECOND) is None


@pytest.mark.parametrize("cookie", ["", "x", "a.b", "WyJhIiwwXQ.AAAA", "é"])
def test_a_cookie_that_was_not_signed_here_is_nobodys(cookie: str) -> None:
    assert Sessions(MemoryStore(), "secret").known(cookie, NOW) is None


def test_a_cookie_signed_with_another_secret_is_nobodys() -> None:
    store = MemoryStore()

    assert Sessions(store, "one").known(Sessions(store, "another").begin("ada", NOW), NOW) is None


def test_a_cookie_is_exchanged_after_a_while_and_the_old_one_is_good_for_a_moment_only() -> None:
    sessions = Sessions(MemoryStore(), "secret")
    first = sessions.begin("ada", NOW)
    later = NOW + ROTATED_AFTER

    exchanged = sessions.known(first, later)
    assert exchanged is not None
    second = exchanged.cookie

    assert second is not None
    assert sessions.known(first, later + GRACE) is not None
    assert sessions.known(second, later + GRACE) is not None


def test_a_copied_cookie_that_is_shown_later_ends_the_session() -> None:
    sessions = Sessions(MemoryStore(), "secret")
    copied = sessions.begin("ada", NOW)
    exchanged = sessions.known(copied, NOW + ROTATED_AFTER)
    assert exchanged is not None
    assert exchanged.cookie is not None

    assert sessions.known(copied, NOW + ROTATED_AFTER + GRACE + SECOND) is None
    assert sessions.known(exchanged.cookie, NOW + ROTATED_AFTER + GRACE + SECOND) is None


@pytest.mark.parametrize("passed", [IDLE + SECOND, LONGEST + SECOND])
def test_a_browser_that_was_away_for_long_has_to_sign_in_again(passed: timedelta) -> None:
    sessions = Sessions(MemoryStore(), "secret")

    assert sessions.known(sessions.begin("ada", NOW), NOW + passed) is None


def test_the_token_of_a_form_is_good_for_its_session_only() -> None:
    sessions = Sessions(MemoryStore(), "secret")
    known = [sessions.known(sessions.begin("ada", NOW), NOW) for _ in range(2)]
    assert known[0] is not None
    assert known[1] is not None
    one, other = known[0].session, known[1].session

    assert sessions.is_form_token(one, sessions.form_token(one))
    assert not sessions.is_form_token(one, sessions.form_token(other))
    assert not sessions.is_form_token(one, "")


def test_only_the_right_password_matches_and_nobody_has_one() -> None:
    kept = passwords.hashed("correct horse")

    assert kept.startswith("$argon2id$")
    assert passwords.matches("correct horse", kept)
    assert not passwords.matches("correct hors", kept)
    assert not passwords.matches("the password of nobody", None)
    assert not passwords.matches("x", "no hash")


def test_a_token_is_known_by_its_secret_until_it_ends() -> None:
    store = MemoryStore()
    secret = tokens.new(store, "siri", frozenset({Scope.UNLOCK}), NOW + SECOND)

    assert tokens.visitor(store, secret, NOW) == Visitor("token siri", scopes=frozenset({Scope.UNLOCK}))
    assert tokens.visitor(store, secret, NOW + SECOND) is None
    assert tokens.visitor(store, secret + "x", NOW) is None
    assert secret not in repr(store)


def test_a_token_ends_by_another_of_its_name_only_where_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORBUS_VAR", str(tmp_path))
    store = SqliteStore(tmp_path / "console" / "console.db")
    again = ["token", "siri", "--scope", "read"]
    command.main(again)
    first = capsys.readouterr().out.strip()

    with pytest.raises(SetupError, match=r"siri: there is such a token.*--replace"):
        command.main(again)
    kept = tokens.visitor(store, first, NOW)
    command.main([*again, "--replace"])
    second = capsys.readouterr().out.strip()

    assert kept is not None
    assert tokens.visitor(store, first, NOW) is None
    assert tokens.visitor(store, second, NOW) is not None
    store.close()


@given(level=st.sampled_from(Level), right=st.sampled_from(Right))
def test_a_higher_level_may_all_that_a_lower_one_may(level: Level, right: Right) -> None:
    order = list(Level)
    higher = order[order.index(level) :]

    if Visitor("x", level).may(right):
        assert all(Visitor("x", one).may(right) for one in higher)
    assert Visitor("x", LEAST[right]).may(right)


@given(scopes=st.frozensets(st.sampled_from(Scope)), right=st.sampled_from(Right))
def test_a_token_may_what_its_scopes_say_and_administers_never(scopes: frozenset[Scope], right: Right) -> None:
    assert Visitor("token x", scopes=scopes).may(right) is (SCOPES[right] in scopes)
    assert not Visitor("token x", scopes=frozenset(Scope)).may(Right.ADMINISTER)


def test_whoever_fails_often_waits_ever_longer_but_not_for_ever() -> None:
    throttle, waits = Throttle(), []
    for _ in range(30):
        waits.append(throttle.wait(0.0, "ada"))
        throttle.failed(0.0, "ada")

    assert waits[:FREE] == [0.0] * FREE
    assert waits[FREE:] == sorted(waits[FREE:])
    assert waits[-1] == LONGEST_SECONDS
    assert throttle.wait(0.0, "bob") == 0.0
    assert throttle.wait(LONGEST_SECONDS, "ada") == 0.0


def test_who_signs_in_is_free_of_former_failures() -> None:
    throttle = Throttle()
    for _ in range(10):
        throttle.failed(0.0, "ada", "address")
    throttle.succeeded("ada", "address")

    assert throttle.wait(0.0, "ada", "address") == 0.0


@given(keys=st.lists(st.integers(), max_size=50))
def test_a_wait_never_exceeds_the_longest(keys: list[int]) -> None:
    throttle = Throttle()
    for number, key in enumerate(keys):
        throttle.failed(float(number), key)

    assert all(0 <= throttle.wait(float(len(keys)), key) <= LONGEST_SECONDS for key in keys)


def test_failures_of_many_names_do_not_fill_the_memory() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        throttle.failed(0.0, "first")
    for number in range(MOST):
        throttle.failed(1.0, number)

    assert throttle.wait(1.0, "first") == 0.0


def test_the_link_of_the_first_account_is_printed_once_and_ends_when_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = FirstAccount(tmp_path / "console", "http://127.0.0.1:8080")
    first.offer()
    first.offer()
    path = tmp_path / "console" / "first-account"
    link = path.read_text().strip()
    key = link.partition("?key=")[2]

    assert capsys.readouterr().out == f"Make the first account of the console here: {link}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (first.is_key(key), first.is_key(""), first.is_key(key + "x")) == (True, False, False)
    first.used()
    assert not first.is_key(key)


def test_the_command_prints_a_token_alone_on_its_line_and_takes_it_away_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORBUS_VAR", str(tmp_path))

    assert command.main(["token", "siri", "--scope", "unlock", "read"]) == 0
    secret = capsys.readouterr().out.strip()
    store = SqliteStore(tmp_path / "console" / "console.db")
    visitor = tokens.visitor(store, secret, NOW)
    assert command.main(["tokens"]) == 0
    listed = capsys.readouterr().out
    assert command.main(["revoke", "siri"]) == 0

    assert visitor == Visitor("token siri", scopes=frozenset({Scope.UNLOCK, Scope.READ}))
    assert listed == "siri: read unlock, never ends\n"
    assert tokens.visitor(store, secret, NOW) is None
    store.close()


def test_a_link_says_whether_its_account_is_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORBUS_VAR", str(tmp_path))
    assert command.main(["link"]) == 0
    first = capsys.readouterr().out
    store = SqliteStore(tmp_path / "console" / "console.db")
    store.put_account(Account("ada", Level.ADMIN, "hash"))
    store.close()
    assert command.main(["link"]) == 0

    assert first.startswith("Make the first account of the console here: http://")
    assert capsys.readouterr().out.startswith("Make one more admin account of the console here: http://")


def test_the_command_knows_no_other_scopes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORBUS_VAR", str(tmp_path))

    with pytest.raises(SystemExit) as ended:
        command.main(["token", "siri", "--scope", "everything"])

    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"issuer": "http://id.example", "client_id": "x"}, "https://"),
        ({"issuer": "id.example", "client_id": "x"}, "https://"),
        ({"issuer": "https://id.example"}, "client_id"),
        ({"roles": "staff=owner"}, "resident, operator, admin"),
    ],
)
def test_a_provider_that_cannot_be_meant_is_refused_when_it_is_set(wrong: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Oidc(**wrong)


def test_the_clients_secret_may_be_in_a_file_which_is_named_when_it_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    oidc = Oidc(issuer="http://localhost:9", client_id="x", client_secret_file=path)
    with pytest.raises(SetupError, match=f"OIDC__CLIENT_SECRET_FILE={path}: No such file"):
        oidc.secret()
    path.write_text("hush\n")

    assert oidc.secret() == "hush"


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (words.REASONS, Reason),
        (words.ERRORS, ErrorCode),
        (words.STATES, LockState),
        ({Ask.NONE: "", **words.ASKS}, Ask),
    ],
    ids=["reasons", "errors", "states", "asks"],
)
def test_everything_that_can_be_said_has_words_for_residents(told: Mapping[StrEnum, str], known: type[StrEnum]) -> None:
    assert set(told) == set(known)
