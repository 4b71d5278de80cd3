# SPDX-License-Identifier: GPL-2.0-only
"""What gcc 12 says when guards fire: each error keeps its own places."""

from __future__ import annotations

from auditor.prove.stops import stops

MESSAGES = """\
In file included from <command-line>:
../arch/x86/kernel/ptrace.c: In function 'pt_regs_access':
././include/linux/compiler_types.h:337:45: error: call to '__compiletime_assert_571' declared with attribute error: \
BUILD_BUG_ON failed: offsetof(struct pt_regs, r15) != 0
  337 |         _compiletime_assert(condition, msg, __compiletime_assert_, __COUNTER__)
      |                                             ^
././include/linux/build_bug.h:50:9: note: in expansion of macro 'BUILD_BUG_ON_MSG'
../arch/x86/kernel/ptrace.c:225:9: note: in expansion of macro 'BUILD_BUG_ON'
In function 'inner',
    inlined from 'outer' at ../arch/x86/kernel/ptrace.c:300:2:
../include/linux/fortify-string.h:40:3: error: call to '__read_overflow' declared with attribute error: too small
cc1: some warnings being treated as errors
"""


def test_each_error_has_its_own_places_and_functions() -> None:
    guard, other = stops(MESSAGES, lambda f: f.removeprefix("../").removeprefix("././"))
    assert (guard.file, guard.line) == ("include/linux/compiler_types.h", 337)
    assert guard.message == "BUILD_BUG_ON failed: offsetof(struct pt_regs, r15) != 0"
    assert guard.functions == {"pt_regs_access"} and ("arch/x86/kernel/ptrace.c", 225) in guard.places
    assert other.message == "too small" and other.functions == {"inner", "outer"}
    assert ("arch/x86/kernel/ptrace.c", 300) in other.places
    assert ("arch/x86/kernel/ptrace.c", 225) not in other.places


def test_no_error_is_no_stop() -> None:
    assert stops("a.c:1:2: warning: unused\ncc1: error nowhere\n", str) == ()
