# SPDX-License-Identifier: GPL-2.0-only
"""libclang's C interface through ctypes, as far as the walker needs it.

The Python binding parses; walking goes through here, because the binding's cursor objects cost ten times as much and
because it does not expose operator kinds and evaluation (both in libclang >= 17).
"""

from __future__ import annotations

import enum
from collections.abc import Container
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_longlong,
    c_uint,
    c_void_p,
)
from typing import Any

from clang import cindex


class K(enum.IntEnum):
    """CXCursorKind values that the walker looks at (clang-c/Index.h, libclang 18)."""

    STRUCT_DECL = 2
    UNION_DECL = 3
    ENUM_DECL = 5
    FIELD_DECL = 6
    ENUM_CONSTANT_DECL = 7
    FUNCTION_DECL = 8
    VAR_DECL = 9
    PARM_DECL = 10
    TYPEDEF_DECL = 20
    TYPE_REF = 43
    MEMBER_REF = 47
    UNEXPOSED_EXPR = 100
    DECL_REF_EXPR = 101
    MEMBER_REF_EXPR = 102
    CALL_EXPR = 103
    INTEGER_LITERAL = 106
    PAREN_EXPR = 111
    UNARY_OPERATOR = 112
    ARRAY_SUBSCRIPT_EXPR = 113
    BINARY_OPERATOR = 114
    COMPOUND_ASSIGN = 115
    CONDITIONAL = 116
    CSTYLE_CAST_EXPR = 117
    COMPOUND_LITERAL = 118
    INIT_LIST_EXPR = 119
    STMT_EXPR = 121
    SIZEOF_EXPR = 136
    UNEXPOSED_STMT = 200
    LABEL_STMT = 201
    COMPOUND_STMT = 202
    CASE_STMT = 203
    DEFAULT_STMT = 204
    IF_STMT = 205
    SWITCH_STMT = 206
    WHILE_STMT = 207
    DO_STMT = 208
    FOR_STMT = 209
    GOTO_STMT = 210
    INDIRECT_GOTO_STMT = 211
    CONTINUE_STMT = 212
    BREAK_STMT = 213
    RETURN_STMT = 214
    DECL_STMT = 231
    UNEXPOSED_ATTR = 400
    MACRO_DEFINITION = 501
    INCLUSION = 503
    STATIC_ASSERT = 602


class Cursor(Structure):
    """CXCursor. For statements `d1` is the node, for declarations `d0`."""

    _fields_ = [("kind", c_int), ("xdata", c_int), ("d0", c_void_p), ("d1", c_void_p), ("d2", c_void_p)]


class Type(Structure):
    _fields_ = [("kind", c_int), ("d0", c_void_p), ("d1", c_void_p)]


class Location(Structure):
    _fields_ = [("p0", c_void_p), ("p1", c_void_p), ("data", c_uint)]


class Range(Structure):
    _fields_ = [("p0", c_void_p), ("p1", c_void_p), ("begin", c_uint), ("end", c_uint)]


class String(Structure):
    _fields_ = [("data", c_void_p), ("flags", c_uint)]


class RangeList(Structure):
    _fields_ = [("count", c_uint), ("ranges", POINTER(Range))]


# CXCursor_FirstPreprocessing to CXCursor_LastPreprocessing.
_PREPROCESSING = range(500, 504)

VISITOR = CFUNCTYPE(c_int, Cursor, Cursor, c_void_p)
BREAK, CONTINUE, RECURSE = 0, 1, 2

# CX_UnaryOperatorKind, CXBinaryOperatorKind (clang-c/Index.h, libclang >= 17), by the token that is written.
UNARY = {1: "++", 2: "--", 3: "++", 4: "--", 5: "&", 6: "*", 7: "+", 8: "-", 9: "~", 10: "!"}
BINARY = {
    3: "*", 4: "/", 5: "%", 6: "+", 7: "-", 8: "<<", 9: ">>", 11: "<", 12: ">", 13: "<=", 14: ">=", 15: "==", 16: "!=",
    17: "&", 18: "^", 19: "|", 20: "&&", 21: "||", 22: "=", 23: "*=", 24: "/=", 25: "%=", 26: "+=", 27: "-=",
    28: "<<=", 29: ">>=", 30: "&=", 31: "^=", 32: "|=", 33: ",",
}  # fmt: skip


