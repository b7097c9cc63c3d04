"""resnext-sweep end to end: plans, trains, reports, and goes on after whatever ends it."""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import h5py

import programs
import sweeps

KILLING_SECONDS = float(os.environ.get("RESNEXT_KILLING_SECONDS", "40"))


class SweepTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = os.path.realpath(folder.name)
        self.folder = os.path.join(self.root, "results")

    def sweep(self, table, *arguments, code=0, **options):
        finished = sweeps.run(table, "--scale", "smoke", "--folder", self.folder, *arguments, **options)
        self.assertEqual(finished.code, code, finished)
        return finished

    def start(self, table, *arguments):
        return sweeps.start(table, "--scale", "smoke", "--folder", self.folder, *arguments)

    def refused(self, *arguments, code=2):
        """Ends with one line of error, which it returns."""
        finished = sweeps.run(*arguments, "--folder", self.folder)
        self.assertEqual(finished.code, code, finished)
        lines = finished.err.splitlines()
        self.assertEqual(len(lines), 1, finished)
        self.assertTrue(lines[0].startswith("resnext-sweep: error: "), finished)
        return lines[0]


class SweepsATable(SweepTest):
    def test_table3_at_smoke_scale(self):
        finished = self.sweep("table3", "--seeds", "1")
        self.assertIn("50-32x4d", finished.out)
        with open(os.path.join(self.folder, "table3.html"), encoding="utf-8") as file:
            page = file.read()
        means = dict(re.findall(r'data-row="([^"]*)" data-column="top1" data-mean="([^"]*)"', page))
        with h5py.File(os.path.join(self.folder, "table3.h5"), "r") as table:
            self.assertTrue(table.attrs["complete"])
            self.assertEqual(table.attrs["scale"], "smoke")
            self.assertEqual(list(table.attrs["rows"]), list(means))
            for row, mean in means.items():
                self.assertEqual(float(mean), table["rows"][row]["top1"].attrs["mean"])
            for name in table.attrs["runs"]:  # the links lead to the runs' own files
                result = table["runs"][name]["result"]
                error = result["summary"].attrs["validation_top1_error"]
                self.assertEqual(table["rows"][table["runs"][name].attrs["row"]]["top1/values"][0], error)
                self.assertEqual(result.attrs["scale"], "smoke")
        for figure in ("curves", "cardinality-top1", "parameters-top1", "paper-top1", "cost"):
            self.assertRegex(page, f'<figure id="{figure}"><svg')
        self.assertNotIn('src="http', page)
        self.assertIn("scale smoke", page)
        with open(os.path.join(self.folder, "table3.md"), encoding="utf-8") as file:
            self.assertIn("**smoke scale**", file.read())

    def test_nothing_done_is_done_again(self):
        table = sweeps.write_table(self.root)
        self.sweep(table)
        before = {path: os.stat(os.path.join(path, "run.h5")).st_mtime_ns for path in sweeps.run_folders(self.folder)}
        self.assertEqual(len(before), 4)
        finished = self.sweep(table)
        self.assertIn("nothing left to train", finished.out)
        self.assertEqual(before, {path: os.stat(os.path.join(path, "run.h5")).st_mtime_ns for path in before})

    def test_what_changed_is_trained_again(self):
        self.sweep(sweeps.write_table(self.root))
        sweeps.write_table(self.root, steps=9)
        self.sweep(os.path.join(self.root, "small.toml"))
        self.assertEqual(len(sweeps.run_folders(self.folder)), 8)
        with h5py.File(os.path.join(self.folder, "small.h5"), "r") as table:
            recipes = {json.loads(run.attrs["fingerprint"])["recipe"]["steps"] for run in table["runs"].values()}
        self.assertEqual(recipes, {"9"})

    def test_rows_and_what_is_missing(self):
        table = sweeps.write_table(self.root)
        finished = self.sweep(table, "--rows", "one", "--seeds", "1")
        self.assertIn("1 of 2 runs missing: two seed 1 (waiting)", finished.out)
        for ending in ("md", "html"):
            with open(os.path.join(self.folder, "small." + ending), encoding="utf-8") as file:
                self.assertIn("incomplete", file.read())

    def test_jobs_on_disjoint_cores_give_the_same_numbers(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("one core only")
        table = sweeps.write_table(self.root, steps=60)
        self.sweep(table)
        alone = sweeps.numbers(os.path.join(self.folder, "small.h5"))
        shutil.rmtree(self.folder)
        with self.start(table, "--jobs", "2") as program:
            program.wait_for("two seed 1: started")
            cores = []

            def are_two_at_once():
                cores[:] = self.cores_by_run().values()
                return len(cores) == 2

            program.wait_until(are_two_at_once, "workers of two runs", 30)
            self.assertFalse(cores[0] & cores[1], cores)
            self.assertEqual(program.finish().code, 0)
        self.assertEqual(sweeps.numbers(os.path.join(self.folder, "small.h5")), alone)

    def test_jobs_on_hosts_give_the_same_numbers(self):
        """This machine under two names; that ssh reaches others is Open MPI's business."""
        table = sweeps.write_table(self.root)
        self.sweep(table)
        alone = sweeps.numbers(os.path.join(self.folder, "small.h5"))
        shutil.rmtree(self.folder)
        hosts = ("--jobs", "2", "--hosts", f"localhost:1,{socket.gethostname()}:1")
        self.assertIn(f"--hosts {hosts[-1].split(',')[0]} ", self.sweep(table, *hosts, "--dry-run").out)
        finished = self.sweep(table, *hosts)
        self.assertIn("4 of 4 runs to do, 2 at a time", finished.out)
        self.assertEqual(sweeps.numbers(os.path.join(self.folder, "small.h5")), alone)

    def cores_by_run(self):
        """The cores that each run's workers may use; nothing where one ended meanwhile, as another may have its cores."""
        found, pids = {}, []
        for pid, name in sweeps.pids_in(self.folder):
            try:
                if name == "resnext-worker":
                    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                        words = file.read().split("\0")
                    run = words[words.index("--out") + 1]
                    if "/runs/" in run:
                        found.setdefault(run, set()).update(os.sched_getaffinity(pid))
                        pids.append(pid)
            except OSError:
                continue
        return found if all(os.path.exists(f"/proc/{pid}") for pid in pids) else {}

    def test_dry_run_shows_the_lines_and_trains_nothing(self):
        finished = self.sweep(sweeps.write_table(self.root), "--dry-run")
        lines = [line for line in finished.out.splitlines() if "resnext-launch" in line]
        self.assertEqual(len(lines), 4)
        for line in lines:
            self.assertIn("--scale smoke --out " + self.folder, line)
        self.assertRegex(finished.out, r"4 of 4 runs to do, 1 at a time: about \d+ s in all, \S+ device-hours, up to \d+ MB")
        self.assertEqual(sweeps.run_folders(self.folder), [])

    def test_time_on_gpus_that_are_not_there(self):
        line = [os.environ["RESNEXT_INFO"], "--scale", "resnet50", "--gpu", "h100", "--gpus", "8",
                "--batch-per-replica", "32", "--precision", "fp32", "--json"]
        rate = json.loads(subprocess.run(line, check=True, capture_output=True).stdout)["rows"][0]["images_per_second"]
        images = 95 * 1281167 + 95 * 50000 / 3  # the paper's epochs; validation costs a third
        plan = sweeps.run("table3", "--scale", "paper", "--rows", "50-1x64d", "--images", self.root, "--dry-run",
                          "--gpu-kind", "h100", "--folder", self.folder)
        hours = float(re.search(r"([0-9.]+) device-hours", plan.out)[1])
        self.assertAlmostEqual(hours / (8 * images / rate / 3600), 1, delta=0.02, msg=plan)

    def test_failed_and_diverged_rows_do_not_stop_the_others(self):
        rows = sweeps.row("diverges", "resnet11_cifar_w4", "learning-rate = 1e30") + sweeps.row(
            "fails", "resnet11_cifar_w4", "momentum = 7")
        finished = self.sweep(sweeps.write_table(self.root, rows=rows), "--seeds", "1", code=1)
        self.assertRegex(finished.out, "diverges seed 1: diverged: .*the run has diverged")
        self.assertRegex(finished.out, "fails seed 1: failed: .*momentum")
        with h5py.File(os.path.join(self.folder, "small.h5"), "r") as table:
            states = {run.attrs["row"]: run.attrs["state"] for run in table["runs"].values()}
        self.assertEqual(states, {"one": "finished", "two": "finished", "diverges": "diverged", "fails": "failed"})
        again = self.sweep(os.path.join(self.root, "small.toml"), "--seeds", "1", code=1)
        self.assertIn("fails seed 1: started", again.out)
        self.assertNotIn("diverges seed 1: started", again.out)

    def test_ctrl_c_lets_runs_write_checkpoints(self):
        table = sweeps.write_table(self.root, steps=3000)
        with self.start(table) as program:
            program.wait_for("one seed 1: started")
            program.wait_until(lambda: any(os.listdir(path + "/checkpoints") for path in sweeps.run_folders(self.folder)),
                               "a checkpoint")
            status = self.sweep(table, "--status")
            self.assertIn(f"process {program.process.pid} is at it", status.out)
            self.assertRegex(status.out, r"one seed 1 +\[")
            program.process.send_signal(signal.SIGINT)
            finished = program.finish(60)
        self.assertEqual(finished.code, 0, finished)
        self.assertIn("stopped; the same command goes on", finished.out)
        self.assertEqual(sweeps.pids_in(self.folder), [])
        with open(os.path.join(sweeps.run_folders(self.folder)[0], "run.log")) as log:
            self.assertIn("goes on from the checkpoint", log.read())
        self.assertNotIn("is at it", self.sweep(table, "--status").out)


class SurvivesKills(SweepTest):
    def test_kills_at_random_moments(self):
        seed = int(os.environ.get("RESNEXT_TEST_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed} (RESNEXT_TEST_SEED repeats it)")
        chance = random.Random(seed)
        table = sweeps.write_table(self.root, steps=60)
        start = time.monotonic()
        self.sweep(table, "--jobs", "2" if len(os.sched_getaffinity(0)) > 1 else "1")
        whole_seconds = time.monotonic() - start
        undisturbed = sweeps.numbers(os.path.join(self.folder, "small.h5"))
        end = time.monotonic() + KILLING_SECONDS
        drivers = runs = sweeps_done = 0
        while time.monotonic() < end:
            shutil.rmtree(self.folder)
            finished = False
            while not finished:
                with self.start(table, "--jobs", chance.choice(["1", "2"])) as program:
                    deadline = time.monotonic() + chance.uniform(0, whole_seconds)
                    while time.monotonic() < deadline and program.process.poll() is None:
                        time.sleep(0.02)
                        if chance.random() < 0.01:
                            runs += self.kill_one_of_the_runs(chance)
                    if time.monotonic() > end:  # the last sweep may finish
                        program.finish()
                    if program.process.poll() is None:
                        program.process.kill()
                        drivers += 1
                    ended = program.finish()
                finished = ended.code == 0
                self.assertIn(ended.code, (0, 128 + signal.SIGKILL), ended)
            sweeps_done += 1
            self.assertEqual(sweeps.numbers(os.path.join(self.folder, "small.h5")), undisturbed)
        print(f"{sweeps_done} sweeps after SIGKILL to {drivers} drivers and {runs} processes of runs: all tables identical")
        self.assertGreaterEqual(drivers + runs, 3, "too few kills to say anything")

    def kill_one_of_the_runs(self, chance):
        processes = [pid for pid, _ in sweeps.pids_in(self.folder) if self.is_of_a_run(pid)]
        if not processes:
            return 0
        programs.send([chance.choice(processes)], signal.SIGKILL)
        return 1

    def is_of_a_run(self, pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read()
        except OSError:
            return False
        return b"/runs/" in line and b"resnext-worker" in line


class RefusesBadInput(SweepTest):
    def test_names_that_are_not_there(self):
        self.assertIn("there is no table 'table33'; there are: figure5", self.refused("table33", "--scale", "smoke"))
        self.assertIn("has no scale 'smok'; it has: ", self.refused("table3", "--scale", "smok"))
        table = sweeps.write_table(self.root)
        self.assertIn("table 'small' has no row 'three'; it has: one, two",
                      self.refused(table, "--scale", "smoke", "--rows", "three"))

    def test_model_that_is_not_there(self):
        table = sweeps.write_table(self.root, rows=sweeps.row("bad", "resnet12_cifar"))
        self.assertRegex(self.refused(table, "--scale", "smoke"), "row 'bad' at scale smoke: .*resnet12_cifar")

    def test_table_file_with_an_error(self):
        table = sweeps.write_table(self.root, extra="basline = 1")
        self.assertIn("small.toml:5:1: unknown key 'basline'; did you mean 'baseline'?",
                      self.refused(table, "--scale", "smoke"))

    def test_data_that_is_not_there(self):
        self.assertIn("no images of ImageNet-1K; give --images DIR, or --data and --val-data with shards",
                      self.refused("table3", "--scale", "paper"))
        self.assertIn("--images: '/nowhere' is not a folder",
                      self.refused("table3", "--scale", "proxy", "--images", "/nowhere"))
        self.assertIn("is no folder of CIFAR-10: it has no 'data_batch_1.bin' or 'train/airplane'",
                      self.refused("table3", "--scale", "proxy", "--images", self.root))
        self.assertIn("give both, or neither", self.refused("table3", "--scale", "proxy", "--data", "x"))

    def test_disk_that_is_too_small(self):
        rows = sweeps.row("large", "resnext29_16x64d_cifar")
        table = sweeps.write_table(self.root, rows=rows)
        error = self.refused(table, "--scale", "smoke", "--seeds", "200", "--rows", "large", code=1) \
            if shutil.disk_usage(self.root).free < 250e9 else None
        if error is None:
            self.skipTest("the disk is too large for a test to fill on paper")
        self.assertRegex(error, "the sweep needs up to .* and its disk has .*: free some, or give --folder on another")
        self.assertEqual(sweeps.run_folders(self.folder), [])

    def test_second_driver_on_a_folder(self):
        table = sweeps.write_table(self.root, steps=3000)
        with self.start(table) as first:
            first.wait_for("started")
            error = self.refused(table, "--scale", "smoke", code=1)
            self.assertIn(f"process {first.process.pid} is sweeping in {self.folder} already", error)
            self.assertIsNone(first.process.poll())
            first.process.send_signal(signal.SIGTERM)
            self.assertEqual(first.finish(60).code, 0)


if __name__ == "__main__":
    unittest.main()
