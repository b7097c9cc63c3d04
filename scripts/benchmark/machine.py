"""On what was measured, and with which versions: attributes for the result file."""

import datetime
import os
import pathlib
import platform
import subprocess

import running

INSTRUCTION_SETS = ("avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "neon", "sve")


def describe():
    processor = _processor()
    return {"processor": processor.get("model name", platform.processor() or "unknown"),
            "instruction_sets": " ".join(name for name in INSTRUCTION_SETS if name in processor.get("flags", "").split()),
            "cores": len(os.sched_getaffinity(0)), "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "system": platform.platform(), "revision": _output("git", "-C", running.ROOT, "describe", "--always", "--dirty"),
            "worker": _output(running.path_of("resnext-worker"), "--version"),
            "mpi": _output("mpirun", "--version").splitlines()[0],
            "load_before": os.getloadavg()[0],
            "written": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}


def _processor():
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return fields


def _output(*command):
    try:
        return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=running.environment(), check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
