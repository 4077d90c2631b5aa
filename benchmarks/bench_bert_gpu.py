"""Pretraining of BERT on a GPU: tokens a second and the part of its arithmetic that they use.

    python -m pytest -m gpu benchmarks/bench_bert_gpu.py --benchmark-enable -s --benchmark-json=bert.json

Base, large and the book's small model in bfloat16, from a corpus to changed parameters: `BertPretrainer`, and
transformers' model with its collator in the same run. That gets rows which are paired and cut already, and
masks and pads them on four worker processes. Both take AdamW, clip gradients and predict 15% of the tokens.
MFU is the operations of weights and attention that a token needs, by `BertConfig.flops_per_token`, over the
dense bfloat16 peak that the makers of the GPU state (FASTNLP_PEAK_FLOPS; 989e12 for H100 and H200).
"""

import os
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fastnlp import BertConfig, BertPretrainer, Corpus  # noqa: E402
from fastnlp.sampling import BertExamples  # noqa: E402
from fastnlp.text import Vocab  # noqa: E402

PEAK = float(os.environ.get("FASTNLP_PEAK_FLOPS", "989e12"))
SPECIAL = ["[PAD]", "[MASK]", "[CLS]", "[SEP]"]
WORDS = 30_522
UPDATES, FIRST = 60, 20  # FIRST of them are not timed
CASES = {  # preset, tokens of a row, rows of a batch, further settings
    "book-64": ("book", 64, 8192, {}),
    "book-64-graphs": ("book", 64, 8192, {"compile": "reduce-overhead"}),
    "base-128": ("base", 128, 768, {}),
    "base-512": ("base", 512, 192, {}),
    "large-512": ("large", 512, 64, {}),
}


def corpus(tokens):
    """Words as frequent as in a text, 25 to a sentence and 20 sentences to a document."""
    tokens -= tokens % (25 * 20)
    draw = np.random.default_rng(1)
    weights = 1.0 / (np.arange(WORDS - len(SPECIAL) - 1) + 10)
    ids = draw.choice(len(weights), tokens, p=weights / weights.sum()).astype(np.int32) + len(SPECIAL) + 1
    vocab = Vocab([f"w{i}" for i in range(len(weights))], unknown="[UNK]", reserved=SPECIAL)
    sentences = np.arange(0, tokens + 1, 25)
    return Corpus.from_ids(ids, sentences, vocab, np.arange(0, len(sentences), 20))


def ours(data, config, length, rows, device, **settings):
    """Tokens a second of our pretrainer."""
    trainer = BertPretrainer(
        config, steps=UPDATES, batch_size=rows, max_len=length, log_every=FIRST, device=device,
        precision="bfloat16", peak_flops=PEAK, **settings,
    )  # fmt: skip
    reports = trainer.fit(data, progress=False).history
    first, last = reports[0], reports[-1]
    return (last.words - first.words) / (last.elapsed - first.elapsed)


def theirs(data, config, length, rows, device, workers=4):
    """Tokens a second of transformers' model and collator in a plain loop."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    torch.manual_seed(1)
    names = {token: i for i, token in enumerate(data.vocab.tokens)}
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(tokenizers.models.WordLevel(names, "[UNK]")),
        unk_token="[UNK]", pad_token="[PAD]", mask_token="[MASK]", cls_token="[CLS]", sep_token="[SEP]",
    )  # fmt: skip
    sizes = {
        name: getattr(config, name)
        for name in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                     "intermediate_size", "max_position_embeddings", "hidden_act")
    }  # fmt: skip
    model = transformers.BertForPreTraining(transformers.BertConfig(**sizes)).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    plain = BertExamples(data, max_len=length, replacement=(0, 0, 1), pool=1)
    batches = (plain.batch(0, i, rows) for i in range(UPDATES))
    features = [
        {"input_ids": ids[:n], "token_type_ids": kinds[:n], "next_sentence_label": int(follows)}
        for batch in batches
        for ids, kinds, n, follows in zip(
            batch.tokens.tolist(), batch.segments.tolist(), batch.lengths, batch.is_next, strict=True
        )
    ]
    loader = torch.utils.data.DataLoader(
        features, rows, num_workers=workers, pin_memory=device == "cuda",
        collate_fn=transformers.DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
    )  # fmt: skip
    tokens, started = 0, 0.0
    for update, batch in enumerate(loader):
        if update == FIRST:
            _wait(device)
            started = time.perf_counter()
        tokens += int(batch["attention_mask"].sum()) if update >= FIRST else 0
        moved = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16):
            loss = model(**moved).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    _wait(device)
    return tokens / (time.perf_counter() - started)


def _wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def measured(case, device):
    """Tokens a second of both, and our MFU."""
    preset, length, rows, settings = CASES[case]
    config = BertConfig.book(WORDS) if preset == "book" else BertConfig.preset(preset, WORDS)
    data = corpus(int(1.2 * UPDATES * rows * length))
    speeds = {"fastnlp": ours(data, config, length, rows, device, **settings)}
    speeds["transformers"] = theirs(data, config, length, rows, device)
    return speeds, speeds["fastnlp"] * config.flops_per_token(length, round(0.15 * length)) / PEAK


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES)
def test_pretraining_on_a_gpu(benchmark, case):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    speeds, mfu = measured(case, "cuda")
    benchmark.extra_info.update(tokens_per_second=speeds, mfu=mfu, rows=CASES[case][2], peak_flops=PEAK)
    benchmark.pedantic(lambda: None, rounds=1)
    print(
        f"\n  {case}: " + ", ".join(f"{name} {speed / 1e6:.2f}M tokens/s" for name, speed in speeds.items())
    )
    print(f"  {mfu:.1%} of the peak")
    assert speeds["fastnlp"] > speeds["transformers"]
    assert speeds["fastnlp"] > 30e6 if case.startswith("book") else mfu > 0.5
