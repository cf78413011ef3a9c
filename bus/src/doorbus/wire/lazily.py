"""A package whose modules are loaded when something of theirs is asked for. Pure.

A message takes 15 KiB of memory, and a door, maybe on a small board, needs half of them.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazily(package: dict[str, Any], *modules: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package, given by its names, that has those of its `modules`, too.

    A name is looked for in their order, and what comes after the first that has it is not loaded.
    """

    def of(module: str) -> dict[str, Any]:
        return vars(import_module(f"{package['__name__']}.{module}"))

    def get(name: str) -> Any:
        if name in modules:
            return import_module(f"{package['__name__']}.{name}")
        if not name.startswith("__"):
            for module in modules:
                if name in of(module):
                    return package.setdefault(name, of(module)[name])
        raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")

    def names() -> list[str]:
        return sorted({name for held in (package, *map(of, modules)) for name in held})

    return get, names
