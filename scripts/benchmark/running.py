"""Runs the programs that are measured, and notes what they took."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RESNEXT_BUILD", ROOT / "build/release")).resolve()
PLACES = {
    "resnext-worker": "worker/resnext-worker",
    "resnext-launch": "launcher/resnext-launch",
    "resnext-info": "net/resnext-info",
    "resnext-data": "data/resnext-data",
    "machine_peak": "scripts/benchmark/machine_peak",
    "reduction_rate": "scripts/benchmark/reduction_rate",
    "loader_rate": "scripts/benchmark/loader_rate",
}


class NotMeasured(Exception):
    """Why there is no figure, in a line for the table."""


class Ended:
    """What a program printed, and the peak memory in bytes of the largest process of its family."""

    def __init__(self, out, peak_bytes, seconds):
        self.out, self.peak_bytes, self.seconds = out, peak_bytes, seconds


def path_of(name):
    path = BUILD / PLACES[name]
    if not path.exists():
        raise NotMeasured(f"{name} is not built ({path})")
    return path


def environment():
    """The worker beside the launcher on the PATH, and what Open MPI needs as root or in a container."""
    values = dict(os.environ)
    values["PATH"] = os.pathsep.join([str(BUILD / "worker"), values["PATH"]])
    values.update(OMPI_MCA_btl_vader_single_copy_mechanism="none", OMPI_MCA_smsc="^cma")
    if os.geteuid() == 0:
        for package in ("OMPI", "PRTE"):
            values[package + "_ALLOW_RUN_AS_ROOT"] = values[package + "_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    return values


def mpirun(ranks):
    """The start of a command on so many ranks, on however few cores."""
    cores = len(os.sched_getaffinity(0))
    binding = ["--bind-to", "core"] if ranks <= cores else ["--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]
    return ["mpirun", "-np", ranks, "--map-by", "slot:oversubscribe" if ranks > cores else "slot", *binding,
            "--mca", "btl_tcp_if_include", "lo"]


def run(command, seconds=600):
    """Runs a command to its end. Throws NotMeasured with its last line of errors where it fails or takes too long."""
    command = [str(word) for word in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment(),
                                   start_new_session=True)
        code, usage = _wait(process, start + seconds)
        taken = time.monotonic() - start
        name = pathlib.Path(command[0]).name
        if code is None:
            raise NotMeasured(f"{name} was not done after {seconds} s")
        if code != 0:
            raise NotMeasured(_last_line(err) or f"{name} ended with code {code}")
        out.seek(0)
        return Ended(out.read().decode(errors="replace"), usage.ru_maxrss * 1024, taken)


def _wait(process, deadline):
    """(exit code, resource usage) of the process and those it waited for; (None, None) when it had to be killed."""
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None, None
        time.sleep(0.01)


def _last_line(err):
    """Of a program's own errors, without mpirun's banners."""
    err.seek(0)
    lines = [line.strip() for line in err.read().decode(errors="replace").splitlines()]
    own = [line for line in lines if ": error: " in line]
    other = [line for line in lines if line and line.strip("-")]
    return (own or other or [""])[-1 if not own else 0]
