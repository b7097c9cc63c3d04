#!/usr/bin/python3
"""What a real GPU is to be asked, each as a check with an answer and its figures.

    scripts/gpu_check.py [--gpus N] [--prefix 'COMMAND'] [--out results/gpu_check]

Usually by way of scripts/gpu_check.sh, which builds first; $RESNEXT_BUILD is the build's folder (build/release). Exit code 0 only if no check failed. The report is
OUT/report.json; OUT/device.json is the GPU's description, for resnext-info --plan on other machines."""

import argparse
import json
import os
import pathlib
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import h5py

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/system"))
BUILD = pathlib.Path(os.environ.get("RESNEXT_BUILD", ROOT / "build/release")).resolve()
for name, place in (("WORKER", "worker/resnext-worker"), ("DATA", "data/resnext-data"), ("LAUNCH", "launcher/resnext-launch")):
    os.environ["RESNEXT_" + name] = str(BUILD / place)  # where the tests' modules look
import programs  # noqa: E402
import run_files  # noqa: E402

# By --size. What many things are tried with, and what throughput is measured on.
TRIAL = {"full": ["--model", "resnext11_4x4d_cifar_w16", "--replicas", "8", "--batch-per-replica", "16"],
         "small": ["--model", "resnext11_4x4d_cifar_w8", "--replicas", "2", "--batch-per-replica", "2", "--image-size", "16"]}
MODELS = {"full": ["resnet50", "resnext50_32x4d", "resnet101", "resnext101_32x4d"], "small": ["resnext11_4x4d_cifar_w8"]}
BATCHES = {"full": 128, "small": 8}
STEPS = {"full": 60, "small": 3}
BIG = ["--learning-rate", "0.01", "--validate-every", "0", "--precision", "bf16"]
LARGEST_BATCH = 65536  # that the worker takes
RANK_TIMEOUT = 20  # seconds that ranks are to wait for a dead one


class Failed(Exception):
    """A check's answer is no, and why."""


class Skipped(Exception):
    """A check that this machine cannot be asked, and why."""


def require(condition, why):
    if not condition:
        raise Failed(why)


class Machine:
    """Runs the programs on the GPUs, and keeps what they leave in a folder."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.prefix = shlex.split(options.prefix)
        self.visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        self.trial = [*TRIAL[options.size], "--seed", "3", "--learning-rate", "0.01", "--validate-every", "0"]
        self.gpus = 0
        self.plans = options.plan_cache or f"{folder}/plans"

    def on_gpu(self, command, visible=None, **variables):
        """The tests' programs hide GPUs; this command sees those that this script does, or those given."""
        visible = visible or self.visible
        return ["env", *(["-u", "CUDA_VISIBLE_DEVICES"] if visible is None else [f"CUDA_VISIBLE_DEVICES={visible}"]),
                *(f"{name}={value}" for name, value in variables.items()), *self.prefix, *command]

    def worker_command(self, ranks, *options, visible=None):
        worker = [programs.WORKER, "--device", "cuda", "--plan-cache", self.plans, "--timeout", RANK_TIMEOUT, *options]
        return [programs.MPIRUN, "-np", ranks, *programs.MPIRUN_OPTIONS, *self.on_gpu(worker, visible)]

    def worker(self, ranks, *options, seconds=300, visible=None):
        return programs.run(self.worker_command(ranks, *options, visible=visible), seconds)

    def info(self, *options):
        return programs.run(self.on_gpu([BUILD / "net/resnext-info", *options]), 300)

    def train(self, name, ranks, *options, **more):
        """Trains, which must succeed; returns (the last checkpoint's state, the path of the results)."""
        folder, out = f"{self.folder}/{name}", f"{self.folder}/{name}.h5"
        shutil.rmtree(folder, ignore_errors=True)
        finished = self.worker(ranks, *options, "--checkpoint-dir", folder, "--out", out, **more)
        require(finished.code == 0, last_word(finished))
        return run_files.newest_checkpoint(folder), out


def last_word(finished):
    return (finished.own_error_lines() or ["no error line"])[0]


def losses(path):
    with h5py.File(path) as file:
        return file["train/loss"][()]


def rate(path):
    """(images/s, share of the time that waited for data), medians without the first steps."""
    with h5py.File(path) as file:
        skip = file["train/loss"].shape[0] // 3
        return [float(statistics.median(file[f"train/{name}"][skip:])) for name in ("images_per_second", "data_wait")]


# Checks ---------------------------------------------------------------------------------------------------------------

