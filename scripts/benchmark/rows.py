"""The rows of the table: read from rows.toml, and chosen by name."""

import dataclasses
import difflib
import itertools
import pathlib
import tomllib

ROWS_FILE = pathlib.Path(__file__).with_name("rows.toml")
TARGETS = ("at_least", "at_most", "mfu_at_least")


class RowError(Exception):
    """What is wrong with the choice or the file, and what to do, in one line."""


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    title: str
    kind: str
    settings: dict = dataclasses.field(hash=False)  # what the kind reads
    at_least: float | None = None  # of the ratio
    at_most: float | None = None
    mfu_at_least: float | None = None  # of the machine's peak

    def __getitem__(self, key):
        try:
            return self.settings[key]
        except KeyError:
            raise RowError(f"{ROWS_FILE.name}: row '{self.name}' ({self.kind}) has no '{key}'") from None

    def get(self, key, usual):
        return self.settings.get(key, usual)

    def target(self):
        """In words; empty where the issue sets none."""
        words = [f"{sign} {value:g}" for sign, value in ((">=", self.at_least), ("<=", self.at_most)) if value is not None]
        return ", ".join(words)

    def is_met(self, ratio, mfu=None):
        """Whether the figures reach every target; None where there is none."""
        checks = []
        if self.at_least is not None:
            checks.append(ratio >= self.at_least)
        if self.at_most is not None:
            checks.append(ratio <= self.at_most)
        if self.mfu_at_least is not None:
            checks.append(mfu is not None and mfu >= self.mfu_at_least)
        return all(checks) if checks else None


def _expand(entry):
    """The rows that one entry stands for: one for each combination of what `for_each` lists."""
    lists = entry.pop("for_each", {})
    for values in itertools.product(*lists.values()):
        own = dict(zip(lists, values))
        settings = {**entry, **own}
        yield Row(name=settings.pop("name").format(**own), title=settings.pop("title").format(**own),
                  kind=settings.pop("kind"), **{key: settings.pop(key) for key in TARGETS if key in settings},
                  settings=settings)


def read_rows(path=ROWS_FILE):
    with open(path, "rb") as file:
        return [row for entry in tomllib.load(file)["row"] for row in _expand(entry)]


def select(rows, names):
    """The rows of these names, in the file's order; all of them where there are no names."""
    known = [row.name for row in rows]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise RowError(f"--only: no row '{name}'{hint} (--list shows all {len(known)})")
    return [row for row in rows if not names or row.name in names]
