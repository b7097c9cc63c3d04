"""resnext-data pack on what interrupts it: kills, full disks, sources that change; and its memory and its words."""

import contextlib
import glob
import hashlib
import os
import random
import re
import resource
import shutil
import signal
import tempfile
import time
import unittest

import h5py

import datasets
import programs

IMAGES, SHARDS = 600, 40


def contents(folder):
    """Name and hash of every file of a finished set, and of whatever else lies there."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


def error_line(finished):
    lines = finished.err.splitlines()
    if len(lines) != 1 or not lines[0].startswith("resnext-data: error: "):
        raise AssertionError(str(finished))
    return lines[0]


def peak_memory(pid):
    """Bytes of a running process. (What the system says of an ended one counts in its parent, from which it forked.)"""
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


class PacksAtScale(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = folder.name
        cls.tree = os.path.join(cls.root, "tree")
        datasets.make_jpeg_folders(cls.tree, IMAGES)
        programs.pack(cls.tree, cls.path("whole"), "--shards", str(SHARDS), "--jobs", "1")
        cls.whole = contents(cls.path("whole"))

    def setUp(self):
        shutil.rmtree(self.path("out"), ignore_errors=True)

    @classmethod
    def path(cls, *names):
        return os.path.join(cls.root, *names)

    def command(self, *options, shards=SHARDS):
        return [programs.DATA, "pack", self.tree, "--out", self.path("out"), "--shards", shards, *options]

    def staged(self, stage):
        return sorted(glob.glob(self.path("out", "train.packing", "*." + stage)))

    def progress(self):
        return len(self.staged("packed")) + 2 * len(self.staged("sealed"))

    def stop_when(self, program, condition):
        """Stops the program once the condition holds, which it must before the end; looks all the time."""
        while not condition():
            self.assertIsNone(program.process.poll(), "it ended too soon")
        os.kill(program.process.pid, signal.SIGSTOP)

    def kill_when(self, condition, *options):
        """Starts packing, kills it once the condition holds."""
        with programs.Program(self.command(*options)) as program:
            self.stop_when(program, condition)
            program.kill_everything()

    def pack(self, *options):
        finished = programs.run(self.command(*options))
        self.assertEqual(finished.code, 0, finished)
        return finished

    def require_no_half_set(self):
        """Readers see all of the set or say that it is not there."""
        finished = programs.run([programs.DATA, "inspect", self.path("out", "train")])
        if finished.code == 0:
            self.assertIn(f"{IMAGES} in {SHARDS} shards", finished.out)
        else:
            error_line(finished)

    def kill_now_and_then(self, rng):
        """Starts packing again and again until it is done; returns how often it was killed meanwhile."""
        for kills in range(100):
            start, steps = self.progress(), rng.randint(1, 9)
            with programs.Program(self.command("--jobs", rng.randint(1, 4))) as program:
                while program.process.poll() is None and self.progress() < start + steps:
                    pass
                time.sleep(rng.uniform(0, 0.01))
                if program.process.poll() is not None:
                    self.assertEqual(program.finish().code, 0)
                    return kills
                program.kill_everything()
            self.require_no_half_set()
            if not os.path.exists(self.path("out", "train.packing")):
                return kills  # killed when all was done
        raise AssertionError("it never ends")

    def test_same_bits_however_often_it_is_killed(self):
        rng = random.Random(7)
        for _ in range(20):  # on a fast disk it may be done before the second kill
            kills = self.kill_now_and_then(rng)
            self.assertEqual(contents(self.path("out")), self.whole)
            if kills >= 2:
                break
            shutil.rmtree(self.path("out"))
        self.assertGreaterEqual(kills, 2)

    @contextlib.contextmanager
    def obstructed(self):
        """A packing under way that cannot finish: a folder that is not empty has the name of its last shard."""
        obstacle = self.path("out", f"train-{SHARDS - 1:05}-of-{SHARDS:05}.h5")
        with programs.Program(self.command()) as program:
            self.stop_when(program, lambda: self.staged("packed"))
            os.makedirs(os.path.join(obstacle, "in the way"))
            os.kill(program.process.pid, signal.SIGCONT)
            yield program
        shutil.rmtree(obstacle)
        self.assertEqual(glob.glob(self.path("out", "*.h5")), [])

    def test_goes_on_when_killed_while_it_seals(self):
        with self.obstructed() as program:
            while program.process.poll() is None and len(self.staged("sealed")) < 3:
                pass
            program.kill_everything()
        self.assertGreaterEqual(len(self.staged("sealed")), 3)
        self.assertRegex(self.pack().out, r"\((39|40) shards kept")
        self.assertEqual(contents(self.path("out")), self.whole)

    def test_goes_on_when_killed_while_the_shards_move(self):
        with self.obstructed() as program:
            self.assertEqual(program.finish().code, 1)
        self.assertEqual(len(self.staged("sealed")), SHARDS)
        for path in self.staged("sealed")[::2]:
            os.rename(path, self.path("out", os.path.basename(path)[:-len(".sealed")]))
        self.require_no_half_set()
        self.assertIn(f"({SHARDS} shards kept", self.pack().out)
        self.assertEqual(contents(self.path("out")), self.whole)
        self.assertEqual(len(os.listdir(self.path("out"))), SHARDS)

    def test_packs_damaged_shards_again(self):
        self.kill_when(lambda: len(self.staged("packed")) >= 6)
        packed = self.staged("packed")
        with open(packed[1], "r+b") as file:  # a bit of an image
            file.seek(os.path.getsize(packed[1]) // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        os.truncate(packed[2], os.path.getsize(packed[2]) // 2)
        shutil.copy(packed[3], packed[4])
        self.assertIn(f"({len(packed) - 3} shards kept", self.pack().out)
        self.assertEqual(contents(self.path("out")), self.whole)

    def test_goes_on_only_with_the_same_source_and_options(self):
        self.kill_when(lambda: len(self.staged("packed")) >= 3)
        for options, why in ((["--seed", "1"], "--seed"), (["--no-shuffle"], "--shuffle")):
            line = error_line(programs.run(self.command(*options)))
            for text in ("train.packing: an unfinished packing of another source or with other options", why,
                         "repeat its command to go on, or start afresh with --force"):
                self.assertIn(text, line)
        self.assertIn(f"shards: {SHARDS} then, 7 now", error_line(programs.run(self.command(shards=7))))
        image = self.path("tree", "class002", "0002.JPEG")
        other = self.path("tree", "class002", "9999.JPEG")
        os.rename(image, other)
        self.assertIn("hash of the source", error_line(programs.run(self.command())))
        shutil.copy(other, image)
        self.assertIn(f"samples: {IMAGES} then, {IMAGES + 1} now", error_line(programs.run(self.command())))
        os.remove(other)
        self.assertRegex(self.pack().out, r"\([1-9]\d* shards kept")
        self.assertEqual(contents(self.path("out")), self.whole)

    def test_starts_afresh_with_force(self):
        self.kill_when(lambda: len(self.staged("packed")) >= 3, "--seed", "1")
        self.assertNotIn("kept", self.pack("--force").out)
        self.assertEqual(contents(self.path("out")), self.whole)
        self.kill_when(lambda: len(self.staged("packed")) >= 3, "--seed", "1", "--force")
        self.assertEqual({name: value for name, value in contents(self.path("out")).items() if "packing" not in name},
                         self.whole)
        self.assertIn("kept", self.pack("--seed", "1", "--force").out)
        self.assertEqual(len(os.listdir(self.path("out"))), SHARDS)
        self.assertNotEqual(contents(self.path("out")), self.whole)

    def test_one_process_at_a_time(self):
        with programs.Program(self.command()) as program:
            self.stop_when(program, lambda: self.staged("packed"))
            self.assertIn("another resnext-data is packing this set now", error_line(programs.run(self.command())))
            os.kill(program.process.pid, signal.SIGCONT)
            self.assertEqual(program.finish().code, 0)
        self.assertEqual(contents(self.path("out")), self.whole)

    def file_of_last_shard(self):
        with h5py.File(self.path("whole", f"train-{SHARDS - 1:05}-of-{SHARDS:05}.h5"), "r") as shard:
            offsets = shard["images/offsets"]
            wanted = shard["images/bytes"][offsets[-2]:offsets[-1]].tobytes()
        for path in glob.glob(self.path("tree", "*", "*")):
            with open(path, "rb") as file:
                if file.read() == wanted:
                    return path
        raise AssertionError("no such file")

    def fail_midway(self, spoil):
        """Spoils a file of the last shard once some shards are packed; returns the error."""
        with programs.Program(self.command("--jobs", 1)) as program:
            self.stop_when(program, lambda: self.staged("packed"))
            spoil()
            os.kill(program.process.pid, signal.SIGCONT)
            finished = program.finish()
        if finished.code == 0:
            return None  # it had read the file already
        self.assertEqual(finished.code, 1)
        self.assertEqual(self.staged("partial"), [])
        return error_line(finished)

    def test_goes_on_after_a_file_vanished_or_changed(self):
        path = self.file_of_last_shard()
        with open(path, "rb") as file:
            before = file.read()

        def grow():
            with open(path, "ab") as file:
                file.write(b"more")

        for spoil, message in ((lambda: os.remove(path), "cannot be read: No such file or directory"),
                               (grow, f"changed while it was packed: {len(before) + 4} bytes, {len(before)} before")):
            for _ in range(10):
                error = self.fail_midway(spoil)
                with open(path, "wb") as file:
                    file.write(before)
                if error:
                    break
                shutil.rmtree(self.path("out"))
            self.assertIn(f"{path}: {message}", error or "it never failed")
            self.assertRegex(self.pack().out, r"\([1-9]\d* shards kept")
            self.assertEqual(contents(self.path("out")), self.whole)
            shutil.rmtree(self.path("out"))

    def test_goes_on_after_the_disk_was_full(self):
        largest = max(os.path.getsize(path) for path in glob.glob(self.path("whole", "*")))
        self.assertNotEqual(os.path.getsize(self.path("whole", f"train-00000-of-{SHARDS:05}.h5")), largest)

        def small_disk():  # files may not grow as large as the largest shard
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest - 1, largest - 1))

        finished = programs.run(self.command(), preexec_fn=small_disk)
        self.assertEqual(finished.code, 1)
        self.assertIn("File too large", error_line(finished))
        self.assertEqual(self.staged("partial"), [])
        self.assertRegex(self.pack().out, r"\([1-9]\d* shards kept")
        self.assertEqual(contents(self.path("out")), self.whole)

    def test_tells_a_log_how_far_it_is(self):
        with programs.Program(self.command()) as program:
            self.stop_when(program, lambda: self.staged("packed"))
            time.sleep(5.1)
            os.kill(program.process.pid, signal.SIGCONT)
            finished = program.finish()
        self.assertEqual(finished.code, 0)
        self.assertRegex(finished.err.splitlines()[0],
                         rf"^packed \d+ of {IMAGES} samples \(\d+\.\d%\), [\d.]+ samples/s, [\d.]+ MB/s, .* left$")

    def test_memory_hardly_depends_on_the_number_of_images(self):
        image = self.path("one.png")
        with open(image, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n" + bytes(50))

        def peak(images):
            tree, out = self.path(f"tree{images}"), self.path(f"out{images}")
            for i in range(images):
                folder = os.path.join(tree, f"n{i // 1000:08}")
                name = os.path.join(folder, f"n{i // 1000:08}_{i}.JPEG")
                if i % 1000 == 0:
                    os.makedirs(folder)
                    first = name
                    shutil.copy(image, name)
                else:
                    os.link(first, name)
            with programs.Program([programs.DATA, "pack", tree, "--out", out, "--samples-per-shard", "5000",
                                   "--jobs", "2"]) as program:
                most = 0
                while program.process.poll() is None:
                    most = max(most, peak_memory(program.process.pid))
                    time.sleep(0.005)
                self.assertEqual(program.finish().code, 0)
            shutil.rmtree(tree)
            shutil.rmtree(out)
            return most

        # 8 bytes and a name of 15 in the index, 4 in the order; a string and its path would be 100.
        growth = (peak(90_000) - peak(10_000)) / 80_000
        self.assertGreater(growth, 20)
        self.assertLess(growth, 45)

    def test_h5py_reads_the_classes_asked_for(self):
        with open(self.path("classes.txt"), "w") as file:
            file.write("class003\nclass001\n")
        self.kill_when(lambda: self.staged("packed"), "--classes", self.path("classes.txt"))
        self.pack("--classes", self.path("classes.txt"))
        stored = []
        for path in sorted(glob.glob(self.path("out", "*.h5"))):
            with h5py.File(path, "r") as shard:
                names = shard.attrs["class_names"].tolist()
                offsets, data = shard["images/offsets"][()], shard["images/bytes"][()]
                stored += [(names[label].decode(), data[i:j].tobytes())
                           for label, i, j in zip(shard["labels"][()], offsets, offsets[1:])]
        self.assertEqual(names, [b"class001", b"class003"])
        files = []
        for name in ("class001", "class003"):
            for path in glob.glob(self.path("tree", name, "*")):
                with open(path, "rb") as file:
                    files.append((name, file.read()))
        self.assertEqual(sorted(stored), sorted(files))


if __name__ == "__main__":
    unittest.main()
