"""A rank on a GPU fails, dies or stops: all ranks end soon, say where, and the run can go on to the same bits.

Faults come when the rank's stream reaches an operation of NCCL (STANDIN_NCCL_ERROR_AT of tests/cuda_standin/README.md)."""

import math
import os
import random
import signal
import socket
import time
import unittest

import datasets
import programs
import run_files
import standin_gpus

BUCKET_MIB = 0.05
RECIPE = ["--model", "resnext11_4x4d_cifar_w8", "--replicas", "4", "--batch-per-replica", "2", "--steps", "8",
          "--learning-rate", "0.002", "--augment", "cifar", "--seed", "5", "--checkpoint-every", "2",
          "--bucket-mib", str(BUCKET_MIB), "--precision", "bf16"]
STEPS, STEPS_TO_CHECKPOINT = 8, 2
# Time for the roll call, for lower ranks that may want to speak first, for mpirun to kill a stopped rank, and to spare.
MORE_SECONDS = 20
TIMEOUT = 3
ERROR = "resnext-worker: error: "


class RanksFail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = standin_gpus.Host()
        cls.addClassCleanup(cls.host.close)
        cls.data = datasets.pack_idx(cls.host.path("data"), 24)
        cls.whole = cls.host.outcome("whole", 2, cls.options())
        arena = sum(len(value) for name, value in cls.whole[0][-1].items() if name.startswith("parameters/"))
        cls.buckets = math.ceil(arena / (BUCKET_MIB * 2**20))
        assert cls.buckets >= 3

    @classmethod
    def options(cls, *more):
        return [*RECIPE, "--data", cls.data, *more]

    def setUp(self):
        self.folder = self.host.path(self.id().rsplit(".", 1)[1])

    def start(self, ranks, options=(), worker=None, **variables):
        return self.host.start(ranks, self.options("--device", "cuda", "--checkpoint-dir", self.folder, "--out",
                                                   self.folder + ".h5", "--keep-checkpoints", "99", *options),
                               worker=worker, **variables)

    # ---- operations of NCCL, by number

    def exchange(self, step, bucket):
        """In exact mode each bucket is exchanged, then gathered."""
        checkpoints = (step - 1) // STEPS_TO_CHECKPOINT
        return (step - 1) * 2 * self.buckets + checkpoints * self.buckets + 2 * bucket

    def gather(self, step, bucket):
        return self.exchange(step, bucket) + 1

    def momentum(self, step, bucket):
        """After a step that ends with a checkpoint."""
        return self.exchange(step, 0) + 2 * self.buckets + bucket

    # ---- what must hold

    def require_line(self, finished, *texts):
        lines = finished.own_error_lines()
        self.assertEqual(len(lines), 1, finished)
        for text in (ERROR, *texts):
            self.assertIn(text, lines[0])

    def require_nobody_left(self):
        """No rank of a run that has this test's folder in its command."""
        for _ in range(50):
            left = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if self.folder in self.command_of(pid)]
            if not left:
                return
            time.sleep(0.1)
        self.fail(f"still there: {[self.command_of(pid) for pid in left]}")

    @staticmethod
    def command_of(pid):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                return file.read().replace("\0", " ")
        except OSError:
            return ""

    def require_same_as_undisturbed(self, steps_saved):
        """Checkpoints are whole, and the run goes on from the last."""
        saved = [run_files.read_checkpoint(path) for path in run_files.checkpoints(self.folder)]
        if steps_saved is not None:
            self.assertEqual([state["step"] for state in saved],
                             list(range(STEPS_TO_CHECKPOINT, steps_saved + 1, STEPS_TO_CHECKPOINT)))
        for state, whole in zip(saved, self.whole[0]):
            self.assertEqual(run_files.differing(state, whole), [])
        finished = self.host.train(1, self.options("--checkpoint-dir", self.folder, "--out", self.folder + ".h5"))
        self.assertEqual("resuming from" in finished.out, bool(saved), finished)
        self.assertEqual(run_files.differing(run_files.newest_checkpoint(self.folder), self.whole[0][-1]), [])
        self.assertEqual(run_files.differing(run_files.read_results(self.folder + ".h5"), self.whole[1]), [])

    # ---- errors that NCCL reports

    def require_error_named(self, rank, at, operation, steps_saved):
        with self.start(2, STANDIN_NCCL_ERROR_AT=at, STANDIN_NCCL_ERROR_RANK=rank) as program:
            finished = program.finish(60)
        self.assertEqual(finished.code, 1, finished)
        self.require_line(finished, f"rank {rank}: NCCL on {socket.gethostname()}: {operation}: ")
        self.require_nobody_left()
        self.require_same_as_undisturbed(steps_saved)

    def test_nccl_error_in_the_first_exchange(self):
        self.require_error_named(0, self.exchange(1, 0), "the exchange of gradient bucket 0", 0)

    def test_nccl_error_in_a_later_exchange(self):
        self.require_error_named(1, self.exchange(4, 2), "the exchange of gradient bucket 2", 2)

    def test_nccl_error_in_a_gather_of_weights(self):
        self.require_error_named(0, self.gather(3, 1), "the gather of weight bucket 1", 2)

    def test_nccl_error_in_a_checkpoint(self):
        self.require_error_named(1, self.momentum(4, 1), "the gather of momentum bucket 1", 2)

    def test_nccl_error_while_ranks_meet(self):
        self.require_error_named(1, "join", "NCCL's meeting of the ranks", 0)

    # ---- ranks that die

    def require_death_of(self, ranks, rank, at, steps_saved):
        with self.start(ranks, STANDIN_NCCL_ERROR_AT=at, STANDIN_NCCL_ERROR_RANK=rank,
                        STANDIN_NCCL_SIGNAL=int(signal.SIGKILL)) as program:
            finished = program.finish(60)
        self.assertEqual(finished.code, 128 + signal.SIGKILL, finished)
        self.require_nobody_left()
        self.require_same_as_undisturbed(steps_saved)

    def test_rank_killed_in_backward(self):
        self.require_death_of(2, 1, self.exchange(3, 0), 2)

    def test_one_of_four_ranks_killed_in_backward(self):
        self.require_death_of(4, 2, self.exchange(5, 1), 4)

    def test_ranks_killed_at_any_moment(self):
        seed = random.randrange(1000)
        print("seed", seed)
        chance = random.Random(seed)
        for attempt in range(3):
            self.folder = self.host.path(f"any-moment-{attempt}")
            with self.start(2) as program:
                program.wait_until(lambda: run_files.checkpoints(self.folder), "a checkpoint")
                time.sleep(chance.uniform(0, 0.3))
                programs.send([chance.choice(program.ranks() or [program.process.pid])], signal.SIGKILL)
                finished = program.finish(30)
            self.require_nobody_left()
            with self.subTest(attempt, code=finished.code):
                self.require_same_as_undisturbed(None)

    # ---- ranks that stop

    def wait_until_one_is_stopped(self, program):
        def state(pid):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    return file.read().rsplit(")", 1)[1].split()[0]
            except OSError:
                return ""
        program.wait_until(lambda: any(state(pid) == "T" for pid in program.ranks()), "a stopped rank")
        self.addCleanup(programs.send, program.ranks(), signal.SIGKILL)

    def require_missed(self, program, speaker, stopped, *texts):
        start = time.monotonic()
        finished = program.finish(TIMEOUT + MORE_SECONDS)
        print(f"ended {time.monotonic() - start:.1f} s after the stop")
        self.assertNotEqual(finished.code, 0, finished)
        host = socket.gethostname()
        self.require_line(finished, f"rank {speaker}: {host} waited {TIMEOUT} s for other ranks in ",
                          f"; no word from rank {stopped} (host {host})", *texts)
        self.require_nobody_left()

    def require_stop_noticed(self, ranks, stopped, at, operation, steps_saved, *texts):
        with self.start(ranks, ["--timeout", str(TIMEOUT)], STANDIN_NCCL_ERROR_AT=at, STANDIN_NCCL_ERROR_RANK=stopped,
                        STANDIN_NCCL_SIGNAL=int(signal.SIGSTOP)) as program:
            self.wait_until_one_is_stopped(program)
            speaker = 0 if stopped != 0 else 1
            self.require_missed(program, speaker, stopped, f"other ranks in {operation}: ", *texts)
        self.require_same_as_undisturbed(steps_saved)

    def test_rank_stopped_in_backward(self):
        self.require_stop_noticed(2, 1, self.exchange(3, 1), "the exchange of gradient bucket 1", 2)

    def test_rank_0_stopped_in_backward(self):
        self.require_stop_noticed(2, 0, self.exchange(3, 1), "the exchange of gradient bucket 1", 2)

    def test_one_of_four_ranks_stopped_in_backward(self):
        self.require_stop_noticed(4, 2, self.exchange(3, 0), "the exchange of gradient bucket 0", 2,
                                  "; rank 1 waits in the exchange of gradient bucket 0, "
                                  "rank 3 waits in the exchange of gradient bucket 0")

    def test_rank_stopped_in_a_checkpoint(self):
        self.require_stop_noticed(2, 1, self.momentum(4, 0), "the gather of momentum bucket 0", 2)

    def test_rank_that_never_comes_to_nccl(self):
        self.require_stop_noticed(2, 1, "join", "NCCL's meeting of the ranks", 0)

    def test_rank_stopped_while_others_wait_in_mpi(self):
        """An evaluation has no NCCL."""
        options = ["--eval-only", "--init", run_files.checkpoints(self.host.path("whole"))[-1], "--model", RECIPE[1],
                   "--val-data", self.data, "--timeout", str(TIMEOUT), "--device", "cuda", "--out", self.folder + ".h5"]
        with self.host.start(2, options) as program:
            program.wait_for("images on 2 ranks")
            programs.send(program.ranks()[1:], signal.SIGSTOP)
            self.wait_until_one_is_stopped(program)
            self.require_missed(program, 0, 1, "a sum over the ranks")

    # ---- work that cannot be launched

    def require_launch_error(self, work, rank, *texts):
        """On one rank alone, while the others wait for it."""
        worker = self.folder + ".sh"
        with open(worker, "w") as file:
            file.write(f'#!/bin/sh\n[ "$OMPI_COMM_WORLD_RANK" = {rank} ] && export STANDIN_LAUNCH_ERROR={work}\n'
                       f'exec {programs.WORKER} "$@"\n')
        os.chmod(worker, 0o755)
        with self.start(2, worker=worker) as program:
            finished = program.finish(60)
        self.assertEqual(finished.code, 1, finished)
        self.require_line(finished, f"rank {rank}: ", *texts)
        self.require_nobody_left()

    def test_kernel_that_cannot_be_launched(self):
        self.require_launch_error("softmax", 0, "layer ", "CUDA: softmax_cross_entropy: unspecified launch failure",
                                  "CUDA_LAUNCH_BLOCKING=1")

    def test_update_that_cannot_be_launched(self):
        self.require_launch_error("6updateE", 1, "CUDA: update: unspecified launch failure")

    def test_plan_that_cannot_be_launched(self):
        self.require_launch_error("cuDNN", 0, "rank 0: layer ", ": running a plan: ")


if __name__ == "__main__":
    unittest.main()
