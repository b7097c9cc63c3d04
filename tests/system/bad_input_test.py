"""Whatever is wrong, the user gets one line that says what and where, a non-zero exit code of the whole job, and soon."""

import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import unittest

import h5py

import datasets
import programs
import run_files

MODEL = ["--model", "resnext11_4x4d_cifar_w8", "--replicas", "4", "--batch-per-replica", "4", "--image-size", "16"]
SECONDS = 30  # on a busy machine; a second or two otherwise


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.class_folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.class_folder.cleanup)
        cls.pristine = os.path.join(cls.class_folder.name, "shards")
        datasets.pack_jpegs(cls.class_folder.name, 40, shards=2)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        shutil.copytree(self.pristine, self.path("shards"))
        self.data = ["--data", self.path("shards", "train"), "--augment", "imagenet"]
        self.shard = self.path("shards", "train-00001-of-00002.h5")  # samples 20 to 39
        self.checkpoints = self.path("checkpoints")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def require_error(self, finished, code, *fragments, agreed=True):
        """`agreed`: the ranks end in good order, instead of one pulling down the others."""
        self.assertEqual(finished.code, code, finished)
        if agreed:
            self.assertNotIn("MPI_ABORT", finished.err, finished)
        lines = finished.own_error_lines()
        self.assertEqual(len(lines), 1, finished)
        self.assertTrue(lines[0].startswith("resnext-worker: error: "), finished)
        for fragment in fragments:
            self.assertIn(fragment, lines[0])
        self.assertLess(finished.seconds, SECONDS)

    def require_refused(self, options, *fragments):
        """A command line that cannot be run."""
        self.require_error(programs.run_worker(2, options), 2, *fragments)

    def require_failure(self, options, *fragments, ranks=4):
        self.require_error(programs.run_worker(ranks, [*MODEL, *options]), 1, *fragments)

    def train_three_steps(self, *options):
        programs.train(1, [*MODEL, *self.data, "--steps", "3", "--checkpoint-dir", self.checkpoints, *options])
        return run_files.checkpoints(self.checkpoints)[-1]

    # ---- the command line

    def test_unknown_option(self):
        self.require_refused(["--replica", "4"], "unknown option '--replica'; did you mean '--replicas'?")

    def test_unknown_model(self):
        self.require_refused(["--model", "resnext50_32x4"], "--model", "resnext50_32x4d")

    def test_unknown_augmentation(self):
        self.require_refused(["--augment", "imagnet"], "--augment: unknown value 'imagnet'", "'imagenet'?")

    def test_unknown_schedule(self):
        self.require_refused(["--schedule", "cosin"], "--schedule: unknown value 'cosin'", "'cosine'?")

    def test_malformed_number(self):
        self.require_refused(["--steps", "many"], "--steps", "many")

    def test_negative_number(self):
        self.require_refused(["--steps", "-5"], "--steps")

    def test_contradictory_options(self):
        self.require_refused(["--steps", "5", "--epochs", "2"], "--steps: contradicts --epochs")

    def test_unknown_key_in_a_config_file(self):
        with open(self.path("run.ini"), "w") as file:
            file.write("model = resnet50\nlearning-rat = 0.1\n")
        self.require_refused(["--config", self.path("run.ini")], "run.ini", "learning-rat'", "'--learning-rate'?")

    # ---- the data

    def test_no_such_data(self):
        self.require_failure(["--data", self.path("nowhere")], "nowhere")

    def test_missing_shard(self):
        os.remove(self.shard)
        self.require_failure(self.data, "train-00001-of-00002.h5: missing")

    def test_truncated_shard(self):
        os.truncate(self.shard, os.path.getsize(self.shard) * 2 // 3)
        self.require_failure(self.data, "train-00001-of-00002.h5")

    def damage_sample(self, sample, shard):
        """Flips a bit of a stored image."""
        with h5py.File(shard, "r") as file:
            at = file["images/bytes"].id.get_offset() + int(file["images/offsets"][sample]) + 100
        with open(shard, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 8]))

    def test_flipped_bit_in_a_training_image(self):
        self.damage_sample(7, self.shard)
        self.require_failure([*self.data, "--epochs", "1"], "train-00001-of-00002.h5: sample 7 (of the set: 27)",
                             "checksum")

    def test_flipped_bit_in_a_validation_image(self):
        shutil.copytree(self.pristine, self.path("val"))
        self.damage_sample(3, self.path("val", "train-00000-of-00002.h5"))
        self.require_failure([*self.data, "--val-data", self.path("val"), "--epochs", "1"],
                             "val", "train-00000-of-00002.h5: sample 3 ", "checksum")

    def test_jpeg_that_does_not_decode(self):
        images = os.path.join(self.class_folder.name, "images-train")
        shutil.copytree(images, self.path("images"))
        os.truncate(self.path("images", "class002", "0012.JPEG"), 300)
        programs.pack(self.path("images"), self.path("broken"), "--no-shuffle")
        self.require_failure(["--data", self.path("broken"), "--augment", "imagenet", "--epochs", "1"],
                             "broken: sample 18: ", "JPEG")  # class 2 begins at sample 16

    def test_label_out_of_range(self):
        with h5py.File(self.shard, "r+") as file:
            file["labels"][4] = 5
        self.require_failure(self.data, "train-00001-of-00002.h5: sample 4 (of the set: 24)",
                             "label 5 is not one of the 5 classes")

    def test_validation_set_with_other_classes(self):
        more = datasets.pack_jpegs(self.folder, 12, "more", classes=6)
        self.require_failure([*self.data, "--val-data", more], "has other classes than", "6 against 5")

    def test_images_of_another_size_than_the_augmentation_takes(self):
        self.require_failure([*self.data[:2], "--augment", "cifar"], "train: sample ", "16")

    # ---- checkpoints

    def test_init_with_another_model(self):
        checkpoint = self.train_three_steps()
        finished = programs.run_worker(2, [*self.data, "--image-size", "16", "--model", "resnext11_2x4d_cifar_w8",
                                           "--init", checkpoint])
        self.require_error(finished, 1, checkpoint, "resnext11_4x4d_cifar_w8")

    def test_resume_with_another_model(self):
        checkpoint = self.train_three_steps()
        finished = programs.run_worker(2, [*self.data, "--image-size", "16", "--model", "resnext11_2x4d_cifar_w8",
                                           "--checkpoint-dir", self.checkpoints])
        self.require_error(finished, 1, checkpoint, "resnext11_4x4d_cifar_w8")

    def test_resume_with_other_options(self):
        checkpoint = self.train_three_steps()
        self.require_failure([*self.data, "--learning-rate", "0.2", "--checkpoint-dir", self.checkpoints],
                             checkpoint, "learning-rate 0.1, this run has 0.2", "--resume never")

    def test_resume_from_no_such_file(self):
        self.require_failure([*self.data, "--resume", self.path("none.h5")], "none.h5", "No such file")

    def test_resume_from_a_damaged_file(self):
        checkpoint = self.train_three_steps()
        os.truncate(checkpoint, 5000)
        self.require_failure([*self.data, "--resume", checkpoint], checkpoint, "torn")

    # ---- files to write

    def test_results_into_no_such_folder(self):
        self.require_failure([*self.data, "--out", self.path("none", "run.h5")], "none/run.h5", "not an existing folder")

    def test_results_into_a_folder_that_cannot_be_written(self):
        folder = "/proc" if os.geteuid() == 0 else self.path("locked")  # root may write anywhere else
        os.makedirs(folder, mode=0o500, exist_ok=True)
        self.require_failure([*self.data, "--out", os.path.join(folder, "run.h5")], folder + "/run.h5")

    def test_checkpoints_into_a_file(self):
        with open(self.path("file"), "w"):
            pass
        self.require_failure([*self.data, "--checkpoint-dir", self.path("file", "checkpoints")], "file/checkpoints")

    def require_good_first_checkpoint(self, folder, interval):
        """Nothing is lost: the run goes on from the first checkpoint."""
        paths = run_files.checkpoints(folder)
        self.assertEqual([os.path.basename(path) for path in paths], [f"checkpoint-{interval:08}.h5"])
        finished = programs.train(2, [*MODEL, *self.data, "--steps", str(2 * interval), "--checkpoint-dir", folder])
        self.assertIn(f"(step {interval})", finished.out)

    def test_full_disk(self):
        # A disk of its own with room for one checkpoint and a half.
        size = os.path.getsize(self.train_three_steps()) * 3 // 2  # its history grows a little
        os.mkdir(self.path("disk"))
        isolated = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c",
                    f'mount -t tmpfs -o size={size} none "$0/disk" || exit 99; "$@"; code=$?; '
                    'cp -r "$0/disk" "$0/saved"; exit $code', self.folder]
        if subprocess.run([*isolated, "true"], capture_output=True).returncode != 0:
            self.skipTest("mounting is not permitted here")
        shutil.rmtree(self.path("saved"))
        finished = programs.run([*isolated, *programs.worker_command(4, [
            *MODEL, *self.data, "--steps", "100000", "--checkpoint-every", "100", "--checkpoint-dir", self.path("disk"),
            "--out", self.path("run.h5")])])
        self.require_error(finished, 1, "disk/checkpoint-00000200.h5", "No space left on device")
        last_step = int(re.findall(r"step +(\d+)/", finished.out)[-1])
        self.assertLess(last_step, 290)  # it did not take the next checkpoint to see it
        self.require_good_first_checkpoint(self.path("saved"), 100)

    def test_file_size_limit(self):
        folder = self.path("limited")
        with programs.start_worker(2, [*MODEL, *self.data, "--steps", "1000000", "--checkpoint-every", "1000",
                                       "--checkpoint-dir", folder]) as program:
            program.wait_until(lambda: run_files.checkpoints(folder))
            for pid in program.ranks():
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (1000, 1000))
            finished = program.finish()
        self.require_error(finished, 1, "limited/checkpoint-", "File too large")
        programs.train(2, [*MODEL, *self.data, "--steps", "1000", "--checkpoint-dir", folder])

    def test_results_whose_folder_vanishes(self):
        os.mkdir(self.path("results"))
        with programs.start_worker(4, [*MODEL, *self.data, "--steps", "100000", "--log-every", "0.5",
                                       "--out", self.path("results", "run.h5"), "--validate-every", "1",
                                       "--val-data", self.path("shards", "train")]) as program:
            program.wait_for("left ")
            shutil.rmtree(self.path("results"))
            finished = program.finish()
        self.require_error(finished, 1, "results/run.h5", "No such file")

    # ---- the run

    def test_diverging_run(self):
        self.require_failure([*self.data, "--learning-rate", "1e30", "--steps", "10", "--checkpoint-dir",
                              self.checkpoints], "is not finite at step", "--learning-rate")
        self.assertEqual(run_files.checkpoints(self.checkpoints), [])

    def test_weights_that_diverge_in_the_last_step(self):
        self.require_failure([*self.data, "--learning-rate", "1e38", "--weight-decay", "1e10", "--steps", "1",
                              "--checkpoint-dir", self.checkpoints], "a weight is not finite at step 1")
        self.assertEqual(run_files.checkpoints(self.checkpoints), [])

    def test_killed_rank(self):
        with programs.start_worker(4, [*MODEL, *self.data, "--steps", "1000000", "--log-every", "0.5"]) as program:
            program.wait_for("left ")
            os.kill(program.ranks()[-1], signal.SIGKILL)
            finished = program.finish(SECONDS)
        self.assertEqual(finished.code, 128 + signal.SIGKILL, finished)

    def test_stuck_rank(self):
        with programs.start_worker(2, [*MODEL, *self.data, "--steps", "1000000", "--log-every", "0.5", "--timeout",
                                       "2"]) as program:
            program.wait_for("left ")
            ranks = program.ranks()
            self.addCleanup(programs.send, ranks, signal.SIGKILL)
            os.kill(ranks[1], signal.SIGSTOP)
            finished = program.finish(SECONDS)
        self.require_error(finished, 1, "waited 2 s for other ranks", "one is stuck or dead", agreed=False)

    def test_no_slots(self):
        finished = programs.run([programs.MPIRUN, "-np", "4", "--host", "localhost:1", programs.WORKER, *MODEL])
        self.assertNotEqual(finished.code, 0)
        self.assertIn("not enough slots", finished.err)

    def test_no_such_worker_through_resnext_launch(self):
        finished = programs.run([programs.LAUNCH, "-n", "2", "--worker", self.path("none"), "--", *MODEL])
        self.assertEqual(finished.code, 2, finished)
        self.assertEqual(len(finished.err.splitlines()), 1, finished)

    def test_failure_through_resnext_launch(self):
        self.damage_sample(7, self.shard)
        finished = programs.run([programs.LAUNCH, "-n", "2", "--worker", programs.WORKER, "--", *MODEL, *self.data,
                                 "--epochs", "1"])
        self.assertEqual(finished.code, 1, finished)
        errors = [line for line in finished.err.splitlines() if "error" in line]
        self.assertEqual(len(errors), 1, finished)
        self.assertNotIn("MPI_ABORT", finished.err)
        self.assertIn("sample 7 (of the set: 27)", errors[0])


if __name__ == "__main__":
    unittest.main()
