"""Streams and the host wait where they must, and nowhere else: each wait of the plugin is left out in turn, which must
show in an order of the streams that net/cuda/README.md names for it. Its table and the plugin name the same waits.

Copies to and from pageable memory run late here, and memory that is freed turns into NaN."""

import concurrent.futures
import itertools
import os
import re
import unittest

import datasets
import programs
import run_files
import standin_gpus

README = os.path.join(os.environ["RESNEXT_SOURCE_DIR"], "net", "cuda", "README.md")
ENGINE_TEST = os.environ["RESNEXT_CUDA_ENGINE_TEST"]
HARSH = {"STANDIN_PAGEABLE": "late", "MALLOC_PERTURB_": "255"}
RECIPE = ["--batch-per-replica", "2", "--learning-rate", "0.002", "--augment", "cifar", "--seed", "7"]
SMALL = [*RECIPE, "--model", "resnext11_4x4d_cifar_w8", "--bucket-mib", "0.05"]
ACCUMULATED = ["--replicas", "4", "--accumulate", "2"]
CLIPPED = [*SMALL, *ACCUMULATED, "--clip-gradient-norm", "0.5"]
# Ranks and options.
ONE = (1, [*SMALL, "--replicas", "8", "--steps", "3", "--validate-every", "2", "--cuda-graphs", "off"])
EXACT = (2, [*CLIPPED, "--steps", "3", "--validate-every", "2", "--cuda-graphs", "on"])
FAST = (2, [*SMALL, *ACCUMULATED, "--steps", "2", "--reduce", "fast", "--cuda-graphs", "on"])
# Its gradients are exported, and reduced, in several parts.
WIDE = (1, [*RECIPE, "--model", "resnext11_4x8d_cifar", "--replicas", "2", "--bucket-mib", "0.5", "--steps", "1"])
RUNS = (ONE, EXACT, FAST)
# The last operation that NCCL is asked for fails.
UNHEARD = {"host:weights updated": (2, [*SMALL, "--replicas", "8", "--steps", "1", "--reduce", "fast"], "3"),
           "host:momentum gathered": (2, [*SMALL, "--replicas", "8", "--steps", "1"], "11")}


def kind(site):
    return re.sub(r"\d+", "N", site)


def documented():
    """By kind of wait, what shows its absence: the first and the last column of the table."""
    with open(README) as file:
        rows = re.findall(r"^\| `(\S+:[^`]+)` \|.*\| ([^|]+) \|$", file.read(), re.MULTILINE)
    return {wait: shown.split(", ") for wait, shown in rows}


