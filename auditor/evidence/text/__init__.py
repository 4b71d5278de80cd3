# SPDX-License-Identifier: GPL-2.0-only
"""Sites by text alone: what no unit covers. The evidence is `syntactic`; nothing is compiled, included or expanded."""
