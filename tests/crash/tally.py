# SPDX-License-Identifier: Apache-2.0
"""How many states were looked at, by operation and kind; `make crash-sweep` adds up what $CRASH_TALLY collects."""
import collections, os


class Tally:
    def __init__(self):
        self.states, self.bad = collections.Counter(), collections.Counter()

    def add(self, operation, kind, bad):
        self.states[operation, kind] += 1
        self.bad[operation, kind] += bool(bad)

    def keep(self):
        """To the file of a sweep, if there is one: operation, kind, states, bad."""
        path = os.environ.get("CRASH_TALLY")
        if path:
            with open(path, "a") as f:
                for (operation, kind), n in sorted(self.states.items()):
                    f.write(f"{operation} {kind} {n} {self.bad[operation, kind]}\n")

    def __str__(self):
        kinds = collections.Counter()
        for (_, kind), n in self.states.items():
            kinds[kind] += n
        return ", ".join(f"{n} x {kind}" for kind, n in sorted(kinds.items()))
