"""The table, as text."""

from arithmetic import median

HEADINGS = ("", "ours", "theirs", "ratio", "target", "MFU", "target", "")


def _number(value):
    return "" if value is None else f"{value:.4g}" if value < 1000 else f"{value:,.0f}"


def _percent(value):
    return "" if value is None else f"{100 * value:.0f}%"


def cells(row, figures):
    """One row; `figures` may be a reason why there are none."""
    if isinstance(figures, Exception):
        return row.title, "", "", "", row.target(), "", _mfu_target(row), f"not measured: {figures}"
    ratio, mfu = median(figures.ratio), median(figures.mfu)
    unit = f" {figures.unit}" if figures.unit else ""
    theirs = f"{_number(median(figures.theirs))}{unit}" if figures.theirs else ""
    return (row.title, _number(median(figures.ours)) + unit, theirs, _number(ratio), row.target(), _percent(mfu),
            _mfu_target(row), _verdict(row, figures, ratio, mfu))


def _mfu_target(row):
    return "" if row.mfu_at_least is None else f">= {_percent(row.mfu_at_least)}"


def _verdict(row, figures, ratio, mfu):
    if ratio is None:
        return f"theirs not measured: {figures.theirs_missing}"
    met = row.is_met(ratio, mfu)
    words = "" if met is None else "met" if met else "MISSED"
    beside = figures.note or (f"theirs not measured: {figures.theirs_missing}" if figures.theirs_missing else "")
    return "; ".join(word for word in (words, beside) if word)


def table(results):
    """Lines for (row, figures or reason) pairs, columns aligned."""
    lines = [HEADINGS, *(cells(row, figures) for row, figures in results)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS) - 1)]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:])),
                                line[-1]]).rstrip() for line in lines)
