"""scripts/gpu_check.py, asked of GPUs that tests/cuda_standin stands in for."""

import json
import os
import shlex
import unittest

import programs
import standin_gpus

SCRIPT = os.path.join(os.environ["RESNEXT_SOURCE_DIR"], "scripts", "gpu_check.py")


class ChecksAMachineWithGpus(unittest.TestCase):
    def setUp(self):
        self.host = standin_gpus.Host()
        self.addCleanup(self.host.close)

    def check(self, *only, **variables):
        prefix = shlex.join(["env", *standin_gpus.assignments(self.host.folder, variables)])
        build = os.path.dirname(os.path.dirname(programs.WORKER))
        finished = programs.run(["env", "-u", "CUDA_VISIBLE_DEVICES", f"RESNEXT_BUILD={build}", SCRIPT, "--gpus", "2",
                                 "--size", "small", "--prefix", prefix, "--out", self.host.path("out"),
                                 "--plan-cache", standin_gpus.PLAN_CACHE, "--only", *only], 280)
        with open(self.host.path("out", "report.json")) as file:
            return finished, json.load(file)

    def require_verdicts(self, report, *verdicts):
        self.assertEqual([one["verdict"] for one in report], list(verdicts), report)

    def test_what_a_gpu_can_do(self):
        finished, report = self.check("finds_the_gpus", "describes_the_gpu", "learns_as_the_cpu",
                                      "large_networks_learn_as_the_cpu", "same_bits_twice", "resumes_exactly",
                                      "refuses_two_ranks_on_one_gpu",
                                      "ranks_are_not_part_of_the_experiment", "measures_throughput")
        self.require_verdicts(report, *["passed"] * 9)
        self.assertEqual(finished.code, 0, finished)
        self.assertIn("9 passed, 0 failed, 0 skipped", finished.out)
        self.assertTrue(os.path.exists(self.host.path("out", "device.json")))
        self.assertGreater(report[-1]["figures"]["resnext11_4x4d_cifar_w8 x2"]["images_per_second"], 0)

    def test_ends_with_the_reason_where_there_is_no_gpu_to_use(self):
        finished, report = self.check("finds_the_gpus", "learns_as_the_cpu", STANDIN_SM="70")
        self.assertEqual(finished.code, 1, finished)
        self.require_verdicts(report, "FAILED")  # the rest is not asked
        self.assertIn("compute capability 7.0", report[0]["answer"])

    def test_a_missing_wait_makes_it_fail(self):
        site = "compute:batch 0 copied"
        finished, report = self.check("learns_as_the_cpu", STANDIN_DROP_WAIT=site, STANDIN_ORDER="lazy")
        self.assertEqual(finished.code, 1, finished)
        self.require_verdicts(report, "FAILED")


if __name__ == "__main__":
    unittest.main()
