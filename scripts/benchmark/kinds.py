"""The kinds of rows: what each needs measured, and its figures from the samples."""

import dataclasses

import arithmetic
from arithmetic import Figures, mfu, rate, ratios
from host_measurements import LoaderRate, Overlap, Peak, Reduction
from measurements import Evaluation, Network, PyTorch, Training
from rows import RowError
from run_measurements import Checkpoints, Start
from running import NotMeasured


@dataclasses.dataclass(frozen=True)
class Host:
    """With what is measured."""
    threads: int
    python: str  # that has PyTorch
    photographs: str = ""  # a set of shards for the loader; empty: random pictures


class Samples:
    """What the measurements of a row gave, by label: a list with an entry a round."""

    def __init__(self, by_label):
        self._by_label = by_label

    def each(self, label, figure):
        """The figure of every round's sample. Throws NotMeasured with the reason where there is none."""
        found = self._by_label[label]
        for sample in found:
            if isinstance(sample, NotMeasured):
                raise sample
        return [figure(sample) for sample in found]

    def fastest(self, prefix, figure, better):
        """The better of the contenders whose labels begin so, round by round; some may not have been measured."""
        measured, reasons = [], []
        for label in self._by_label:
            if label.startswith(prefix):
                try:
                    measured.append(self.each(label, figure))
                except NotMeasured as reason:
                    reasons.append(reason)
        if measured:
            return [better(values) for values in zip(*measured, strict=True)]
        raise reasons[0] if reasons else NotMeasured("not part of this row")


def pytorch_contenders(row, host, network, mode="training", label="pytorch"):
    return {f"{label} {layout}": PyTorch(host.python, network, mode, layout, row["steps"], host.threads)
            for layout in row["pytorch"]}


def require_same_network(samples, ours, theirs):
    """Throws NotMeasured where PyTorch's network has another number of parameters than ours."""
    counts = set(samples.each(ours, lambda sample: sample["parameters"][0]))
    counts |= set(samples.fastest(theirs, lambda sample: sample["parameters"][0], max))
    if len(counts) != 1:
        raise NotMeasured(f"the networks differ: {' and '.join(f'{count:.0f}' for count in sorted(counts))} parameters")


