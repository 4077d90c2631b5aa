"""Lists of different lengths in one flat tensor: list i is flat[offsets[i]:offsets[i + 1]]."""

from __future__ import annotations

import torch

from fastnlp.kernels.checks import expect_range

__all__ = ["expand_lists", "expect_lists"]


@torch.library.custom_op("fastnlp::expand_lists", mutates_args=())
def expand_lists(chosen: torch.Tensor, offsets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The entries of some lists, one list after another. On a GPU this waits for their number.

    Args:
        chosen: (N,) integers, numbers of lists.
        offsets: (lists + 1,) int64.

    Returns:
        places: (K,) int64, of the entries in the flat tensor.
        owners: (K,) int64 in [0, N), to which of the chosen lists each belongs.

    Example:
        >>> expand_lists(torch.tensor([1, 0]), torch.tensor([0, 2, 5]))
        (tensor([2, 3, 4, 0, 1]), tensor([0, 0, 0, 1, 1]))
    """
    begins = offsets[chosen.long()]
    counts = offsets[chosen.long() + 1] - begins
    owners = torch.repeat_interleave(counts)
    firsts = counts.cumsum(0) - counts
    return torch.arange(len(owners), device=offsets.device) + (begins - firsts)[owners], owners


@expand_lists.register_fake
def _(chosen: torch.Tensor, offsets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    size = torch.library.get_ctx().new_dynamic_size()
    return offsets.new_empty(size, dtype=torch.int64), offsets.new_empty(size, dtype=torch.int64)


def expect_lists(
    chosen: torch.Tensor, flat: torch.Tensor, offsets: torch.Tensor, bound: int, names: tuple[str, str, str]
) -> None:
    """Checks what a kernel will read: the chosen lists, their bounds, and their entries.

    Args:
        chosen: (N,) integers, numbers of lists.
        flat: all entries; for paths in trees, of which the last bit is a turn, shifted.
        offsets: (lists + 1,) int64.
        bound: of the entries.
        names: of the three in messages.

    Raises:
        IndexError: a number of a list, or an entry, is out of range.
        ValueError: offsets fall, or lie outside.

    Example:
        >>> lists = torch.tensor([0, 7]), torch.tensor([0, 1, 2])
        >>> expect_lists(torch.tensor([1]), *lists, 5, ("words", "ids", "offsets"))
        Traceback (most recent call last):
        IndexError: ids[1]: expected an id in [0, 5), got 7
    """
    expect_range(names[0], chosen, len(offsets) - 1)
    begins, ends = offsets[chosen.long()], offsets[chosen.long() + 1]
    wrong = (begins < 0) | (ends < begins) | (ends > len(flat))
    if wrong.any():
        at = int(chosen[wrong][0])
        raise ValueError(
            f"{names[2]}: expected them to rise from 0 to {len(flat)}, got {offsets[at].item()} and "
            f"{offsets[at + 1].item()} at {at}"
        )
    places, _ = expand_lists(chosen, offsets)
    used = flat[places]
    outside = (used < 0) | (used >= bound)
    if outside.any():
        place = places[outside][0].item()
        raise IndexError(f"{names[1]}[{place}]: expected an id in [0, {bound}), got {flat[place].item()}")
