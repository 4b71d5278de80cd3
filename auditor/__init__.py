# SPDX-License-Identifier: GPL-2.0-only
"""A static ABI auditor for the consumers of `struct pt_regs`."""

__version__ = "0.1.0"
