"""Ids made of names that people fill in."""

from collections.abc import Container, Mapping
from http import HTTPStatus

from doorbus.wire.ids import id_of_name
from doorbus_console import words
from doorbus_console.names import Named, free_id, is_taken
from doorbus_console.web.problems import Problem


def id_for(name: str, kind: str = "person") -> str:
    """The id of that name, whoever has it; raises `Problem`."""
    return _made(id_of_name(name, kind))


def new_id_for(name: str, taken: Container[str], kind: str = "person") -> str:
    """An id made of that name that is not taken; raises `Problem`."""
    return _made(free_id(name, taken, kind))


def refuse_taken(name: str | None, others: Mapping[str, Named]) -> None:
    """Raise `Problem` where one of the others is called so."""
    if name and is_taken(name, others):
        raise Problem(HTTPStatus.CONFLICT, "name_taken", words.NAME_TAKEN)


def _made(made: str | None) -> str:
    if made is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_name", words.NO_NAME)
    return made
