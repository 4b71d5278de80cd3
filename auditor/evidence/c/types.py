# SPDX-License-Identifier: GPL-2.0-only
"""What a C type means to the audit. A type is classified once per unit, by its canonical spelling."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from auditor.evidence.c.api import Api, Cursor, Type


class C(enum.Enum):
    """Class of a type with respect to the target struct."""

    OBJECT = "object"  # the struct itself, by value
    ARRAY = "array"  # array of it
    POINTER = "pointer"  # pointer to it
    POINTER2 = "pointer to pointer"
    CONTAINER = "container"  # a struct that holds it by value
    CONTAINER_POINTER = "container pointer"
    INTEGER = "integer"
    VOID_POINTER = "void pointer"
    DATA_POINTER = "data pointer"  # pointer to a scalar, or to a pointer
    RECORD = "record"  # another struct or union, by value
    RECORD_POINTER = "record pointer"
    FUNCTION = "function"  # takes a pointer to the target
    FUNCTION_POINTER = "function pointer"  # ... pointer to such a function
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """`record`: tag of the struct meant (of the pointee for pointers). `step`: bytes that +1 moves a pointer by."""

    cls: C
    record: str = ""
    step: int = 1
    size: int = 0

    @property
    def is_pointer(self) -> bool:
        return self.cls in _POINTERS


_POINTERS = {C.POINTER, C.POINTER2, C.CONTAINER_POINTER, C.VOID_POINTER, C.DATA_POINTER, C.RECORD_POINTER}
_OTHER = TypeInfo(C.OTHER)
_QUALIFIER = re.compile(r"\b(?:const|volatile|restrict|__restrict|_Atomic)\b ?")
_RECORD = re.compile(r"(?:struct|union) ([\w]+)$")
_INTEGERS = re.compile(r"(?:(?:un)?signed |long |short )*(?:int|long|short|char|_Bool|__int128)$|enum \w+$|unsigned$")


class Types:
    """Types of one unit. `containers` grows as struct definitions that hold the target are met."""

    def __init__(self, api: Api, struct: str) -> None:
        self._api = api
        self.struct = struct
        self.containers: set[str] = set()
        self._by_pointer: dict[int, TypeInfo] = {}
        self._by_text: dict[str, TypeInfo] = {}
        self._tag = re.compile(rf"(?:struct|union) {re.escape(struct)}\b")

    def of(self, cursor: Cursor) -> TypeInfo:
        return self.info(self._api.getCursorType(cursor))

    def info(self, kind: Type) -> TypeInfo:
        key = kind.d0 or 0
        known = self._by_pointer.get(key)
        if known is None:
            canonical = self._api.getCanonicalType(kind)
            text = _QUALIFIER.sub("", self._api.text(self._api.getTypeSpelling(canonical))).strip()
            known = self._by_text.get(text)
            if known is None:
                known = self._by_text[text] = self._classify(text, canonical)
            self._by_pointer[key] = known
        return known

    def mentions_target(self, text: str) -> bool:
        return self._tag.search(text) is not None

    def forget(self) -> None:
        """After a new container is known: its name may have been classified as any other record."""
        self._by_pointer.clear()
        self._by_text.clear()

    def _classify(self, text: str, canonical: Type) -> TypeInfo:
        api = self._api
        if "(" in text:
            parameters = text.partition(")(")[2] if "(*" in text else text.partition("(")[2]
            held = (re.search(rf"struct {re.escape(name)} \*", parameters) for name in self.containers)
            takes = self._tag.search(parameters) is not None or any(held)
            if "(*" in text:
                return TypeInfo(C.FUNCTION_POINTER if takes else C.OTHER)
            return TypeInfo(C.FUNCTION) if takes else _OTHER
        if text.endswith("]"):
            element = self.info(api.getArrayElementType(canonical))
            cls = C.ARRAY if element.cls in (C.OBJECT, C.ARRAY) else C.OTHER
            if cls is C.OTHER and element.cls in (C.INTEGER, C.CONTAINER, C.RECORD):
                # Decays to a pointer to its elements.
                return TypeInfo(C.OTHER, element.record, element.size or 1)
            return TypeInfo(cls, element.record, element.size or 1, api.Type_getSizeOf(canonical))
        if text.endswith("*"):
            pointee, width = text[:-1].strip(), max(api.Type_getSizeOf(canonical), 1)
            if pointee.endswith("*"):
                inner = self._record(pointee[:-1].strip())
                return TypeInfo(C.POINTER2 if inner == self.struct else C.DATA_POINTER, inner, width, width)
            size = max(api.Type_getSizeOf(api.getPointeeType(canonical)), 1)
            record = self._record(pointee)
            if record == self.struct:
                return TypeInfo(C.POINTER, record, size, width)
            if record in self.containers:
                return TypeInfo(C.CONTAINER_POINTER, record, size, width)
            if record or pointee.startswith(("struct", "union")):
                return TypeInfo(C.RECORD_POINTER, record, size, width)
            if pointee == "void":
                return TypeInfo(C.VOID_POINTER, "", 1, width)
            return TypeInfo(C.DATA_POINTER, "", size, width)
        record = self._record(text)
        if record == self.struct:
            return TypeInfo(C.OBJECT, record, 1, api.Type_getSizeOf(canonical))
        if record:
            cls = C.CONTAINER if record in self.containers else C.RECORD
            return TypeInfo(cls, record, 1, max(api.Type_getSizeOf(canonical), 0))
        if _INTEGERS.match(text):
            return TypeInfo(C.INTEGER, "", 1, max(api.Type_getSizeOf(canonical), 0))
        return _OTHER

    def _record(self, text: str) -> str:
        match = _RECORD.match(text)
        if match:
            return match.group(1)
        # A struct known only by its typedef.
        return text if text == self.struct or text in self.containers else ""
