# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts held against the compiler: units compiled before and after a change, and compared by function."""
