# SPDX-License-Identifier: GPL-2.0-only
"""`python -m auditor` is `ptregs-audit`."""

from __future__ import annotations

from auditor.cli import main

if __name__ == "__main__":
    main()
