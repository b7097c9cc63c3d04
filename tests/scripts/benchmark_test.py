"""scripts/benchmark: the table's arithmetic, its rows, its files, and what it says of what cannot be measured."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import h5py

BENCHMARK = pathlib.Path(__file__).resolve().parents[2] / "scripts/benchmark"
sys.path.insert(0, str(BENCHMARK))
import arithmetic  # noqa: E402
import kinds  # noqa: E402
import record  # noqa: E402
import report  # noqa: E402
import roofline  # noqa: E402
import rows  # noqa: E402
import running  # noqa: E402

HOST = kinds.Host(2, "/usr/bin/python3")


def row(name):
    return rows.select(rows.read_rows(), [name])[0]


def steps(seconds, images=16, parameters=7, forward_flop=1e9):
    return {"seconds": seconds, "images": [images], "parameters": [parameters], "forward_flop": [forward_flop],
            "peak_bytes": [2e9]}


def peak(gflops):
    return {"fp32_gflops": [gflops], "bf16_gflops": [2 * gflops]}


def main(*options, **variables):
    return subprocess.run(["/usr/bin/python3", BENCHMARK / "main.py", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=dict(os.environ, **variables), timeout=90)


class Arithmetic(unittest.TestCase):
    def test_share_of_the_peak(self):
        # ResNeXt-50: 4.2305e9 multiply-adds forward; 8 images/s on 234 GFLOP/s.
        share = arithmetic.mfu(8, 2 * 4.2305e9, 3, 234)
        self.assertAlmostEqual(share, 0.8678, places=4)

    def test_ratios_are_taken_within_a_round(self):
        # The machine slows down threefold in the second round, and the ratio stays.
        samples = kinds.Samples({"ours": [steps([1.0, 2.0, 1.0]), steps([3.0]), steps([1.0])],
                                 "pytorch contiguous": [steps([2.0]), steps([6.0]), steps([5.0])],
                                 "peak": [peak(100)] * 3})
        figures = kinds.KINDS["speed"].figures(row("cifar"), samples)
        self.assertEqual(figures.ratio, [2.0, 2.0, 5.0])
        self.assertEqual(arithmetic.median(figures.ratio), 2.0)
        self.assertAlmostEqual(figures.mfu[0], 3 * 16 / 100)

    def test_the_faster_layout_counts_round_by_round(self):
        samples = kinds.Samples({"ours": [steps([1.0])] * 2, "pytorch contiguous": [steps([2.0]), steps([8.0])],
                                 "pytorch channels_last": [steps([4.0]), steps([3.0])], "peak": [peak(100)] * 2})
        self.assertEqual(kinds.KINDS["speed"].figures(row("cifar"), samples).ratio, [2.0, 3.0])

    def test_step_over_step_is_for_an_image(self):
        samples = kinds.Samples({"ours model": [steps([2.0], images=8)], "ours over": [steps([2.0], images=16)]})
        figures = kinds.KINDS["step-over-step"].figures(row("table3-resnext50_8x14d-fp32"), samples)
        self.assertEqual(figures.ratio, [2.0])

    def test_bf16_has_a_peak_of_its_own(self):
        samples = kinds.Samples({"ours": [steps([1.0])], "pytorch channels_last": [steps([1.0])], "peak": [peak(100)]})
        self.assertAlmostEqual(kinds.KINDS["speed"].figures(row("train-bf16"), samples).mfu[0], 3 * 16 / 200)

    def test_hidden_share(self):
        self.assertAlmostEqual(arithmetic.hidden_share([2.02, 9.0, 2.01], [2.0, 2.0, 2.0], [0.1]), 0.8)


class Rows(unittest.TestCase):
    def test_every_row_has_a_kind_that_knows_what_it_needs(self):
        every = rows.read_rows()
        self.assertEqual(len({row.name for row in every}), len(every))
        for each in every:
            with self.subTest(each.name):
                self.assertTrue(kinds.kind_of(each).needs(each, HOST))
                self.assertNotIn("{", each.title + each.name)

    def test_an_unknown_row_is_named_with_the_nearest(self):
        ended = main("--only", "train-fp23")
        self.assertEqual(ended.returncode, 2)
        self.assertEqual(len(ended.stderr.splitlines()), 1)
        self.assertIn("no row 'train-fp23'; did you mean 'train-fp32'?", ended.stderr)

    def test_both_targets_must_be_reached(self):
        both = row("train-fp32")  # 1.5 times PyTorch, and 80% of the peak
        self.assertTrue(both.is_met(1.5, 0.80))
        self.assertFalse(both.is_met(1.49, 0.80))
        self.assertFalse(both.is_met(1.5, 0.79))
        self.assertFalse(both.is_met(1.5, None))
        self.assertFalse(row("memory").is_met(0.51))
        self.assertTrue(row("memory").is_met(0.5))

    def test_rows_share_what_is_the_same(self):
        def ours(name, label="ours"):
            return kinds.kind_of(row(name)).needs(row(name), HOST)[label]

        self.assertEqual(ours("train-fp32"), ours("memory"))
        self.assertNotEqual(ours("train-fp32"), ours("train-bf16"))
        one, parts = ours("laptop-grey-one-replica"), ours("laptop-grey")
        self.assertEqual((one.network.batch, one.replicas or one.ranks), (128, 1))
        self.assertEqual((parts.network.batch, parts.replicas), (16, 8))
        self.assertEqual(ours("table3-resnext50_2x40d-fp32", "ours over"), ours("table3-resnext50_4x24d-fp32", "ours over"))

    def test_the_list_measures_nothing(self):
        ended = main("--list", RESNEXT_BUILD="/nowhere")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(len(ended.stdout.splitlines()), len(rows.read_rows()))


class WhatCannotBeMeasured(unittest.TestCase):
    def test_a_python_without_pytorch(self):
        # -S: without the folders in which packages are installed.
        with self.assertRaises(running.NotMeasured) as raised:
            running.run(["/usr/bin/python3", "-S", BENCHMARK / "pytorch_side.py", "{}"])
        self.assertIn("PyTorch is not there for /usr/bin/python3", str(raised.exception))
        self.assertIn("PYTHON=", str(raised.exception))

    def test_ours_stays_in_the_table(self):
        samples = kinds.Samples({"ours": [steps([1.0])], "pytorch contiguous": [running.NotMeasured("too slow")],
                                 "peak": [peak(100)]})
        figures = kinds.KINDS["speed"].figures(row("cifar"), samples)
        self.assertEqual((figures.ours, figures.ratio), ([16.0], []))
        line = report.table([(row("cifar"), figures)]).splitlines()[-1]
        self.assertIn("16 images/s", line)
        self.assertIn("theirs not measured: too slow", line)

    def test_another_network_is_no_comparison(self):
        samples = kinds.Samples({"ours": [steps([1.0], parameters=8)], "pytorch contiguous": [steps([1.0])],
                                 "peak": [peak(100)]})
        figures = kinds.KINDS["speed"].figures(row("cifar"), samples)
        self.assertEqual(figures.ratio, [])
        self.assertIn("7 and 8 parameters", figures.theirs_missing)

    def test_a_failure_is_told_in_its_own_words(self):
        script = "import sys; print('noise\\nx: error: no such thing\\nmpirun noticed', file=sys.stderr); sys.exit(1)"
        with self.assertRaisesRegex(running.NotMeasured, "^x: error: no such thing$"):
            running.run([sys.executable, "-c", script])

    def test_patience_ends(self):
        start = time.monotonic()
        with self.assertRaisesRegex(running.NotMeasured, "not done after 1 s"):
            running.run(["sleep", "60"], seconds=1)
        self.assertLess(time.monotonic() - start, 20)

    def test_peak_memory_is_the_programs(self):
        ended = running.run([sys.executable, "-c", "x = bytearray(300_000_000); print(sum(x[::4096]))"])
        self.assertGreater(ended.peak_bytes, 300e6)
        self.assertLess(ended.peak_bytes, 500e6)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_results_and_every_sample_can_be_read(self):
        path = os.path.join(self.folder, "benchmark.h5")
        fast, slow = row("cifar"), row("memory")
        figures = arithmetic.Figures([16.0, 8.0, 8.0], [4.0, 4.0, 4.0], [4.0, 2.0, 2.0], [0.5, 0.25, 0.25], "images/s")
        record.write(path, {"processor": "P", "cores": 2}, [(fast, figures), (slow, running.NotMeasured("why"))],
                     {"ours": [steps([1.0, 2.0]), running.NotMeasured("killed")]})
        with h5py.File(path, "r") as file:
            self.assertEqual((file.attrs["format"], file.attrs["processor"]), ("resnext-benchmark", "P"))
            self.assertEqual(list(file["rows/cifar/ratio"]), [4.0, 2.0, 2.0])
            self.assertEqual(file["rows/cifar"].attrs["median_ratio"], 2.0)
            self.assertTrue(file["rows/cifar"].attrs["met"])
            self.assertEqual(file["rows/memory"].attrs["not_measured"], "why")
            self.assertEqual(list(file["samples/000/round0/seconds"]), [1.0, 2.0])
            self.assertEqual(file["samples/000"].attrs["not_measured_1"], "killed")

    def test_the_table_says_what_is_missed(self):
        figures = arithmetic.Figures([1.4], [1.0], [1.4], [0.81], "images/s")
        line = report.table([(row("train-fp32"), figures)]).splitlines()[-1]
        self.assertIn("MISSED", line)
        self.assertIn("81%", line)
        figures.ratio = [1.6]
        self.assertRegex(report.table([(row("train-fp32"), figures)]).splitlines()[-1], r"met$")

    def test_roofline(self):
        def layer(which, **other):
            return {"name": "conv1", "pass": which, "implementation": "i", "layout": "l", "gflop": 2.0, "bytes": 1e8,
                    "seconds": 0.02} | other

        report_of_layers = {"peak_gflops": 200, "memory_gbps": 40,
                            "layers": [layer("forward"), layer("backward data", bytes=4e8), layer("normalise", seconds=0)]}
        by_pass, top, memory = roofline.read_layers(json.dumps(report_of_layers))
        self.assertEqual(by_pass, {"forward": ([20.0], [100.0]), "backward data": ([5.0], [100.0])})
        path = pathlib.Path(self.folder, "roofline.png")
        roofline.draw(by_pass, top, memory, "title", path)
        self.assertEqual(path.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
        for bad in ("", "{}", '{"peak_gflops": 1, "memory_gbps": 1, "layers": []}'):
            with self.assertRaises(roofline.NoLayers):
                roofline.read_layers(bad)


if __name__ == "__main__":
    unittest.main()
