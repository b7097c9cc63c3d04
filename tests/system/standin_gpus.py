"""Runs the worker, unchanged, on GPUs that are not there: with the stand-ins of tests/cuda_standin."""

import glob
import os
import tempfile

import programs
import run_files

LIBRARIES = os.environ["RESNEXT_STANDIN_LIBRARIES"]
PLANNING_DRIVER = os.environ["RESNEXT_PLANNING_DRIVER"]
CUDA_LIBRARIES = os.environ["RESNEXT_CUDA_LIBRARIES"]
PLAN_CACHE = os.environ["RESNEXT_TEST_PLAN_CACHE"]
DEVICE = os.path.join(os.environ["RESNEXT_SOURCE_DIR"], "net", "devices", "h100.json")
ORDERS = ("lazy", "others", "youngest", "rand:1")
GPU_NAME = "Stand-in GPU"


def assignments(folder, changes):
    """What env is to set for the worker alone: neither mpirun nor Python shall load a stand-in. Changed to None: unset."""
    values = {
        "LD_LIBRARY_PATH": ":".join([LIBRARIES, PLANNING_DRIVER, CUDA_LIBRARIES, os.environ.get("LD_LIBRARY_PATH", "")]),
        "LD_PRELOAD": f"{LIBRARIES}/libcudnn_exec.so {LIBRARIES}/libhost_kernels.so",
        "NVTX_INJECTION64_PATH": f"{LIBRARIES}/libcudart.so.13",
        "CUDNN_TEST_DEVICE_JSON": DEVICE,
        "STANDIN_DEVICE_NAME": GPU_NAME,
        "STANDIN_DEVICES": "4",
        "STANDIN_NCCL_FOLDER": folder,
    }
    values.update({name: value for name, value in changes.items()})
    return [f"{name}={value}" for name, value in values.items() if value is not None]


class Host:
    """A host with four stand-in GPUs, and a folder for what its runs leave until close()."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = self._folder.name

    def close(self):
        self._folder.cleanup()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def command(self, ranks, options, worker=None, mpirun_options=(), **variables):
        return [programs.MPIRUN, "-np", ranks, *programs.MPIRUN_OPTIONS, *mpirun_options, "env", "-u",
                "CUDA_VISIBLE_DEVICES", *assignments(self.folder, variables), worker or programs.WORKER, "--plan-cache",
                PLAN_CACHE, *options]

    def start(self, ranks, options, **variables):
        return programs.Program(self.command(ranks, options, **variables))

    def run(self, ranks, options, seconds=120, **variables):
        return programs.run(self.command(ranks, options, **variables), seconds)

    def train(self, ranks, options, **variables):
        """Runs the worker on GPUs, which must succeed and have nothing to complain of."""
        finished = self.run(ranks, ["--device", "cuda", *options], **variables)
        if finished.code != 0 or finished.own_error_lines():
            raise AssertionError(str(finished))
        return finished

    def outcome(self, name, ranks, options, **variables):
        """(states in the checkpoints, series in the results) of a run."""
        self.train(ranks, [*options, "--checkpoint-dir", self.path(name), "--keep-checkpoints", "99", "--out",
                           self.path(name + ".h5")], **variables)
        return self.saved(name)

    def saved(self, name):
        states = [run_files.read_checkpoint(path) for path in run_files.checkpoints(self.path(name))]
        return states, run_files.read_results(self.path(name + ".h5"))

    def wait_sites(self, prefix):
        """The sites that processes of one run wrote to PREFIX.PID."""
        sites = set()
        for path in glob.glob(prefix + ".*"):
            with open(path) as file:
                sites.update(file.read().splitlines())
        return sites
