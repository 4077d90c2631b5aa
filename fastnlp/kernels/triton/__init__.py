"""Triton kernels with their launchers: no autograd, no modules, and no checks, which are made above."""
