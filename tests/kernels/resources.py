"""Writes `resources.json`: what each kernel takes of a GPU, in the shapes that it is made for.

    PYTHONPATH=tests python -m kernels.resources > resources.json && mv resources.json tests/kernels/

Needs no GPU. Run it after a change of a kernel or of triton, and look at what changed before committing it.
"""

import json
import sys

import triton
from kernels.ahead_of_time import TARGETS, Recorder
from kernels.operation_launches import CASES as OPERATIONS
from kernels.training_launches import CASES as TRAINING

CASES = {**OPERATIONS, **TRAINING}


def measured(targets=tuple(TARGETS)):
    """{kernel and case: {target: resources}}"""
    table = {}
    for case, launch in CASES.items():
        with Recorder() as recorder:
            launch()
        for found in recorder.launches:
            table[f"{found.kernel.__name__} {case}"] = {t: found.resources(t) for t in targets}
    return table


if __name__ == "__main__":
    lines = [f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(measured().items())]
    sys.stdout.write(
        f'{{\n  "triton": "{triton.__version__}",\n  "kernels": {{\n' + ",\n".join(lines) + "\n  }\n}\n"
    )
