"""The real thing at its real size: resnext50_32x4d on 224x224 crops of JPEGs of 250 classes."""

import math
import os
import tarfile
import tempfile
import unittest

import h5py

import datasets
import programs

CLASSES = 250
IMAGES, STEPS = 16, 14  # learnt by heart: the loss must fall, and a laptop be done in a minute or two


def sample_archive():
    """250 real ImageNet JPEGs, where there are any: they are no part of the project."""
    beside = os.path.join(os.environ["RESNEXT_SOURCE_DIR"], "..", "shared", "data", "imagenet-sample-250.tar")
    return os.environ.get("RESNEXT_SAMPLE_IMAGES", beside)


class FullSize(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, *names):
        return os.path.join(self.folder.name, *names)

    def require_learning(self, images):
        programs.pack(images, self.path("shards"), "--name", "all")
        verified = programs.run([programs.DATA, "verify", self.path("shards", "all")])
        self.assertEqual(verified.code, 0, verified)
        os.mkdir(self.path("few"))
        datasets.write_first_samples(self.path("few", "few-00000-of-00001.h5"), self.path("shards", "all"), IMAGES)
        finished = programs.train(2, ["--model", "resnext50_32x4d", "--data", self.path("few"), "--augment", "none",
                                      "--replicas", "2", "--batch-per-replica", str(IMAGES // 2), "--steps", str(STEPS),
                                      "--learning-rate", "0.005", "--out", self.path("run.h5")], seconds=400)
        self.assertIn("input 3x224x224, 250 classes", finished.out)
        with h5py.File(self.path("run.h5"), "r") as run:
            loss = run["train/loss"][()]
            print("loss:", " ".join(f"{value:.2f}" for value in loss),
                  f"; {run['train/images_per_second'][1:].mean():.1f} images/s")
            self.assertEqual(run.attrs["parameters"], 25_028_904 - (1000 - CLASSES) * 2049)
        self.assertLess(abs(loss[0] - math.log(CLASSES)), 1)
        self.assertLess(loss[-1], 0.7 * math.log(CLASSES))

    def test_real_jpegs(self):
        archive = sample_archive()
        if not os.path.exists(archive):
            self.skipTest(f"no {archive}: RESNEXT_SAMPLE_IMAGES names a tar file of n01443537_goldfish.JPEG and so on")
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                name = os.path.basename(member.name)
                if member.isfile() and name.endswith(".JPEG"):
                    os.makedirs(self.path("images", name.split("_")[0]))
                    with open(self.path("images", name.split("_")[0], name), "wb") as file:
                        file.write(tar.extractfile(member).read())
        self.assertEqual(len(os.listdir(self.path("images"))), CLASSES)
        self.require_learning(self.path("images"))

    def test_made_jpegs(self):
        if os.path.exists(sample_archive()):
            self.skipTest("the real JPEGs are here, and take its place")
        datasets.make_jpeg_folders(self.path("images"), CLASSES, classes=CLASSES, smallest=200, largest=400)
        self.require_learning(self.path("images"))


if __name__ == "__main__":
    unittest.main()
