"""Which device the worker takes: with plugins whose GPUs are made up (tests/worker/device/fake_plugin.cpp)."""

import os
import shutil
import tempfile
import unittest
import unittest.mock

import datasets
import programs
import run_files

FAKE_PLUGINS = os.environ["RESNEXT_FAKE_PLUGINS"]
PLUGIN = "libresnext_cuda.so"
RECIPE = ["--model", "resnext11_4x4d_cifar_w8", "--image-size", "16", "--replicas", "4", "--batch-per-replica", "8"]
TWO_GPUS = "NVIDIA H100,90,0000:3b:00.0;NVIDIA H100,90,0000:5e:00.0"
HAS_DRIVER = os.path.exists("/proc/driver/nvidia/version")


class ChoosesADevice(unittest.TestCase):
    """The worker lies in a folder of its own, with the plugin that a test puts beside it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.worker = shutil.copy(programs.WORKER, self.folder)

    def install(self, kind):
        shutil.copy(os.path.join(FAKE_PLUGINS, kind, PLUGIN), self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_worker(self, ranks, options, gpus="", **gpus_of_ranks):
        made_up = {"RESNEXT_FAKE_GPUS": gpus}
        made_up.update({"RESNEXT_FAKE_GPUS_OF_" + name.upper(): value for name, value in gpus_of_ranks.items()})
        with unittest.mock.patch.dict(os.environ, made_up):
            return programs.run([programs.MPIRUN, "-np", ranks, *programs.MPIRUN_OPTIONS, self.worker, *RECIPE,
                                 *(() if {"--steps", "--eval-only"} & set(options) else ("--steps", "6")), *options])

    def require_success(self, finished):
        self.assertEqual(finished.code, 0, finished)
        self.assertEqual(finished.own_error_lines(), [], finished)

    def require_refusal(self, finished, *texts):
        """One line of rank 0, and the exit code of a command that cannot be run as it stands."""
        self.assertEqual(finished.code, 2, finished)
        lines = finished.own_error_lines()
        self.assertEqual(len(lines), 1, finished)
        for text in ("resnext-worker: error: ", *texts):
            self.assertIn(text, lines[0])

    def notes(self, finished):
        return [line for line in finished.out.splitlines() if line.startswith("note: ")]

    def test_without_a_plugin_auto_is_the_cpu(self):
        finished = self.run_worker(2, [])
        self.require_success(finished)
        self.assertIn("on 2 ranks of 1 thread\n", finished.out)
        if not HAS_DRIVER:
            self.assertEqual(self.notes(finished), [], finished)

    def test_without_a_plugin_cuda_is_an_error(self):
        self.require_refusal(self.run_worker(2, ["--device", "cuda"]), "--device cuda: libresnext_cuda.so was not found")
        self.require_refusal(self.run_worker(2, ["--precision", "tf32"]), "--precision: tf32 needs a GPU",
                             "libresnext_cuda.so was not found")

    def test_without_gpus_auto_says_why_it_takes_the_cpu(self):
        self.install("good")
        finished = self.run_worker(2, [])
        self.require_success(finished)
        self.assertEqual(self.notes(finished), ["note: using the CPU: the NVIDIA driver is not there"], finished)
        self.require_refusal(self.run_worker(2, ["--device", "cuda"]), "--device cuda: the NVIDIA driver is not there")
        finished = self.run_worker(2, ["--device", "cpu"], TWO_GPUS)
        self.require_success(finished)
        self.assertEqual(self.notes(finished), [], finished)

    def test_a_plugin_that_cannot_be_used_says_why(self):
        for kind, reason in (("other_build", "was built from 0.0.1 (0123456789ab), this program from "),
                             ("no_dependency", "libresnext_fake_dependency.so: cannot open shared object file")):
            with self.subTest(kind):
                self.install(kind)
                finished = self.run_worker(2, [])
                self.require_success(finished)
                self.assertEqual(len(self.notes(finished)), 1, finished)
                self.assertIn(reason, self.notes(finished)[0])
                self.require_refusal(self.run_worker(1, ["--device", "cuda"]), reason)

    def test_old_gpus_are_named(self):
        self.install("good")
        volta = "Tesla V100,70,0000:3b:00.0"
        finished = self.run_worker(1, [], volta)
        self.require_success(finished)
        reason = "GPU 0 (Tesla V100) has compute capability 7.0; 7.5 is the least"
        self.assertEqual(self.notes(finished), ["note: using the CPU: " + reason], finished)
        self.require_refusal(self.run_worker(1, ["--device", "cuda"], volta), reason)

    def test_more_ranks_than_gpus_are_refused(self):
        self.install("good")
        self.require_refusal(self.run_worker(4, [], TWO_GPUS), "4 ranks on host ", "but 2 GPUs", "mpirun -np 2 ")

    def test_two_ranks_on_one_gpu_are_refused(self):
        self.install("good")
        one = "NVIDIA H100,90,0000:3b:00.0"
        self.require_refusal(self.run_worker(2, ["--device", "cuda"], rank_0=one, rank_1=one),
                             "ranks 0 and 1 would share GPU 0000:3b:00.0", "mpirun -np 1 ")

    def test_all_ranks_agree(self):
        self.install("good")
        finished = self.run_worker(2, [], rank_0="NVIDIA H100,90,0000:3b:00.0")
        self.require_success(finished)
        self.assertEqual(len(self.notes(finished)), 1, finished)
        self.assertRegex(self.notes(finished)[0], "^note: using the CPU: rank 1 on host .* has no GPU to use: "
                         "the NVIDIA driver is not there$")

    def test_each_rank_may_have_a_gpu_of_its_own(self):
        self.install("good")
        finished = self.run_worker(2, [], rank_0="NVIDIA H100,90,0000:3b:00.0", rank_1="NVIDIA A100,80,0000:5e:00.0")
        self.require_success(finished)
        self.assertEqual(len(self.notes(finished)), 1, finished)
        self.assertIn("1 x NVIDIA A100, 1 x NVIDIA H100", self.notes(finished)[0])

    def require_same_bits(self, options):
        """On the CPU, and on GPUs that compute with the CPU engine in weights of their own."""
        options = ["--checkpoint-every", "3", "--keep-checkpoints", "9", "--epoch-steps", "2", *options]
        for name, gpus in (("cpu", ""), ("gpu", TWO_GPUS)):
            finished = self.run_worker(2, [*options, "--device", "cuda" if gpus else "cpu", "--checkpoint-dir",
                                           self.path(name), "--out", self.path(name + ".h5")], gpus)
            self.require_success(finished)
            self.assertIn("on 2 ranks of one GPU each (NVIDIA H100), fp32" if gpus else "on 2 ranks of 1 thread",
                          finished.out)
        steps = [run_files.checkpoints(self.path(name)) for name in ("cpu", "gpu")]
        self.assertEqual([len(paths) for paths in steps], [2, 2])
        for one, other in zip(*steps):
            self.assertEqual(run_files.differing(run_files.read_checkpoint(one), run_files.read_checkpoint(other)), [])
        self.assertEqual(run_files.differing(run_files.read_results(self.path("cpu.h5")),
                                             run_files.read_results(self.path("gpu.h5"))), [])

    def test_trains_through_the_plugin_to_the_same_bits(self):
        self.install("good")
        self.require_same_bits([])

    def test_later_recipes_train_through_the_plugin_to_the_same_bits(self):
        self.install("good")
        self.require_same_bits(["--ema-decay", "0.9", "--accumulate", "2", "--clip-gradient-norm", "1"])

    def test_evaluates_through_the_plugin(self):
        self.install("good")
        data = datasets.pack_idx(self.folder, 64, side=16)
        training = ["--data", data, "--steps", "2", "--checkpoint-dir", self.path("run"), "--mean", "0.5", "--deviation",
                    "0.25"]
        self.require_success(self.run_worker(2, training, TWO_GPUS))
        evaluation = ["--eval-only", "--val-data", data, "--mean", "0.5", "--deviation", "0.25", "--init",
                      run_files.checkpoints(self.path("run"))[-1]]
        printed = []
        for device, gpus in (("cpu", ""), ("cuda", TWO_GPUS)):
            finished = self.run_worker(2, [*evaluation, "--device", device], gpus)
            self.require_success(finished)
            printed.append([line for line in finished.out.splitlines() if line.startswith("evaluated 64 images")])
        self.assertEqual(len(printed[0]), 1)
        self.assertEqual(printed[0], printed[1])

    def test_resumes_on_another_kind_of_device_and_says_so(self):
        self.install("good")
        options = ["--schedule", "constant", "--validate-every", "0", "--checkpoint-dir"]
        self.require_success(self.run_worker(2, [*options, self.path("run"), "--steps", "2"], TWO_GPUS))
        finished = self.run_worker(2, [*options, self.path("run"), "--steps", "4", "--device", "cpu"])
        self.require_success(finished)
        self.assertIn("the checkpoint was made with NVIDIA H100, CUDA 13.0, driver 13.0, this is ", finished.out)
        self.require_success(self.run_worker(2, [*options, self.path("whole"), "--steps", "4", "--device", "cpu"]))
        self.assertEqual(run_files.differing(run_files.newest_checkpoint(self.path("whole")),
                                             run_files.newest_checkpoint(self.path("run"))), [])


if __name__ == "__main__":
    unittest.main()
