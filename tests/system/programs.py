"""Runs the built programs as a user does: through mpirun or resnext-launch, from a shell's point of view."""

import os
import re
import signal
import subprocess
import tempfile
import time

WORKER = os.environ["RESNEXT_WORKER"]
DATA = os.environ["RESNEXT_DATA"]
LAUNCH = os.environ["RESNEXT_LAUNCH"]
MPIRUN = os.environ.get("RESNEXT_MPIRUN", "mpirun")

# Any number of ranks on any number of cores, and ranks that wait leave the core to the others.
MPIRUN_OPTIONS = ["--map-by", "slot:oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1",
                  "--mca", "btl_tcp_if_include", "lo"]


def environment():
    """The caller's environment without GPUs, and what Open MPI 4 and 5 need where we are root or in a container."""
    values = dict(os.environ, CUDA_VISIBLE_DEVICES="")
    # Ranks may not read each other's memory in a container.
    values.update(OMPI_MCA_btl_vader_single_copy_mechanism="none", OMPI_MCA_smsc="^cma")
    if os.geteuid() == 0:
        for package in ("OMPI", "PRTE"):
            values[package + "_ALLOW_RUN_AS_ROOT"] = "1"
            values[package + "_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    return values


def mpirun_version():
    """The first number of Open MPI's version."""
    text = subprocess.run([MPIRUN, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return int(re.search(r"\d+", text).group())


class Finished:
    """How a program ended. Exit codes are a shell's: 128 + the signal that killed it."""

    def __init__(self, command, code, out, err, seconds):
        self.command, self.out, self.err, self.seconds = command, out, err, seconds
        self.code = code if code >= 0 else 128 - code

    def __str__(self):
        return (f"{' '.join(self.command)}\nexit code {self.code} after {self.seconds:.1f} s\n"
                f"--- stdout\n{_shortened(self.out)}--- stderr\n{_shortened(self.err)}---")

    def own_error_lines(self):
        """Standard error without what mpirun adds of its own when a rank fails."""
        lines, in_banner = [], False
        # Open MPI 5 may put the half line there that standard output ended with.
        for line in re.sub(r"^epoch .*(?=resnext-)", "", self.err.replace("\0", ""), flags=re.MULTILINE).splitlines():
            if len(line) >= 39 and not line.strip("- "):
                in_banner = not in_banner
            elif not (in_banner or line.startswith(("[", "mpirun: Forwarding signal")) or not line.strip()):
                lines.append(line)
        return lines


class Program:
    """A program under way, its output in files. As a context manager it leaves no process behind."""

    def __init__(self, command, **options):
        self.command = [str(word) for word in command]
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.start = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err,
                                        env=environment(), start_new_session=True, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill_everything()
        self.process.wait()
        self.out.close()
        self.err.close()

    def printed(self):
        return self._text(self.out)

    def wait_until(self, condition, what="it", seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{what} never came\n{self.finish(1)}")
            time.sleep(0.01)

    def wait_for(self, text):
        """Waits until standard output has the text."""
        self.wait_until(lambda: text in self.printed(), f"'{text}'")

    def ranks(self):
        """Process ids of the workers."""
        return [pid for pid in self._descendants() if _executable(pid) == os.path.realpath(WORKER)]

    def kill_everything(self):
        """What a power cut does, as far as these processes go."""
        for pid in [self.process.pid, *self._descendants()]:
            _signal(pid, signal.SIGKILL)

    def finish(self, seconds=120):
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill_everything()
            self.process.wait()
            finished = Finished(self.command, -signal.SIGKILL, self.printed(), self._text(self.err), seconds)
            raise AssertionError(f"still running after {seconds} s\n{finished}") from None
        return Finished(self.command, code, self.printed(), self._text(self.err), time.monotonic() - self.start)

    @staticmethod
    def _text(file):
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")

    def _descendants(self):
        children = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as stat:
                    parent = int(stat.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue  # it has just ended
            children.setdefault(parent, []).append(int(pid))
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found[1:]


def _shortened(text, lines=40):
    every = text.splitlines(keepends=True)
    return text if len(every) <= lines else "".join([*every[:lines // 2], "...\n", *every[-lines // 2:]])


def _executable(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def send(pids, number):
    for pid in pids:
        _signal(pid, number)


def worker_command(ranks, options, mpirun_options=()):
    return [MPIRUN, "-np", ranks, *MPIRUN_OPTIONS, *mpirun_options, WORKER, *options]


def start_worker(ranks, options, mpirun_options=(), **popen_options):
    return Program(worker_command(ranks, options, mpirun_options), **popen_options)


def run(command, seconds=120, **popen_options):
    with Program(command, **popen_options) as program:
        return program.finish(seconds)


def run_worker(ranks, options, seconds=120, **popen_options):
    return run(worker_command(ranks, options), seconds, **popen_options)


def train(ranks, options, seconds=120):
    """Runs the worker, which must succeed and have nothing to complain of."""
    finished = run_worker(ranks, options, seconds)
    if finished.code != 0 or finished.own_error_lines():
        raise AssertionError(str(finished))
    return finished


def pack(source, out, *options):
    finished = run([DATA, "pack", source, "--out", out, *options])
    if finished.code != 0:
        raise AssertionError(str(finished))
    return finished


