"""Compiles for GPUs that are not here what a launcher would launch there, and says what it takes of them.

A `Recorder` stands in for Triton's launches: a launcher runs on CPU tensors as usual, and each kernel that it
would launch is noted with the types, alignments and constants of its arguments, as Triton specializes it.
"""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

TARGETS = {"sm_80": 80, "sm_90": 90, "sm_100": 100}
OPTIONS = ("num_warps", "num_stages", "num_ctas", "enable_fp_fusion")
POINTERS = {
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
    torch.int32: "*i32",
    torch.int64: "*i64",
    torch.uint32: "*u32",
    torch.uint8: "*u8",
    torch.bool: "*i1",
}


@dataclass(frozen=True)
class Launch:
    """A kernel with the types, constants and hints of one launch."""

    kernel: JITFunction
    signature: tuple
    constants: tuple
    aligned: tuple
    options: tuple

    def resources(self, target):
        """Registers, bytes of stack (spills) and of shared memory on a target, "sm_90"."""
        source = ASTSource(
            fn=self.kernel,
            signature=dict(self.signature),
            constexprs=dict(self.constants),
            attrs={place: [["tt.divisibility", 16]] for place in self.aligned},
        )
        compiled = triton.compile(
            source, target=GPUTarget("cuda", TARGETS[target], 32), options=dict(self.options)
        )
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(compiled.asm["cubin"])
            file.flush()
            program = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
            text = subprocess.run(
                [program, "-res-usage", file.name], check=True, capture_output=True, text=True
            ).stdout
        found = {name: int(number) for name, number in re.findall(r"(REG|STACK|LOCAL):(\d+)", text)}
        return {
            "registers": found["REG"],
            "spilled_bytes": found["STACK"] + found["LOCAL"],
            "shared_bytes": compiled.metadata.shared,
        }


def described(kernel, arguments, named):
    """The `Launch` of a call, specialized as Triton does: ones are constants, multiples of 16 are hints."""
    values = dict(zip((p.name for p in kernel.params), arguments, strict=False))
    values |= {name: value for name, value in named.items() if name not in OPTIONS}
    signature, constants, aligned = [], [], []
    for place, parameter in enumerate(kernel.params):
        value = values.get(parameter.name, parameter.default)
        if parameter.is_constexpr or value is None or (isinstance(value, int) and value == 1):
            signature.append((parameter.name, "constexpr"))
            constants.append(((place,), value))
            continue
        if isinstance(value, torch.Tensor):
            kind, hint = POINTERS[value.dtype], value.data_ptr() % 16 == 0
        elif isinstance(value, float):
            kind, hint = "fp32", False
        else:
            kind, hint = "i32" if abs(value) < 2**31 else "i64", value % 16 == 0
        signature.append((parameter.name, kind))
        if hint:
            aligned.append((place,))
    options = tuple((name, value) for name, value in named.items() if name in OPTIONS)
    return Launch(kernel, tuple(signature), tuple(constants), tuple(aligned), options)


class Recorder:
    """A context in which kernels are noted and not launched.

    Attributes:
        launches: those noted, each different one once.
    """

    def __init__(self):
        self.launches = []

    def __enter__(self):
        self._run = JITFunction.run
        launches = self.launches

        def run(kernel, *arguments, grid, warmup, **named):
            launch = described(kernel, arguments, named)
            if launch not in launches:
                launches.append(launch)

        JITFunction.run = run
        return self

    def __exit__(self, *_):
        JITFunction.run = self._run
