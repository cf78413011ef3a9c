"""The sentences of the enroller on pages in German."""

import ast
import gettext
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import doorbus.runtime
import doorbus.wire
import doorbus_enroller
from doorbus.wire.kinds import not_a_jpeg
from doorbus_console.sentences import SENTENCES, translated
from doorbus_console.web.rendering import PACKAGE

GERMAN = gettext.translation("console", PACKAGE / "locale", ["de"]).gettext
ENGLISH = re.compile("[a-z]{3}")
PLACE = re.compile(r"%\((\w+)\)s")
ENROLLER, WIRE, RUNTIME = (Path(one.__path__[0]) for one in (doorbus_enroller, doorbus.wire, doorbus.runtime))
FILES = (
    *sorted(path for path in ENROLLER.rglob("*.py") if path.stem != "fakes"),
    *(WIRE / f"{name}.py" for name in ("credentials", "holidays", "hours", "jpeg", "kinds", "segments")),
    WIRE / "messages" / "base.py",
    RUNTIME / "arrivals.py",
    PACKAGE / "web" / "forms.py",
)
RAISED = {
    "ValueError",
    "CodeError",
    "HoursError",
    "HolidaysError",
    "LibraryMissingError",
    "StorageFailed",
    "NotSupportedError",
}
PICTURES = {"EMPTY", "NOT_A_PICTURE", "TRUNCATED", "TOO_LARGE", "TOO_MUCH_WORK"}
"""Why a picture is refused; what else is wrong with a message is told in words for programmers."""
RETURNED = {"too_simple", "_where", "_count", "_names", "_explanation", "_codes", "_doors", "_times", "_hours"}
TABLES = {"_UNUSABLE", "_REFUSED", "_WAYS_OUT", "_DAMAGED"}
"""Constants whose texts are sentences."""
EXAMPLES = {"_EXAMPLE", "_EXAMPLES"}
"""What is the same in all languages."""
KINDS = tuple(
    not_a_jpeg(content) for content in (b"", b"\x89PNG", b"RIFF\0\0\0\0WEBP", b"\0\0\0\0ftypheic", b"\0\0\0\0ftypavif")
)
Names = Mapping[str, Sequence[ast.expr]]


def texts(node: ast.expr, names: Names) -> list[str]:
    """All that an expression may say, with what it says of its own in angles."""
    found = [f"\u27e8{ast.unparse(node)}\u27e9"]
    match node:
        case ast.Constant(value=str(text)):
            found = [text]
        case ast.FormattedValue(value=value):
            found = texts(value, names)
        case ast.JoinedStr(values=values):
            found = ["".join(parts) for parts in product(*(texts(each, names) for each in values))]
        case ast.IfExp(body=body, orelse=other):
            found = [*texts(body, names), *texts(other, names)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            found = ["".join(parts) for parts in product(texts(left, names), texts(right, names))]
        case ast.Name(id=name) if name in names:
            others = {other: values for other, values in names.items() if other != name}
            found = [text for each in names[name] for text in texts(each, others)]
    return found


def assigned(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """The values of names that texts may come from."""
    names: dict[str, list[ast.expr]] = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() | ast.JoinedStr() | ast.IfExp() as value):
                names.setdefault(name, []).append(value)
    return names


def said(path: Path) -> Iterator[str]:
    """The sentences in a module."""
    tree = ast.parse(path.read_text())
    constants = {name: values for name, values in assigned(tree.body).items() if name not in EXAMPLES}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)) if name in TABLES:
                yield from in_table(statement, constants)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for where in (*functions, *(node for node in tree.body if isinstance(node, ast.Assign))):
        names = {**constants, **assigned(ast.walk(where))}
        for node in ast.walk(where):
            yield from (text for one in sentences(node, getattr(where, "name", "")) for text in texts(one, names))


def in_table(table: ast.stmt, names: Names) -> Iterator[str]:
    """The texts in a table."""
    composed = [node for node in ast.walk(table) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in composed for part in node.values}
    for node in ast.walk(table):
        if id(node) not in parts and isinstance(node, ast.Constant | ast.JoinedStr):
            yield from texts(node, names)


def sentences(node: ast.AST, function: str) -> Iterator[ast.expr]:
    """What a node of a module says to people."""
    match node:
        case ast.Call(func=ast.Name(id="Fault"), keywords=keywords):
            yield from (each.value for each in keywords if each.arg == "message")
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first]) if name in RAISED:
            yield first
        case ast.Call(func=ast.Name(id="Problem"), args=[_, _, detail]):
            yield detail
        case ast.Call(func=ast.Name(id="_too_large"), args=[detail]):
            yield detail
        case ast.Call(func=ast.Name(id="Refused"), args=[ast.Attribute(attr=reason), detail]) if reason in PICTURES:
            yield detail
        case ast.Assign(targets=[ast.Name(id="doubt")], value=value):
            yield value
        case ast.List(elts=elements) if function == "advice":
            yield from elements
        case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value) if function in RETURNED:
            yield value


def bare(text: str) -> str:
    """What of a text is neither a place of its own nor a mark."""
    return re.sub("\u27e8.*?\u27e9", "", text)


SAID = sorted({text for path in FILES for text in said(path) if ENGLISH.search(bare(text))} | {*KINDS})


def marked(sentence: str) -> str:
    """A sentence as if it were translated: its places behind a mark."""
    return "\u00b7" + "".join(f"%({place})s" for place in PLACE.findall(sentence))


@pytest.mark.parametrize("text", SAID)
def test_whatever_the_enroller_may_say_is_a_sentence_that_is_known(text: str) -> None:
    assert not ENGLISH.search(bare(translated(text, marked)))


@pytest.mark.parametrize("sentence", SENTENCES)
def test_every_sentence_is_there_in_german_with_the_same_places(sentence: str) -> None:
    german = GERMAN(sentence)

    assert german != sentence
    assert {*PLACE.findall(german)} == {*PLACE.findall(sentence)}


def test_no_sentence_outlives_those_of_the_enroller() -> None:
    texts_of_code = "\n".join(
        node.value
        for path in (*FILES, WIRE / "kinds.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )

    ends = {one: max(PLACE.sub("\n", one).split("\n"), key=len).strip("; ")[-15:] for one in SENTENCES}
    assert [one for one, end in ends.items() if end not in texts_of_code] == []


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("samples 1 of 3 advised", "1 von 3 empfohlenen Bildern"),
        (
            "0 of 3 samples within 30 s at front/porch; look at the camera for longer",
            "0 von 3 Bildern innerhalb von 30 s an front/porch; schauen Sie länger in die Kamera",
        ),
        (
            "there is no door gate, x0 and 11 more yet; the doors are front; no bytes",
            "es gibt noch keine Tür gate, x0 und 11 weitere; die Türen sind front; keine Bytes",
        ),
        (
            "/var/enroller.db: database or disk is full; is the disk full?",
            "/var/enroller.db: database or disk is full; ist die Platte voll?",
        ),
        ("what a later enroller says", "what a later enroller says"),
    ],
)
def test_sentences_that_stand_together_or_in_each_other_are_translated_each(english: str, german: str) -> None:
    assert translated(english, GERMAN) == german


@given(st.lists(st.sampled_from([*"ab", " of ", " samples ", " and ", " more", "; ", ": ", "none", *SENTENCES[:20]])))
def test_a_text_in_english_is_what_it_was(parts: list[str]) -> None:
    text = "".join(parts)

    assert translated(text, lambda sentence: sentence) == text