class Api:
    """The functions, bound once per process with their types. Texts come back as str, undecodable bytes escaped."""

    def __init__(self) -> None:
        lib = cindex.conf.lib
        self._lib = lib
        cursor_to: dict[str, Any] = {
            "clang_getCursorLocation": Location,
            "clang_getCursorExtent": Range,
            "clang_getCursorType": Type,
            "clang_getCursorReferenced": Cursor,
            "clang_getCursorSemanticParent": Cursor,
            "clang_getCursorSpelling": String,
            "clang_isCursorDefinition": c_uint,
            "clang_getCursorBinaryOperatorKind": c_int,
            "clang_getCursorUnaryOperatorKind": c_int,
            "clang_Cursor_Evaluate": c_void_p,
            "clang_Cursor_getOffsetOfField": c_longlong,
            "clang_Cursor_getStorageClass": c_int,
            "clang_Cursor_isFunctionInlined": c_uint,
            "clang_getIncludedFile": c_void_p,
        }
        for name, result in cursor_to.items():
            self._bind(name, [Cursor], result)
        type_to: dict[str, Any] = {
            "clang_getCanonicalType": Type,
            "clang_getTypeSpelling": String,
            "clang_Type_getSizeOf": c_longlong,
            "clang_getPointeeType": Type,
            "clang_getTypeDeclaration": Cursor,
            "clang_getArrayElementType": Type,
        }
        for name, result in type_to.items():
            self._bind(name, [Type], result)
        self._bind("clang_visitChildren", [Cursor, VISITOR, c_void_p], c_uint)
        place = [POINTER(c_void_p), POINTER(c_uint), POINTER(c_uint), POINTER(c_uint)]
        self._bind("clang_getFileLocation", [Location, *place], None)
        self._bind("clang_getRangeStart", [Range], Location)
        self._bind("clang_getRangeEnd", [Range], Location)
        self._bind("clang_getFileName", [c_void_p], String)
        self._bind("clang_getCString", [String], c_char_p)
        self._bind("clang_disposeString", [String], None)
        self._bind("clang_EvalResult_getKind", [c_void_p], c_int)
        self._bind("clang_EvalResult_getAsLongLong", [c_void_p], c_longlong)
        self._bind("clang_EvalResult_dispose", [c_void_p], None)
        self._bind("clang_disposeSourceRangeList", [POINTER(RangeList)], None)
        self._file, self._line, self._column, self._offset = c_void_p(), c_uint(), c_uint(), c_uint()
        self._place = (byref(self._file), byref(self._line), byref(self._column), byref(self._offset))

    def _bind(self, name: str, arguments: list[Any], result: Any) -> None:
        # A prototype of our own: the binding's function objects carry its own argument types.
        function = self._lib[name]
        function.argtypes, function.restype = arguments, result
        setattr(self, name.removeprefix("clang_"), function)

    def __getattr__(self, name: str) -> Any:
        # Only for type checkers' sake: every bound function is a plain attribute.
        raise AttributeError(name)

    def text(self, string: String) -> str:
        raw = self.getCString(string)
        self.disposeString(string)
        return raw.decode("utf-8", "backslashreplace") if raw else ""

    def children(self, cursor: Cursor, kinds: Container[int] | None = None) -> list[Cursor]:
        """The direct children, of these kinds or all. Nothing that can raise runs inside libclang's callback."""
        found: list[Cursor] = []

        def visitor(child: Cursor, parent: Cursor, _: Any) -> int:
            if kinds is None or child.kind in kinds:
                found.append(child)
            return CONTINUE

        self.visitChildren(cursor, VISITOR(visitor), None)
        return found

    def declarations(self, unit: Cursor, kinds: Container[int]) -> list[Cursor]:
        """The top-level declarations of a translation unit that are of these kinds.

        clang_visitChildren first goes through the preprocessing record, twice as long as the declarations; a visitor
        that breaks off there goes on with these (CursorVisitor::VisitChildren, clang/tools/libclang/CIndex.cpp).
        """
        found: list[Cursor] = []

        def visitor(child: Cursor, parent: Cursor, _: Any) -> int:
            kind = child.kind
            if kind in kinds:
                found.append(child)
            elif kind in _PREPROCESSING:
                return BREAK
            return CONTINUE

        self.visitChildren(unit, VISITOR(visitor), None)
        return found

    def preprocessing(self, unit: Cursor, kinds: Container[int]) -> list[Cursor]:
        """What the preprocessor met of these kinds, in order; without what a precompiled header met.

        Inclusions are among it even where a guard left the file out. It all comes before the first declaration.
        """
        found: list[Cursor] = []

        def visitor(child: Cursor, parent: Cursor, _: Any) -> int:
            kind = child.kind
            if kind in kinds:
                found.append(child)
            return CONTINUE if kind in _PREPROCESSING else BREAK

        self.visitChildren(unit, VISITOR(visitor), None)
        return found

    def descendants(self, cursor: Cursor, leaves: Container[int]) -> list[tuple[Cursor, Cursor]]:
        """(cursor, its parent) of everything below, parents first; nothing below the kinds in `leaves`."""
        found: list[tuple[Cursor, Cursor]] = []

        def visitor(child: Cursor, parent: Cursor, _: Any) -> int:
            found.append((child, parent))
            return CONTINUE if child.kind in leaves else RECURSE

        self.visitChildren(cursor, VISITOR(visitor), None)
        return found

    def references(self, cursor: Cursor) -> list[Cursor]:
        """The expressions below that name a variable, a function or an enumerator."""
        found: list[Cursor] = []

        def visitor(child: Cursor, parent: Cursor, _: Any) -> int:
            if child.kind == K.DECL_REF_EXPR:
                found.append(child)
            return RECURSE

        self.visitChildren(cursor, VISITOR(visitor), None)
        return found

    def place(self, location: Location) -> tuple[int, int, int, int]:
        """(file handle, line, column, byte offset). Tokens of a macro's body give the expansion's place, tokens of a
        macro's argument the place where they are written."""
        self.getFileLocation(location, *self._place)
        return self._file.value or 0, self._line.value, self._column.value, self._offset.value

    def evaluate(self, cursor: Cursor) -> int | None:
        """The value of an integer constant expression, or None."""
        result = self.Cursor_Evaluate(cursor)
        if not result:
            return None
        try:
            return int(self.EvalResult_getAsLongLong(result)) if self.EvalResult_getKind(result) == 1 else None
        finally:
            self.EvalResult_dispose(result)
