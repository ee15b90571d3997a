"""`make soak`: `python -m tests.soak [MINUTES]`, ten by default. Exit status 1 where something grew or failed."""

import sys
import tempfile

from tests.server.receiving import receiver
from tests.soak.soak import Limits, Soak, table


def main(minutes):
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, receiver() as hooks:
        soak = Soak(folder, hooks, pace=0.02)
        try:
            soak.run(minutes * 60, tell=lambda text: print(text, file=sys.stderr, flush=True))
            mistakes = soak.mistakes(Limits())
            print(table(soak))
        finally:
            soak.close()
    for mistake in mistakes:
        print(f"error: {mistake}", file=sys.stderr)
    return int(bool(mistakes))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0))
