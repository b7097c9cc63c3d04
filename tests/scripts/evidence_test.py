"""The results that are committed: the pages say what the tables' files hold, and these what the runs measured."""

import json
import pathlib
import unittest

import h5py

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLES = sorted((ROOT / "results" / "evidence").glob("*/*.h5"))


def shown(cell):
    """As the Markdown has it."""
    digits = cell["decimals"]
    return f"{cell['mean']:.{digits}f} ± {cell['standard_error']:.{digits}f}"


def ends_of(table):
    """The errors of Table 3's highest and lowest cardinality."""
    return " against ".join(f"{table['rows'][name]['top1'].attrs['mean']:.2f}" for name in ("50-32x4d", "50-1x64d"))


class Evidence(unittest.TestCase):
    def test_pages_say_what_the_files_hold(self):
        self.assertTrue(TABLES)
        for path in TABLES:
            page = path.with_suffix(".md").read_text(encoding="utf-8")
            with h5py.File(path) as table:
                self.assertTrue(table.attrs["complete"], path)
                self.assertIn(f"measured at scale **{path.parent.name}**", page)
                for row in table["rows"].values():
                    for column in table.attrs["columns"]:
                        self.assertIn(f" {shown(row[column].attrs)} |", page, f"{path}: {row.name}")
                for claim in table["claims"].values():
                    self.assertIn(f"{claim.attrs['text']}: **{claim.attrs['verdict']}**", page)

    def test_tables_hold_what_the_runs_measured(self):
        for path in TABLES:
            with h5py.File(path) as table:
                for run in table["runs"].values():
                    result, row = run["result"], table["rows"][run.attrs["row"]]
                    self.assertTrue(result["summary"].attrs["finished"])
                    self.assertEqual(result.attrs["model"], row.attrs["model"])
                    self.assertEqual(result.attrs["scale"], table.attrs["scale"])
                    self.assertTrue(result.attrs["dataset"].startswith("shards/"), "a path of somebody's machine")
                    for name in table.attrs["columns"]:
                        cell, metric = row[name], table["columns"][name].attrs["metric"]
                        values = dict(zip(cell["seeds"][:].tolist(), cell["values"][:].tolist()))
                        self.assertEqual(values[run.attrs["seed"]], result["summary"].attrs[metric], run.name)

    def test_the_readme_has_the_numbers(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        with h5py.File(ROOT / "results" / "evidence" / "gpu-proxy" / "table3.h5") as table:
            for name in table.attrs["rows"]:
                row = table["rows"][name]
                self.assertRegex(readme, rf"`{row.attrs['model']}` .*\| {shown(row['top1'].attrs)} \|")
            self.assertIn(f"({ends_of(table)}% for 32", readme)
            self.assertIn(f"p = {table['claims']['00'].attrs['p']:.1g})", readme)
        with h5py.File(ROOT / "results" / "evidence" / "proxy" / "table3.h5") as table:
            self.assertIn(f"{ends_of(table)}% (p = {table['claims']['00'].attrs['p']:.3f})", readme)
        with h5py.File(ROOT / "results" / "evidence" / "proxy" / "shortcuts.h5") as table:
            resnet, resnext = (table["claims"][name].attrs for name in ("00", "01"))
            self.assertEqual([round(one["difference"]) for one in (resnet, resnext)], [-3, -3])
            self.assertIn(f"lose 3 points (p = {resnet['p']:.3f} and {resnext['p']:.3f};", readme)
        with h5py.File(ROOT / "results" / "evidence" / "proxy" / "figure7.h5") as table:
            self.assertEqual([one.attrs["verdict"] for one in table["claims"].values()], ["confirmed", "contradicted"])

    def test_the_readmes_have_the_rates_of_the_gpu(self):
        report = json.loads((ROOT / "results" / "evidence" / "h100" / "report.json").read_text(encoding="utf-8"))
        self.assertEqual({check["verdict"] for check in report}, {"passed"})
        rates = report[-1]["figures"]
        calibration = json.loads((ROOT / "net" / "planning" / "calibration.json").read_text(encoding="utf-8"))
        pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "net/cuda/README.md")]
        for model, title in (("resnet50", "ResNet-50"), ("resnext50_32x4d", "ResNeXt-50 32x4d"), ("resnet101", "ResNet-101"),
                             ("resnext101_32x4d", "ResNeXt-101 32x4d")):
            ours, theirs = rates[f"{model} x1"]["images_per_second"], rates[f"{model} PyTorch"]
            best = max(theirs.values())
            self.assertIn(f"| {title} | {ours:,.0f} | {best:,.0f} | {ours / best:.2f}x |", pages[0])
            for figure in calibration["attained"]:
                if (figure["gpu"], figure["model"]) == ("H100", model):
                    self.assertEqual(figure["images_per_second"], round(ours))
            self.assertIn(f"| {title} | {ours:,.0f} | {100 * rates[f'{model} x1']['of_bound']:.0f}% | {theirs['eager']:,.0f} | "
                          f"{theirs['cuda_graph']:,.0f} | {ours / best:.2f} |", pages[1])

    def test_the_evidence_readme_has_every_claim(self):
        lines = (ROOT / "results" / "evidence" / "README.md").read_text(encoding="utf-8").splitlines()
        for path in TABLES:
            with h5py.File(path) as table:
                for claim in table["claims"].values():
                    better, worse = (table["rows"][claim.attrs[side]][claim.attrs["column"]].attrs
                                     for side in ("better", "worse"))
                    seen = (f"{better['mean']:.{better['decimals']}f} against {worse['mean']:.{worse['decimals']}f}%, "
                            f"p = {claim.attrs['p']:.3g}")
                    found = [line for line in lines if seen in line and path.stem in line]
                    self.assertEqual(len(found), 1, f"{path.name}: {claim.attrs['text']}: {seen}")
                    self.assertIn(claim.attrs["verdict"], found[0])


if __name__ == "__main__":
    unittest.main()
