"""The real plugin, absent, present, or with a driver, a GPU or ranks that do not suit it: who computes, and why."""

import os
import shutil
import socket
import unittest

import datasets
import programs
import standin_gpus

PLUGIN = "libresnext_cuda.so"
RECIPE = ["--model", "resnext11_4x4d_cifar_w8", "--replicas", "4", "--batch-per-replica", "2", "--steps", "1"]
HAS_DRIVER = os.path.exists("/proc/driver/nvidia/version")


class PluginAbsentPresentOrOldDriver(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = standin_gpus.Host()
        cls.addClassCleanup(cls.host.close)
        cls.data = datasets.pack_idx(cls.host.path("data"), 24)

    def run_worker(self, ranks, *options, **variables):
        return self.host.run(ranks, [*RECIPE, "--data", self.data, *options], **variables)

    def require_success(self, finished, *texts):
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(finished.own_error_lines(), [], finished)
        for text in texts:
            self.assertIn(text, finished.out)

    def require_refusal(self, finished, *texts):
        self.assertEqual(finished.code, 2, finished)
        lines = finished.own_error_lines()
        self.assertEqual(len(lines), 1, finished)
        for text in ("resnext-worker: error: ", *texts):
            self.assertIn(text, lines[0])

    def require_cpu(self, reason, **variables):
        """Chosen by itself, and said; refused where a GPU was asked for."""
        self.require_success(self.run_worker(2, **variables), "on 2 ranks of 1 thread\n", "note: using the CPU: ", reason)
        self.require_refusal(self.run_worker(1, "--device", "cuda", **variables), "--device cuda: ", reason)

    def test_a_gpu_is_taken_where_there_is_one(self):
        self.require_success(self.run_worker(1), "on 1 rank of one GPU (Stand-in GPU), fp32")

    def test_an_old_driver(self):
        self.require_cpu("the NVIDIA driver is for CUDA 12.4, older than CUDA 13.", STANDIN_DRIVER=12040)

    def test_no_gpu_on_the_host(self):
        self.require_cpu("the driver shows no GPU to this process (CUDA_VISIBLE_DEVICES?)", STANDIN_DEVICES=0)

    def test_no_gpu_made_visible(self):
        self.require_cpu("the driver shows no GPU to this process (CUDA_VISIBLE_DEVICES?)", CUDA_VISIBLE_DEVICES="")

    def test_a_gpu_that_is_too_old(self):
        self.require_cpu("GPU 0 (Stand-in GPU) has compute capability 7.0; 7.5 is the least", STANDIN_SM=70,
                         STANDIN_DEVICES=1)

    def test_a_gpu_that_is_too_old_for_bf16(self):
        reason = "has compute capability 7.5; 8.0 is the least for bf16"
        self.require_success(self.run_worker(1, "--precision", "bf16", STANDIN_SM=75), "note: using the CPU: ", reason)
        self.require_refusal(self.run_worker(1, "--precision", "bf16", "--device", "cuda", STANDIN_SM=75),
                             "--device cuda: ", reason)

    @unittest.skipIf(HAS_DRIVER, "this host has a driver")
    def test_no_driver(self):
        """CUDA's own libraries, not the stand-ins."""
        self.require_cpu("no NVIDIA driver is loaded", LD_LIBRARY_PATH=None, LD_PRELOAD=None)

    def test_absent_libraries(self):
        """The plugin, asking for a library that no host has."""
        folder = self.host.path("moved")
        os.mkdir(folder)
        worker = shutil.copy(programs.WORKER, folder)
        with open(os.path.join(os.path.dirname(os.path.realpath(programs.WORKER)), PLUGIN), "rb") as file:
            binary = file.read()
        for library, absent in ((b"libcudnn.so.9", b"no-cudnn.so.9"), (b"libnccl.so.2", b"no-nccl.so.2")):
            self.assertEqual(len(library), len(absent))
            self.assertIn(library, binary)
            with open(os.path.join(folder, PLUGIN), "wb") as file:
                file.write(binary.replace(library, absent))
            with self.subTest(library):
                self.require_cpu(f"{absent.decode()}: cannot open shared object file", worker=worker)

    def test_absent_plugin(self):
        folder = self.host.path("alone")
        os.mkdir(folder)
        worker = shutil.copy(programs.WORKER, folder)
        self.require_success(self.run_worker(2, worker=worker), "on 2 ranks of 1 thread\n")
        self.require_refusal(self.run_worker(1, "--device", "cuda", worker=worker), f"{PLUGIN} was not found")

    def test_more_ranks_than_gpus(self):
        self.require_refusal(self.run_worker(4, STANDIN_DEVICES=2), f"4 ranks on host {socket.gethostname()}, but 2 GPUs: "
                             "ranks 0 and 2 would share GPU 0000:10:00.0; start one rank per GPU (mpirun -np 2 ")

    def test_only_visible_gpus_are_taken_in_their_order(self):
        """The refusal names the first: GPU 3 of the host."""
        self.require_success(self.run_worker(2, CUDA_VISIBLE_DEVICES="3,1"), "on 2 ranks of one GPU each")
        self.require_refusal(self.run_worker(4, CUDA_VISIBLE_DEVICES="3,1"), "but 2 GPUs: ranks 0 and 2 would share GPU "
                             "0000:13:00.0")
        self.require_refusal(self.run_worker(2, CUDA_VISIBLE_DEVICES="1"), "but 1 GPU: ranks 0 and 1 would share GPU "
                             "0000:11:00.0")


if __name__ == "__main__":
    unittest.main()
