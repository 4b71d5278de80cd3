# SPDX-License-Identifier: GPL-2.0-only
"""One module per kind. Each registers functions by cursor kind in the one table of `auditor.kinds.dispatch`."""
