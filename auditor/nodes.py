# SPDX-License-Identifier: GPL-2.0-only
"""JSON of ours read back. The file may come from anybody: what is not as written is one InputError naming the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from auditor.errors import InputError

T = TypeVar("T")


def parse_json(text: str, name: str, what: str) -> Any:
    """`what` is expected in the file `name`: "a report"."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise InputError(name, f"nested too deeply for {what}") from None
    except ValueError as e:
        raise InputError(name, f"not JSON: {e}", f"{what} was expected") from e


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


class Node:
    """A JSON value together with its place, so that every complaint can say where."""

    __slots__ = ("file", "hint", "place", "value")

    def __init__(self, value: Any, file: str, place: str, hint: str) -> None:
        self.value, self.file, self.place, self.hint = value, file, place, hint

    def fail(self, expected: str) -> NoReturn:
        raise InputError(self.file, f"{self.place}: expected {expected}", self.hint)

    def __getitem__(self, key: str) -> Node:
        if not isinstance(self.value, dict):
            self.fail("an object")
        if key not in self.value:
            self.fail(f"the key {key!r}")
        return Node(self.value[key], self.file, f"{self.place}.{key}", self.hint)

    def get(self, key: str, default: Any) -> Node:
        """As `[]`, but what is not there is `default`."""
        if isinstance(self.value, dict) and key not in self.value:
            return Node(default, self.file, f"{self.place}.{key}", self.hint)
        return self[key]

    def one_of(self, *words: str) -> str:
        if self.value not in words or not isinstance(self.value, str):
            self.fail("one of " + ", ".join(w or "nothing" for w in words))
        return self.value

    def only(self, *keys: str) -> None:
        """No other keys than these."""
        if isinstance(self.value, dict) and (odd := sorted(set(self.value) - set(keys))):
            raise InputError(self.file, f"{self.place}: unknown key {odd[0]!r}", self.hint)

    def items(self, read: Callable[[Node], T]) -> tuple[T, ...]:
        if not isinstance(self.value, list):
            self.fail("a list")
        return tuple(read(Node(v, self.file, f"{self.place}[{n}]", self.hint)) for n, v in enumerate(self.value))

    def mapping(self, read: Callable[[Node], T]) -> dict[str, T]:
        if not isinstance(self.value, dict):
            self.fail("an object")
        return {k: read(Node(v, self.file, f"{self.place}.{k}", self.hint)) for k, v in self.value.items()}

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail("a string")
        return self.value

    def integer(self) -> int:
        # bool is an int to Python, but not to JSON.
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.fail("an integer")
        return self.value

    def count(self) -> int:
        value = self.integer()
        if value < 0:
            self.fail("a number that is not negative")
        return value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            self.fail("true or false")
        return self.value