def finds_the_gpus(machine):
    """The worker finds a GPU and trains on it"""
    state, out = machine.train("first", 1, *machine.trial, "--steps", "2")
    with h5py.File(out) as file:
        figures = {name: str(file.attrs[name]) for name in ("device", "engine")}
    machine.gpus = machine.options.gpus or count_gpus()
    require(state["step"] == 2, "no checkpoint of step 2")
    return f"{figures['engine']}; {machine.gpus} GPU(s) used", figures


def count_gpus():
    if os.environ.get("CUDA_VISIBLE_DEVICES"):
        return len(os.environ["CUDA_VISIBLE_DEVICES"].split(","))
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return len(listed.splitlines())


def describes_the_gpu(machine):
    """resnext-info --plan this describes it for use elsewhere"""
    finished = machine.info("--plan", "this")
    require(finished.code == 0, last_word(finished))
    description = json.loads(finished.out)
    (machine.options.out / "device.json").write_text(finished.out)
    return f"{description['name']}: {machine.options.out}/device.json", description


def plan_of(machine, model, batch):
    finished = machine.info(model, "--plan", machine.options.out / "device.json", "--batch-per-replica", batch, "--json")
    require(finished.out, last_word(finished))
    return json.loads(finished.out)


def planned_is_what_runs(machine):
    """What the planner accepts trains; a batch far too large is refused with one that would fit"""
    model, batch = MODELS[machine.options.size][0], BATCHES[machine.options.size]
    plan = plan_of(machine, model, batch)
    require(plan["fits"] and plan["supported"], f"the planner refuses {model}: {plan['why_not']}")
    common = [*BIG, "--model", model, "--replicas", "1", "--steps", "2"]
    machine.train("planned", 1, *common, "--batch-per-replica", batch)
    too_large = min(LARGEST_BATCH, 4 * plan["largest_batch_per_replica"])
    finished = machine.worker(1, *common, "--batch-per-replica", too_large)
    require(finished.code != 0 and "would fit" in last_word(finished),
            f"a batch of {too_large} ended with code {finished.code}: {last_word(finished)}")
    figures = {"planned_bytes": plan["memory"]["total"], "largest_batch": plan["largest_batch_per_replica"]}
    return f"{model}: {plan['memory']['total'] / 2**30:.1f} GiB planned; {last_word(finished)}", figures


def engine_tests(machine):
    """The engine's own tests: PyTorch's numbers in fp32, bf16 within its rounding"""
    program = BUILD / "tests/net/cuda/cuda_engine_test"
    only = ["--gtest_filter=" + machine.options.engine_tests] if machine.options.engine_tests else []
    report = f"{machine.folder}/engine.json"
    finished = programs.run(machine.on_gpu([program, "--gtest_brief=1", f"--gtest_output=json:{report}", *only],
                                           RESNEXT_TEST_PLAN_CACHE=machine.plans), 900)
    require(os.path.exists(report), (finished.out + finished.err).strip()[-300:] or "it printed nothing")
    with open(report) as file:
        summary = json.load(file)
    names = [f"{suite['name']}.{case['name']}" for suite in summary["testsuites"] for case in suite["testsuite"]
             if case.get("failures")]
    require(not names, f"{len(names)} of {summary['tests']} fail: {', '.join(names[:8])}")
    require(finished.code == 0, f"exit code {finished.code}")
    return f"{summary['tests']} tests", {"tests": summary["tests"]}


def differences_from_the_cpu(machine, options, tolerances):
    """The largest difference of a loss from the CPU's, relative to it, by precision; Failed beyond its tolerance."""
    cpu, found = f"{machine.folder}/cpu.h5", {}
    programs.train(1, [*options, "--device", "cpu", "--threads", os.cpu_count(), "--out", cpu], seconds=600)
    expected = losses(cpu)
    for precision, tolerance in tolerances.items():
        _, out = machine.train("learns", 1, *options, "--precision", precision)
        found[precision] = float(max(abs(losses(out) - expected) / expected))
        require(found[precision] <= tolerance, f"{precision}: a loss differs by {found[precision]:.2g} of it")
    return found


def within(figures):
    return ", ".join(f"{name} within {value:.1g}" for name, value in figures.items())


def learns_as_the_cpu(machine):
    """A training's losses are the CPU's: fp32 to 1e-3, bf16 to 3%"""
    figures = differences_from_the_cpu(machine, [*machine.trial, "--steps", "8"], {"fp32": 1e-3, "bf16": 3e-2})
    return within(figures), figures


def large_networks_learn_as_the_cpu(machine):
    """At full size, too, losses are the CPU's: fp32 to 1e-3, TF32 to 1%, bf16 to 3%"""
    size, figures = machine.options.size, {}
    for model in MODELS[size][:2]:  # without groups, and with
        # At 0.01 the loss of ResNet-50 would be at 9 by the sixth step, and rounding decide the course.
        options = ["--model", model, "--replicas", "1", "--batch-per-replica", BATCHES[size], "--steps", "4", "--seed", "3",
                   "--learning-rate", "0.001", "--validate-every", "0"]
        found = differences_from_the_cpu(machine, options, {"fp32": 1e-3, "tf32": 1e-2, "bf16": 3e-2})
        figures.update({f"{model} {precision}": value for precision, value in found.items()})
    return within(figures), figures


