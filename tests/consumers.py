# SPDX-License-Identifier: GPL-2.0-only
"""Programs that read what this one writes. A developer may do without; where every test must run, none is missing."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(f"{name} is not installed (pip install '.[test]')")


def program(name: str) -> str:
    found = shutil.which(name)
    return found or missing(f"{name} is not installed")


def missing(reason: str) -> Any:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def valid(path: Path, schema: str) -> bool:
    """Does a YAML file follow a schema of check-jsonschema, those of https://www.schemastore.org/ and GitLab?"""
    module("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    if schema == "gitlab-ci":
        command += ["--data-transform", "gitlab-ci"]
    return subprocess.run([*command, str(path)], capture_output=True, check=False).returncode == 0
