"""Memory of processes, read from Linux's own books."""

from __future__ import annotations

import os
from pathlib import Path


def resident_bytes(pid: int) -> int:
    """Resident set of a process; 0 where there is none."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def cgroup_oom_kills() -> int:
    """How often the kernel has killed for want of memory in our control group; 0 where that is not told."""
    for path in _event_files():
        try:
            for line in path.read_text(encoding="ascii").splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
        except (OSError, ValueError):
            continue
    return 0


def _event_files() -> list[Path]:
    """Version 2 of control groups, then version 1."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    own = [line.split(":", 2)[2].lstrip("/") for line in lines if line.startswith("0::")]
    files = [Path("/sys/fs/cgroup") / group / "memory.events" for group in own]
    return [*files, Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control")]