def same_bits_twice(machine):
    """The same run gives the same bits, with CUDA graphs and without"""
    for precision in ("fp32", "bf16"):
        options = [*machine.trial, "--steps", "6", "--precision", precision]
        first, _ = machine.train("once", 1, *options)
        for graphs in ("on", "off"):
            again, _ = machine.train("again", 1, *options, "--cuda-graphs", graphs)
            different = run_files.differing(first, again)
            require(not different, f"{precision}, CUDA graphs {graphs}: {len(different)} arrays differ: {different[:3]}")
    return "fp32 and bf16, 6 steps", {}


def resumes_exactly(machine):
    """Killed and started again, a run ends with the same bits"""
    options = [*machine.trial, "--precision", "bf16", "--checkpoint-every", "4"]
    whole, _ = machine.train("whole", 1, *options, "--steps", "12")
    folder = f"{machine.folder}/resumed"
    again = [*options, "--steps", "12", "--checkpoint-dir", folder]
    with programs.Program(machine.worker_command(1, *again)) as program:
        program.wait_until(lambda: run_files.checkpoints(folder), "a checkpoint", seconds=120)
        program.kill_everything()
    at = run_files.newest_checkpoint(folder)["step"]
    finished = machine.worker(1, *again)
    require(finished.code == 0, last_word(finished))
    different = run_files.differing(whole, run_files.newest_checkpoint(folder))
    require(not different, f"{len(different)} arrays differ: {different[:3]}")
    return f"killed after the checkpoint of step {at} of 12", {"killed_at": at}


def refuses_two_ranks_on_one_gpu(machine):
    """Two ranks on one GPU are refused, and why"""
    finished = machine.worker(2, *machine.trial, "--steps", "2", visible=(machine.visible or "0").split(",")[0])
    require(finished.code == 2, f"exit code {finished.code}, not 2")
    require("share GPU" in last_word(finished), last_word(finished))
    return last_word(finished), {}


def ranks_are_not_part_of_the_experiment(machine):
    """On 1, 2, 4, … GPUs a run ends with the same bits"""
    counts = several_gpus(machine)
    for extra in ([], ["--accumulate", "2", "--clip-gradient-norm", "0.5", "--label-smoothing", "0.1"]):
        options = [*machine.trial, "--steps", "6", "--precision", "bf16", "--bucket-mib", "0.05", *extra]
        one, _ = machine.train("one", 1, *options)
        for count in counts:
            more, _ = machine.train("more", count, *options)
            different = run_files.differing(one, more)
            require(not different, f"{count} GPUs: {len(different)} arrays differ: {different[:3]}")
    return f"1 and {', '.join(map(str, counts))} GPUs", {"gpus": counts}


def several_gpus(machine):
    counts = [count for count in (2, 4, 8) if count <= machine.gpus]
    if not counts:
        raise Skipped("one GPU only")
    return counts


def outlives_a_dead_rank(machine):
    """A rank that is killed, or stops, ends all within the timeout"""
    several_gpus(machine)
    ended, words = {}, []
    for name, number in (("SIGKILL", signal.SIGKILL), ("SIGSTOP", signal.SIGSTOP)):
        with programs.Program(machine.worker_command(2, *machine.trial, "--steps", "1000000", "--log-every", "0")) as program:
            program.wait_until(lambda: "\nepoch" in program.printed(), "a step", seconds=120)
            programs.send(program.ranks()[-1:], number)
            finished = program.finish(3 * RANK_TIMEOUT)
        require(finished.code != 0, f"after {name} the run ended with code 0")
        words.append(f"{name}: {last_word(finished)}")
        ended[name] = finished.seconds
    return "; ".join(words), ended


def starts_quickly_again(machine):
    """The second start takes plans from the cache"""
    model = MODELS[machine.options.size][-1]
    seconds = []
    machine.plans = f"{machine.folder}/plans-of-{model}"
    for _ in range(2):
        start = time.monotonic()
        machine.train("start", 1, *BIG, "--model", model, "--replicas", "1", "--steps", "1",
                      "--batch-per-replica", "8")
        seconds.append(time.monotonic() - start)
    require(seconds[1] < seconds[0], f"{seconds[0]:.1f} s, then {seconds[1]:.1f} s")
    return f"{model}, one step: {seconds[0]:.1f} s, then {seconds[1]:.1f} s", {"first": seconds[0], "second": seconds[1]}