def some_of_each_kind(sites):
    """The first, a middle and the last one."""
    kinds = {}
    for site in sorted(sites):
        kinds.setdefault(kind(site), []).append(site)
    return [site for several in kinds.values()
            for site in dict.fromkeys([several[0], several[len(several) // 2], several[-1]])]


def two_at_once(function, arguments):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, arguments))


class EveryWaitIsNeeded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = standin_gpus.Host()
        cls.addClassCleanup(cls.host.close)
        cls.data = datasets.pack_idx(cls.host.path("data"), 19)
        cls.validation = datasets.pack_idx(cls.host.path("data"), 9, split="test", seed=1)
        cls.numbers = itertools.count()
        cls.documented = documented()

    def new_path(self):
        return self.host.path(f"run-{next(self.numbers)}")

    def options(self, options):
        return [*options, "--data", self.data, "--val-data", self.validation]

    def outcome(self, run, order, folder=None, **variables):
        """All bits of a run; of one that fails, how it ended."""
        ranks, options = run
        folder = folder or self.new_path()
        try:
            return self.host.outcome(os.path.basename(folder), ranks, self.options(options), seconds=60,
                                     STANDIN_ORDER=order, **HARSH, **variables)
        except AssertionError as failure:
            return str(failure)

    def require_bits(self, outcome):
        if isinstance(outcome, str):
            self.fail(outcome)

    def undisturbed(self, run):
        """The bits of a run, which are the same in every order, and the waits of it."""
        prefix = self.new_path()
        first, *others = two_at_once(lambda order: self.outcome(run, order, STANDIN_LIST_WAITS=prefix),
                                     standin_gpus.ORDERS)
        self.require_bits(first)
        for order, other in zip(standin_gpus.ORDERS[1:], others):
            self.assertTrue(first == other, f"other bits in order {order}: {run}")
        return first, self.host.wait_sites(prefix)

    def shows(self, run, site, expected):
        """The first documented order in which the run is not what it was once the wait is left out; or None."""
        for order in self.documented[kind(site)]:
            if self.outcome(run, order, STANDIN_DROP_WAIT=site) != expected:
                return order
        return None

    def require_every_wait(self, run, of_kinds=""):
        expected, sites = self.undisturbed(run)
        self.assertLessEqual({kind(site) for site in sites}, self.documented.keys())
        tried = [site for site in some_of_each_kind(sites)
                 if of_kinds in site and set(self.documented[kind(site)]) <= set(standin_gpus.ORDERS)]
        self.assertGreater(len(tried), 0)
        orders = two_at_once(lambda site: self.shows(run, site, expected), tried)
        for site, order in zip(tried, orders):
            print(f"{site}: {order or 'NOT MISSED'}")
        self.assertEqual([site for site, order in zip(tried, orders) if order is None], [])

    def test_one_gpu(self):
        self.require_every_wait(ONE)

    def test_exact_reduction(self):
        self.require_every_wait(EXACT)

    def test_fast_reduction(self):
        self.require_every_wait(FAST)

    def test_every_part_of_the_gradient(self):
        self.require_every_wait(WIDE, of_kinds="reduction:gradient bucket")

    def test_resuming(self):
        site = "host:reduction, momentum to go on with"
        self.assertEqual(self.documented[site], ["resuming"])
        start = self.new_path()
        self.outcome((1, [*CLIPPED, "--steps", "2"]), "lazy", folder=start)
        resumed = (1, [*CLIPPED, "--steps", "4", "--resume", run_files.checkpoints(start)[-1]])
        first, second, without = (self.outcome(resumed, order, **drop) for order, drop in
                                  (("lazy", {}), ("others", {}), ("lazy", {"STANDIN_DROP_WAIT": site})))
        self.require_bits(first)
        self.assertTrue(first == second, "other bits in another order")
        self.assertTrue(first != without, f"{site} is not missed")

    def test_hearing_of_failures(self):
        """Whoever does not wait for NCCL with an eye on it waits for ever, or goes on as if nothing had happened."""

        def ends(site, drop):
            ranks, options, at = UNHEARD[site]
            try:
                return self.host.run(ranks, ["--device", "cuda", *self.options(options), "--checkpoint-dir",
                                             self.new_path()], seconds=15, STANDIN_NCCL_ERROR_AT=at, **drop).err
            except AssertionError as still_running:
                return str(still_running)

        heard = r"NCCL on \S+: the (sum|gather) of \S+ bucket 3"
        for message in two_at_once(lambda site: ends(site, {}), UNHEARD):
            self.assertRegex(message, heard)
        for message in two_at_once(lambda site: ends(site, {"STANDIN_DROP_WAIT": site}), UNHEARD):
            self.assertNotRegex(message, heard)
        for site in UNHEARD:
            self.assertEqual(self.documented[site], ["failure of NCCL"])

    def engine_test(self, **variables):
        """How a test of the engine alone ends, which the worker uses otherwise."""
        # The plans are those of this test at other times, on a GPU of the usual name.
        changes = {"STANDIN_ORDER": "lazy", "STANDIN_DEVICE_NAME": None, **HARSH, **variables}
        environment = ["-u", "CUDA_VISIBLE_DEVICES", *standin_gpus.assignments(self.host.folder, changes)]
        test = [ENGINE_TEST, "--gtest_filter=EnginePromises.AnnouncedGradientsAreFinal"]
        return programs.run(["env", *environment, *test], seconds=250)

    def test_an_engine_alone(self):
        prefix = self.new_path()
        self.assertEqual(self.engine_test(STANDIN_LIST_WAITS=prefix).code, 0)
        alone = [site for site in self.host.wait_sites(prefix) if self.documented[kind(site)] == ["engine alone"]]
        self.assertEqual(alone, ["host:compute, gradients"])
        for site in alone:
            self.assertNotEqual(self.engine_test(STANDIN_DROP_WAIT=site).code, 0, site)

    def test_the_list_is_complete(self):
        prefix = self.new_path()
        for run in RUNS:
            self.require_bits(self.outcome(run, "lazy", STANDIN_LIST_WAITS=prefix))
        self.engine_test(STANDIN_LIST_WAITS=prefix)
        self.assertEqual({kind(site) for site in self.host.wait_sites(prefix)}, self.documented.keys())


if __name__ == "__main__":
    unittest.main()
