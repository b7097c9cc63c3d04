"""Plans kept in a folder: whatever is wrong with it costs time, and changes nothing."""

import glob
import json
import os
import shutil
import unittest
import unittest.mock

import datasets
import run_files
import standin_gpus

RECIPE = ["--model", "resnext11_4x4d_cifar_w8", "--replicas", "2", "--batch-per-replica", "2", "--steps", "2",
          "--learning-rate", "0.002"]


class PlansAreKept(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = standin_gpus.Host()
        cls.addClassCleanup(cls.host.close)
        cls.data = datasets.pack_idx(cls.host.path("data"), 24)
        cls.expected = cls.weights("known", standin_gpus.PLAN_CACHE, 1)

    @classmethod
    def weights(cls, name, folder, ranks):
        """Where a run with this folder of plans ends."""
        with unittest.mock.patch.object(standin_gpus, "PLAN_CACHE", folder):
            states, _ = cls.host.outcome(name, ranks, [*RECIPE, "--data", cls.data])
        return states[-1]

    def require_same_bits(self, name, folder, ranks=1):
        self.assertEqual(run_files.differing(self.weights(name, folder, ranks), self.expected), [])

    def entries(self, folder):
        """The content of each file, by path."""
        found = {}
        for path in glob.glob(os.path.join(folder, "*")):
            with open(path) as file:
                found[path] = json.load(file)
        return found

    def test_two_ranks_fill_one_folder_and_damage_is_repaired(self):
        folder = self.host.path("plans")
        self.require_same_bits("filled", folder, 2)
        before = self.entries(folder)
        self.assertGreater(len(before), 20)
        paths = sorted(before)

        def write(path, text):
            with open(path, "wb") as file:
                file.write(text)

        os.truncate(paths[0], os.path.getsize(paths[0]) // 2)
        write(paths[1], b"\xff\x00 no plan")
        write(paths[2], b"")
        write(paths[3], json.dumps(dict(before[paths[3]], plan=7)).encode())
        write(paths[4], json.dumps(dict(before[paths[4]], plan="{}")).encode())
        shutil.copy(paths[6], paths[5])  # another graph's
        os.remove(paths[7])
        self.require_same_bits("repaired", folder)
        after = self.entries(folder)
        self.assertEqual({path: entry["key"] for path, entry in after.items()},
                         {path: entry["key"] for path, entry in before.items()})
        for path in paths:
            self.assertEqual(after[path], before[path])

    def test_a_folder_that_cannot_be_made(self):
        file = self.host.path("file")
        with open(file, "w"):
            pass
        self.require_same_bits("no-folder", os.path.join(file, "plans"))

    def test_a_folder_that_cannot_be_written(self):
        self.require_same_bits("read-only", "/proc")


if __name__ == "__main__":
    unittest.main()