def our_training(row, host, network):
    """One batch on all threads; or `replicas` parts of it, as a recipe has them, on ranks of a thread each."""
    replicas = row.get("replicas", 1)
    if replicas == 1:
        return Training(network, row["steps"], 1, host.threads)
    ranks = max(count for count in range(1, host.threads + 1) if replicas % count == 0)
    part = dataclasses.replace(network, batch=network.batch // replicas)
    return Training(part, row["steps"], ranks, host.threads // ranks, replicas)


class Speed:
    """Images/s of ours over PyTorch's, and the share of the peak."""

    def needs(self, row, host):
        network, mode = Network.of(row), row.get("mode", "training")
        ours = (our_training(row, host, network) if mode == "training"
                else Evaluation(network, row["steps"], host.threads))
        return {"ours": ours, "peak": Peak(host.threads), **pytorch_contenders(row, host, network, mode)}

    def figures(self, row, samples):
        ours = samples.each("ours", rate)
        passes = arithmetic.BACKWARD_AND_FORWARD if row.get("mode", "training") == "training" else 1
        flop = samples.each("ours", lambda sample: sample["forward_flop"][0])
        peaks = samples.each("peak", lambda sample: sample[row["precision"] + "_gflops"][0])
        shares = [mfu(*values) for values in zip(ours, flop, [passes] * len(ours), peaks)]
        try:
            require_same_network(samples, "ours", "pytorch")
            theirs = samples.fastest("pytorch", rate, max)
        except NotMeasured as reason:
            return Figures(ours, [], [], shares, "images/s", str(reason))
        return Figures(ours, theirs, ratios(ours, theirs), shares, "images/s")


class StepOverStep:
    """A step of one network over a step of another, ours; PyTorch's own ratio stands beside it."""

    def needs(self, row, host):
        needs = {}
        for label, model in (("model", row["model"]), ("over", row["over"])):
            network = Network.of(row, model)
            needs[f"ours {label}"] = Training(network, row["steps"], 1, host.threads)
            needs |= pytorch_contenders(row, host, network, label=f"pytorch {label}")
        return needs

    def figures(self, row, samples):
        ours = ratios(samples.each("ours model", arithmetic.step), samples.each("ours over", arithmetic.step))
        try:
            for label in ("model", "over"):
                require_same_network(samples, f"ours {label}", f"pytorch {label}")
            theirs = ratios(samples.fastest("pytorch model", arithmetic.step, min),
                            samples.fastest("pytorch over", arithmetic.step, min))
        except NotMeasured as reason:
            return Figures(ours, [], ours, theirs_missing=str(reason))
        return Figures(ours, theirs, ours)


class Memory:
    """Peak resident memory, ours over PyTorch's (of its layouts the leaner)."""

    needs = Speed.needs

    def figures(self, row, samples):
        def gigabytes(sample):
            return sample["peak_bytes"][0] / 1e9

        ours = samples.each("ours", gigabytes)
        try:
            theirs = samples.fastest("pytorch", gigabytes, min)
        except NotMeasured as reason:
            return Figures(ours, [], [], unit="GB", theirs_missing=str(reason))
        return Figures(ours, theirs, ratios(ours, theirs), unit="GB")


class Ranks:
    """Images/s of several ranks of a thread over one such rank."""

    def needs(self, row, host):
        network = Network.of(row)
        return {"many": Training(network, row["steps"], row["ranks"], 1), "one": Training(network, row["steps"], 1, 1)}

    def figures(self, row, samples):
        ours = samples.each("many", rate)
        return Figures(ours, [], ratios(ours, samples.each("one", rate)), unit="images/s")


class ReductionOverAllreduce:
    def needs(self, row, host):
        return {"reduction": Reduction(row["ranks"])}

    def figures(self, row, samples):
        ours, theirs = ([1e3 * value for value in samples.each("reduction", lambda s, n=name: arithmetic.median(s[n]))]
                        for name in ("exact", "MPI_Allreduce"))
        return Figures(ours, theirs, ratios(ours, theirs), unit="ms", note="theirs: MPI_Allreduce")


class Hidden:
    def needs(self, row, host):
        return {"overlap": Overlap(Network.of(row), row["ranks"], row["steps"])}

    def figures(self, row, samples):
        def hidden(sample):
            return arithmetic.hidden_share(*(sample[n] for n in ("step", "step without reduction", "reduction")))

        alone = samples.each("overlap", lambda sample: 1e3 * arithmetic.median(sample["reduction"]))
        return Figures(alone, [], samples.each("overlap", hidden), unit="ms alone")


class Loader:
    def needs(self, row, host):
        return {"loader": LoaderRate(host.photographs)}

    def figures(self, row, samples):
        ours = samples.each("loader", lambda sample: arithmetic.median(sample[row["recipe"]]))
        bare = samples.each("loader", lambda sample: arithmetic.median(sample["bare"]))
        return Figures(ours, bare, ratios(ours, bare), unit="images/s", note="theirs: libjpeg-turbo's bare decode")


class StartSeconds:
    def needs(self, row, host):
        return {"start": Start(Network.of(row), row["shards"], host.threads)}

    def figures(self, row, samples):
        ours = samples.each("start", lambda sample: sample["before_first_step"][0])
        return Figures(ours, [], ours, unit="s")


class Stall:
    def needs(self, row, host):
        return {"checkpoints": Checkpoints(Network.of(row), row["steps"], host.threads)}

    def figures(self, row, samples):
        stalls = samples.each("checkpoints", lambda sample: 1e3 * sample["stall"][0])
        steps = samples.each("checkpoints", lambda sample: 1e3 * arithmetic.median(sample["seconds"]))
        return Figures(stalls, [], ratios(stalls, steps), unit="ms")


KINDS = {"speed": Speed(), "step-over-step": StepOverStep(), "memory": Memory(), "ranks": Ranks(),
         "reduction": ReductionOverAllreduce(), "overlap": Hidden(), "loader": Loader(), "start": StartSeconds(),
         "checkpoint": Stall()}


def kind_of(row):
    if row.kind not in KINDS:
        raise RowError(f"row '{row.name}': no kind '{row.kind}' (one of: {', '.join(KINDS)})")
    return KINDS[row.kind]
