"""Many steps of random edits, faults, logic and schema changes against an oracle.

Each example is a program of up to 100 steps; after every clean update the targets must equal a
build from nothing. Run: python -m bench.flow.oracle [--steps 10000] [--seed N]
"""

from __future__ import annotations

import argparse
import random

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.coco_flow.engine.edit_programs import EditProgram

STEPS_PER_PROGRAM = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    taken = [0]

    class Counted(EditProgram):
        """Counts the steps that were taken."""

        def check_invariants(self, *args: object, **kwargs: object) -> None:
            taken[0] += 1
            super().check_invariants(*args, **kwargs)

    run_state_machine_as_test(
        seed(options.seed)(Counted),
        settings=settings(
            max_examples=max(options.steps // STEPS_PER_PROGRAM, 1),
            stateful_step_count=STEPS_PER_PROGRAM,
            deadline=None,
            database=None,
            # A failing program is shown as it is: making it smaller takes long.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{taken[0]} steps, every clean update equal to a fresh build")


if __name__ == "__main__":
    main()
