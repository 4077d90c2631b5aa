"""The order in which the Triton engine reads and writes with so many centers in flight, on the CPU.

All tiles in flight read their rows before any of them adds what it has learned, which is the latest that a
GPU may be: its programs do not wait for each other. Arithmetic is plain torch; what is drawn is what the
kernels draw.
"""

import torch
from torch.nn.functional import softplus

from fastnlp.kernels.triton.tiles import LOSS_EVERY
from fastnlp.training.torch_draws import accepts, below, philox
from fastnlp.training.triton_engine import TritonEngine


def draw_tokens(ids, keep, first_position, *, seed, epoch, window, shrink):
    position = first_position + torch.arange(len(ids))
    words = philox(seed, 0, epoch, position, 0)
    limit = keep.to(torch.int64)[ids.long()]
    reach = 1 + below(words[1], window) if shrink else torch.full_like(position, window)
    return torch.where(accepts(limit, words[0]), reach, 0).int()


def noise_words(outputs, epoch, position, d):
    words = philox(outputs.seed, 1, epoch, position, d // 2)
    odd = d % 2 == 1
    column = below(torch.where(odd, words[2], words[0]), len(outputs.aliases))
    kept = accepts(outputs.thresholds.to(torch.int64)[column], torch.where(odd, words[3], words[1]))
    return torch.where(kept, column, outputs.aliases.long()[column])


def outputs_of(outputs, center, is_center, words, positions, epoch):
    """(B, T, M) rows that centers meet, whether they are to be told yes, and which are real."""
    own = words[center]
    if outputs.path is not None:
        begin, end = outputs.path_offsets[own], outputs.path_offsets[own + 1]
        at = begin[:, :, None] + torch.arange(outputs.longest)
        step = outputs.path[at.clamp(max=len(outputs.path) - 1)].long()
        return step >> 1, step & 1 == 0, (at < end[:, :, None]) & is_center[:, :, None]
    k = outputs.negatives
    place = torch.arange(center.shape[1])
    first = place // outputs.set_size * outputs.set_size
    members = first[:, None] + torch.arange(outputs.set_size)
    taken = torch.where(is_center[:, members], own[:, members], -1)  # (B, T, 1 or 4)
    d = torch.arange(8 * k + 16).expand(*own.shape, -1)
    drawn = noise_words(outputs, epoch, positions[center[:, first]][:, :, None].expand_as(d), d)
    refused = (drawn[:, :, :, None] == taken[:, :, None]).any(3)
    drawn = drawn.gather(2, refused.to(torch.int8).argsort(dim=2, stable=True))[:, :, :k]
    rows = torch.cat([own[:, :, None], drawn], 2)
    yes = (torch.arange(1 + k) == 0).expand_as(rows)
    return rows, yes, is_center[:, :, None].expand_as(rows)


def inputs_of(table, parts, words):
    """(n, D) vectors of words; their rows, and which word each belongs to."""
    if parts is None:
        return table[words], words, torch.arange(len(words))
    begin, end = parts.part_offsets[words], parts.part_offsets[words + 1]
    owner = torch.arange(len(words)).repeat_interleave(end - begin)
    place = torch.arange(len(owner)) - ((end - begin).cumsum(0) - (end - begin))[owner]
    rows = parts.parts[begin[owner] + place].long()
    total = torch.zeros(len(words), table.shape[1]).index_add_(0, owner, table[rows])
    return total / (end - begin)[:, None] if parts.mean else total, rows, owner


def train_tiles(
    tables, damping, tokens, tiles, outputs, parts, *, epoch, programs, contexts=None
):  # contexts: of CBOW
    v, u = tables
    words, positions, reaches, firsts, lasts = (part.long() for part in tokens)
    size, window, kept = outputs.centers, outputs.window, len(words)
    trained, measured, losses = 0, 0, 0.0
    for turn in range(0, len(tiles.begins), programs):
        begin, end, rate = (part[turn : turn + programs] for part in tiles)
        center = begin.long()[:, None] + torch.arange(size)
        is_center = center < end[:, None]
        center = center.clamp(max=kept - 1)
        context = begin.long()[:, None] - window + torch.arange(size + 2 * window)
        is_token = (context >= 0) & (context < kept)
        apart = (context[:, :, None] - center[:, None, :]).abs()
        band = (apart > 0) & (apart <= reaches[center][:, None]) & is_center[:, None]
        band &= (context[:, :, None] >= firsts[center][:, None]) & is_token[:, :, None]
        band = (band & (context[:, :, None] <= lasts[center][:, None])).float()  # (B, C, T)
        near = words[context.clamp(0, kept - 1)]
        x, rows, owner = inputs_of(v, parts, near.flatten())
        x = x.view(*near.shape, -1)
        out, yes, real = outputs_of(outputs, center, is_center, words, positions, epoch)
        if contexts is None:
            meets = (band[:, :, :, None] * real[:, None]).flatten(2)  # (B, C, T * M)
            h, z, told = x, u[out.flatten(1)], yes.flatten(1)[:, None]
            scores = h @ z.mT
        else:
            n = band.sum(1).clamp(min=1)  # (B, T)
            forward, backward = (
                band / n[:, None] if mean else band for mean in (contexts != "sum", contexts == "mean")
            )
            h, z, told = forward.mT @ x, u[out], yes  # (B, T, D), (B, T, M, D)
            meets = (real & (band.sum(1) > 0)[:, :, None]).float()
            scores = (z @ h[:, :, :, None])[..., 0]
        signed = torch.where(told, -scores, scores)
        gradient = torch.where(told, 1.0, -1.0) * signed.sigmoid() * meets * rate[:, None, None]
        if contexts is None:
            change, out_change = gradient @ z, gradient.mT @ h
            counts = band.sum((1, 2))
        else:
            change = backward @ (gradient[:, :, None] @ z)[:, :, 0]
            out_change = gradient[..., None] * h[:, :, None]
            counts = (band.sum(1) > 0).sum(1)
        change = change.reshape(-1, v.shape[1])
        v.index_add_(0, rows, change[owner] * damping[0][rows, None])
        u.index_add_(0, out.flatten(), out_change.reshape(out.numel(), -1) * damping[1][out.flatten(), None])
        every = (turn + torch.arange(len(begin))) % LOSS_EVERY == 0
        trained += int(counts.sum())
        measured += int(counts[every].sum())
        losses += float((softplus(signed) * meets)[every].sum())
    return torch.tensor([trained]), torch.tensor([measured]), torch.tensor([losses])


class EmulatedEngine(TritonEngine):
    """The Triton engine with its kernels emulated.

    `programs` programs run side by side, or as many as a GPU of so many multiprocessors has; `damped` says
    whether rows that are met often are damped, `ramp` whether programs join one after another.
    """

    _draw_tokens = staticmethod(draw_tokens)

    def __init__(self, config, corpus, tables, programs=1, damped=True, ramp=True, multiprocessors=0):
        super().__init__(config, corpus, tables, "cpu", programs)
        if multiprocessors:
            self.programs = multiprocessors * self._outputs.side_by_side
            self.in_flight = self.programs * self._tile
        cbow = config.architecture == "cbow"
        self._train_tiles = lambda *given, **named: train_tiles(
            *given, **named, contexts=config.cbow_contexts if cbow else None
        )
        self._damped, self._ramp = damped, ramp

    @property
    def _units_at_once(self):
        """What a GPU trains in a launch of 0.05 s, or 16 units where it has to look again at once."""
        return 16 if self._ramp and not self._grown else 128

    @_units_at_once.setter
    def _units_at_once(self, units):
        pass

    def _programs_at(self, epoch, unit):
        programs = super()._programs_at(epoch, unit) if self._ramp else self.programs
        self._grown = programs == self.programs
        return programs

    _grown = False

    def _damping_of(self, programs):
        both = super()._damping_of(programs)
        return both if self._damped else tuple(torch.ones_like(scale) for scale in both)