def measures_throughput(machine):
    """Images/s of whole training steps, beside the roofline's bound and PyTorch"""
    batch, figures, lines = BATCHES[machine.options.size], {}, []
    for model in MODELS[machine.options.size]:
        bound = plan_of(machine, model, batch)["bound"]["training_images_per_second"]
        for gpus in sorted({1, machine.gpus}):
            _, out = machine.train("speed", gpus, *BIG, "--model", model, "--replicas", gpus, "--steps",
                                   STEPS[machine.options.size], "--batch-per-replica", batch, "--decode-threads",
                                   max(1, os.cpu_count() // gpus - 1), seconds=600)
            images, waited = rate(out)
            share = images / gpus / bound
            figures[f"{model} x{gpus}"] = {"images_per_second": images, "of_bound": share, "data_wait": waited}
            lines.append(f"{model} on {gpus}: {images:.0f}/s, {100 * share:.0f}% of the bound"
                         + (f", {100 * waited:.0f}% waiting for data" if waited > 0.05 else ""))
    for model, theirs in pytorch_rates(machine).items():
        figures[f"{model} PyTorch"] = theirs
        ours = figures[f"{model} x1"]["images_per_second"]
        lines.append(f"{model} of PyTorch: " + ", ".join(
            f"{way.replace('_', ' ')} {images:.0f}/s (ours is {ours / images:.2f} times that)"
            for way, images in theirs.items()))
    return "; ".join(lines), figures


def pytorch_rates(machine):
    """PyTorch's images/s on one GPU, by the way it runs, where there is a PyTorch that sees one."""
    program = pathlib.Path(__file__).with_name("gpu_pytorch_rate.py")
    rates = {}
    for model in MODELS[machine.options.size]:
        finished = programs.run(machine.on_gpu([machine.options.python, program, model, BATCHES[machine.options.size],
                                                STEPS[machine.options.size]]), 600)
        if finished.code == 0:
            rates[model] = json.loads(finished.out)
    return rates


CHECKS = [finds_the_gpus, describes_the_gpu, planned_is_what_runs, engine_tests, learns_as_the_cpu,
          large_networks_learn_as_the_cpu, same_bits_twice, resumes_exactly, refuses_two_ranks_on_one_gpu,
          ranks_are_not_part_of_the_experiment, outlives_a_dead_rank, starts_quickly_again, measures_throughput]


def answer(check, machine):
    start = time.monotonic()
    figures = {}
    try:
        text, figures = check(machine)
        verdict = "passed"
    except Skipped as why:
        verdict, text = "skipped", str(why)
    except Failed as why:
        verdict, text = "FAILED", str(why)
    except (AssertionError, OSError, KeyError, IndexError, ValueError) as why:  # programs' own, a broken file, …
        verdict, text = "FAILED", f"{type(why).__name__}: {why}"
    return {"check": check.__doc__, "verdict": verdict, "answer": text, "figures": figures,
            "seconds": time.monotonic() - start}


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "results/gpu_check")
    parser.add_argument("--gpus", type=int, help="how many to use; default: all visible")
    parser.add_argument("--prefix", default="", help="put in front of programs that use a GPU, e.g. 'srun --overlap'")
    parser.add_argument("--plan-cache", help="folder of the worker's plans; default: a new one")
    parser.add_argument("--python", default="python3", help="one that may have PyTorch")
    parser.add_argument("--size", choices=["full", "small"], default="full", help="small: a tiny network, to try this script")
    parser.add_argument("--only", metavar="CHECK", nargs="+", choices=[check.__name__ for check in CHECKS],
                        help="these checks alone: %(choices)s")
    parser.add_argument("--engine-tests", metavar="FILTER", help="only these, as GoogleTest's filters")
    return parser.parse_args()


def main():
    options = read_options()
    options.out.mkdir(parents=True, exist_ok=True)
    answers = []
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(options, folder)
        for check in [each for each in CHECKS if each.__name__ in (options.only or each.__name__)]:
            print(f"{check.__doc__} …", flush=True)
            answers.append(answer(check, machine))
            print("  {verdict}, {seconds:.0f} s: {answer}".format(**answers[-1]), flush=True)
            if check is finds_the_gpus and answers[-1]["verdict"] == "FAILED":
                break  # nothing else can be asked
    (options.out / "report.json").write_text(json.dumps(answers, indent=1))
    count = {verdict: sum(one["verdict"] == verdict for one in answers) for verdict in ("passed", "FAILED", "skipped")}
    print(f"{count['passed']} passed, {count['FAILED']} failed, {count['skipped']} skipped; {options.out}/report.json")
    return 1 if count["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
