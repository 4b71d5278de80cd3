# SPDX-License-Identifier: GPL-2.0-only
"""What a change adds: two versions of a repository, read from git's objects, and compared."""
