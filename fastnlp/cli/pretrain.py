"""`fastnlp train bert`."""

from __future__ import annotations

import argparse
import errno
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnlp.cli.arguments import add_command, check_writable
from fastnlp.cli.progress import Reading, say

if TYPE_CHECKING:
    from fastnlp.text import Corpus

__all__ = ["add_bert"]

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

# Flags with the names and defaults of the Python API; what is not given is not passed on. (name, type, help)
_MODEL = (
    ("hidden_size", int, "hidden units (from the preset)"),
    ("num_hidden_layers", int, "blocks (from the preset)"),
    ("num_attention_heads", int, "attention heads (from the preset)"),
    ("intermediate_size", int, "width of the feed-forward layers (from the preset)"),
    ("hidden_act", ("gelu", "gelu_new", "relu", "silu"), "activation (gelu)"),
    ("hidden_dropout_prob", float, "dropout of embeddings and sublayers (0.1)"),
    ("attention_probs_dropout_prob", float, "dropout of attention weights (0.1)"),
    ("norm", ("post", "pre"), "LayerNorm behind sublayers, or before them (post)"),
    ("positions", ("learned", "rotary"), "embedding or rotation of positions (learned)"),
    ("feed_forward", ("mlp", "glu"), "feed-forward layers, plain or gated (mlp)"),
    ("mlm_head", ("transform", "book"), "head for masked words: BERT's, or the book's with ReLU (transform)"),
    (
        "max_position_embeddings",
        int,
        "longest sequence that the model takes (512, the book's 1000, or --max-len)",
    ),
    ("initializer_range", float, "deviation of the first weights (0.02)"),
    ("layer_norm_eps", float, "what LayerNorm adds to variances (1e-12)"),
)
# (name of the setting, flag that makes it False, help)
_MODEL_WITHOUT = (
    ("next_sentence", "--no-next-sentence", "masked words alone, in running text"),
    ("embedding_norm", "--no-embedding-norm", "no LayerNorm over the embeddings, as in the book"),
    ("tie_word_embeddings", "--no-tie-word-embeddings", "output words by weights of their own"),
    ("bias", "--no-bias", "blocks without biases"),
)
_EXAMPLES = (
    ("pairs", ("packed", "adjacent"), "many sentences to a row, or each with its neighbour (packed)"),
    ("next_sentence_rule", ("document", "book"), "random sentences of other documents, or of any (document)"),
    ("long_pairs", ("truncate", "drop"), "what becomes of pairs that are too long (truncate)"),
    ("short_fraction", float, "part of packed pairs that aims at a random shorter length (0.1)"),
    ("max_predictions", int, "predicted tokens of a row at most (as many as --mask-fraction gives)"),
    ("pad_multiple", int, "rows are padded to a multiple of it (1)"),
    ("pool", int, "batches sorted by length together, 1 for none (256)"),
)
_EXAMPLE_SWITCHES = (
    ("whole_words", "predict all tokens of a word together"),
    ("predict_unknown", "predict unknown tokens as well, as in the book"),
    ("drop_last", "leave out what fills no batch at the end of an epoch"),
)
_SETTINGS = (
    ("steps", int, "updates (as many as the epochs have)"),
    ("epochs", int, "passes over the text, where --steps does not say otherwise (1)"),
    ("batch_size", int, "sequences at a time and process (256)"),
    ("accumulate", int, "batches to an update (1)"),
    ("max_len", int, "tokens of a sequence (128)"),
    ("lr", float, "learning rate after the warm-up (0.0001)"),
    ("min_lr", float, "what the learning rate falls to (0)"),
    ("warmup", float, "updates of warm-up, or below 1 a part of all (0.01)"),
    ("schedule", ("linear", "cosine", "constant"), "how the rate falls (linear)"),
    ("weight_decay", float, "of all but biases and norms (0.01)"),
    ("beta1", float, "of AdamW (0.9)"),
    ("beta2", float, "of AdamW (0.999)"),
    ("epsilon", float, "of AdamW (1e-06)"),
    ("clip", float, "bound of the gradient's norm, 0 for none (1)"),
    ("mask_fraction", float, "of tokens to be predicted (0.15)"),
    ("precision", ("auto", "float32", "bfloat16", "float16"), "type of products (auto)"),
    ("parallel", ("ddp", "fsdp"), "under torchrun: copies of the model, or shards (ddp)"),
    ("log_every", int, "updates between reports (10)"),
    ("seed", int, "seed of every random draw (1)"),
    ("peak_flops", float, "operations a second of the device, for MFU in reports"),
)
_FIT = (
    ("validate_every", int, "updates between looks at the validation text (500)"),
    ("validation_batches", int, "batches of it to look at (20)"),
    ("checkpoint_every", int, "updates between checkpoints (1000)"),
    ("keep", int, "checkpoints to keep (3)"),
)


def add_bert(models: Any) -> None:
    """Describes the command."""
    parser = add_command(
        models,
        "bert",
        "masked words and next sentences (Devlin et al. 2019); needs torch",
        "  fastnlp train bert wiki.txt -o wiki-bert --preset mini --steps 20000 --max-len 64 --lr 1e-3\n"
        "  fastnlp train bert wiki.txt -o wiki-bert --tokenizer vocab.txt --checkpoint run   # and --resume\n"
        "  torchrun --nproc-per-node 8 -m -- fastnlp.cli.main train bert wiki.txt -o wiki-bert --preset base",
    )
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="+", help="text files, also .gz; a blank line ends a document"
    )
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="folder to write, which transformers reads as well",
    )
    text = parser.add_argument_group("text")
    text.add_argument(
        "--tokenizer", metavar="FILE", help="tokenizer.json or vocab.txt (learned from the text)"
    )
    text.add_argument(
        "--vocab-size", type=int, default=8000, metavar="N", help="tokens to learn where none is given (8000)"
    )
    text.add_argument(
        "--lines", action="store_true", help="a line is a sentence (sentences are found by rules)"
    )
    text.add_argument(
        "--errors", choices=("strict", "replace"), default="strict",
        help="bytes that are not UTF-8 (strict: an error)",
    )  # fmt: skip
    text.add_argument("--validation", metavar="FILE", help="text that is looked at and not trained on")
    model = parser.add_argument_group("model, as fastnlp.BertConfig")
    model.add_argument(
        "--preset",
        choices=("tiny", "mini", "small", "medium", "base", "large", "book"),
        default=argparse.SUPPRESS,
        help="size: 2 blocks of 128 to 24 of 1024; or the book's model (mini: 4 of 256)",
    )
    model.add_argument(
        "--init-from", metavar="FOLDER", help="go on with a pretrained model, ours or transformers'"
    )
    _add_flags(model, _MODEL)
    for name, flag, text_of_help in _MODEL_WITHOUT:
        model.add_argument(
            flag, dest=name, action="store_false", default=argparse.SUPPRESS, help=text_of_help
        )
    examples = parser.add_argument_group("pairs and masks, as fastnlp.sampling.BertExamples")
    _add_flags(examples, _EXAMPLES)
    examples.add_argument(
        "--replacement", nargs=3, type=float, metavar="X", default=argparse.SUPPRESS,
        help="how likely the mask stands in, another token, or none (0.8 0.1 0.1)",
    )  # fmt: skip
    for name, text_of_help in _EXAMPLE_SWITCHES:
        examples.add_argument(
            "--" + name.replace("_", "-"), action="store_true", default=argparse.SUPPRESS, help=text_of_help
        )
    training = parser.add_argument_group("training, as fastnlp.BertPretrainer")
    _add_flags(training, _SETTINGS)
    training.add_argument("--device", default="auto", help="auto, cpu or cuda (auto)")
    training.add_argument(
        "--threads", type=int, metavar="N", help="threads; 1 for the same bits again (torch's)"
    )
    training.add_argument("--checkpointing", action="store_true", default=argparse.SUPPRESS,
                          help="compute activations again instead of keeping them")  # fmt: skip
    training.add_argument(
        "--compile", nargs="?", const=True, choices=("reduce-overhead", "max-autotune"), metavar="MODE",
        default=argparse.SUPPRESS, help="by torch.compile, or in its mode reduce-overhead or max-autotune",
    )  # fmt: skip
    training.add_argument("--padded", dest="unpadded", action="store_false", default=argparse.SUPPRESS,
                          help="compute padding as well instead of leaving it out")  # fmt: skip
    run = parser.add_argument_group("run")
    run.add_argument("--checkpoint", metavar="FOLDER", help="save the state there now and then")
    _add_flags(run, _FIT)
    run.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    run.add_argument("--log", metavar="FILE", help="keep the reports there as CSV")
    run.add_argument("--tensorboard", metavar="FOLDER", help="keep them there for TensorBoard")
    run.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(run=run_bert)


def _add_flags(group: argparse._ArgumentGroup, flags: tuple[tuple[str, Any, str], ...]) -> None:
    for name, kind, text in flags:
        flag = "--" + name.replace("_", "-")
        if isinstance(kind, tuple):
            group.add_argument(flag, choices=kind, default=argparse.SUPPRESS, help=text)
        else:
            metavar = {int: "N", float: "X"}[kind]
            group.add_argument(flag, type=kind, metavar=metavar, default=argparse.SUPPRESS, help=text)


def _given(
    options: argparse.Namespace, flags: tuple[tuple[str, Any, str], ...], *more: str
) -> dict[str, Any]:
    names = (*(name for name, _, _ in flags), *more)
    return {name: getattr(options, name) for name in names if hasattr(options, name)}


def run_bert(options: argparse.Namespace) -> None:
    """Learns or reads a tokenizer, numbers the text, pretrains, and writes the model."""
    _check(options)
    from fastnlp.training.bert import BertPretrainer
    from fastnlp.training.bert.checkpoints import check_folder

    if options.checkpoint is not None:
        check_folder(Path(options.checkpoint), options.resume)
    first = os.environ.get("RANK", "0") == "0"
    quiet = options.quiet or not first
    begun = _begun(options)
    tokenizer = _tokenizer(options, begun, quiet)
    settings = _given(options, _SETTINGS, "checkpointing", "compile", "unpadded")
    model = _config(options, tokenizer, settings.get("max_len", 128)) if begun is None else begun
    trainer = BertPretrainer(model, device=options.device, threads=options.threads, **settings)
    corpus = _corpus(options.inputs, tokenizer, options, quiet)
    validation = (
        None if options.validation is None else _corpus([options.validation], tokenizer, options, True)
    )
    if not quiet:
        sizes = f"{corpus.n_tokens:,} tokens in {corpus.n_sentences:,} sentences"
        say(f"{sizes} of {corpus.n_documents:,} documents")
    rules = _given(options, _EXAMPLES, "replacement", *(name for name, _ in _EXAMPLE_SWITCHES))
    if trainer.config.next_sentence and rules.get("next_sentence_rule") != "book":
        _check_documents("INPUT", corpus)
        if validation is not None:
            _check_documents("--validation", validation)
    rules.update(rank=int(os.environ.get("RANK", "0")), world_size=int(os.environ.get("WORLD_SIZE", "1")))
    try:
        trainer.fit(
            trainer.examples(corpus, **rules),
            tokenizer=tokenizer,
            validation=None if validation is None else trainer.examples(validation, **rules),
            progress=not quiet,
            checkpoint=options.checkpoint,
            resume=options.resume,
            log=options.log,
            tensorboard=options.tensorboard,
            **_given(options, _FIT),
        )
    except (KeyboardInterrupt, SystemExit):  # Ctrl-C, SIGTERM
        if first and trainer.model is not None and trainer.history:  # else nothing was learned
            if options.checkpoint is not None:
                say(f"stopped early; the same command with --resume goes on from {options.checkpoint}")
            else:
                trainer.model.save_pretrained(options.output)
                say(f"stopped early; wrote what was learned so far to {options.output}")
        raise
    if first and trainer.model is not None:
        trainer.model.save_pretrained(options.output)
        last = trainer.history[-1] if trainer.history else None
        if not quiet and last is not None:
            frequencies = trainer.unigram_entropy
            say(f"masked words: {last.mlm_loss:.3f} nats; by their frequencies alone: {frequencies:.3f}")
        if not quiet:
            say(f"wrote {options.output}; fastnlp.BertForPreTraining.from_pretrained reads it")


def _begun(options: argparse.Namespace) -> Any:
    """The pretrained model to go on with, if one is given."""
    if options.init_from is None:
        return None
    flags = _given(options, _MODEL, "preset", *(name for name, _, _ in _MODEL_WITHOUT))
    if flags:
        raise ValueError(f"--init-from: expected no flags of the model beside it, got {next(iter(flags))}")
    from fastnlp.models.bert import BertForPreTraining

    return BertForPreTraining.from_pretrained(options.init_from)


def _tokenizer(options: argparse.Namespace, begun: Any, quiet: bool) -> Any:
    """The tokenizer given, that of the model to go on with, or one learned from the text."""
    from fastnlp.tokenizers import BPE, WordPiece

    if options.tokenizer is None and begun is not None:
        if begun.tokenizer is None:
            raise ValueError(f"--tokenizer: expected one, as there is none in {options.init_from}")
        return begun.tokenizer
    if options.tokenizer is None:
        if not quiet:
            say(f"learning {options.vocab_size:,} tokens")
        keep: Any = (
            "keep" if options.errors == "replace" else "strict"
        )  # bytes have tokens, whatever they are
        try:
            return BPE.train(
                options.inputs, vocab_size=options.vocab_size, special_tokens=list(_SPECIAL), errors=keep
            )
        except ValueError as error:
            hint = "pass errors='replace' to read such bytes as U+FFFD"
            raise ValueError(str(error).replace("pass errors='keep' to train on any bytes", hint)) from None
    given: Any
    if Path(options.tokenizer).suffix == ".json":
        from fastnlp.models.bert.pretrained import load_tokenizer_file

        given = load_tokenizer_file(Path(options.tokenizer))
    else:
        given = WordPiece.load(options.tokenizer)
    if begun is not None and begun.tokenizer is not None:
        _check_tokens(given.tokens, begun.tokenizer.tokens, options.init_from)
    return given


def _check_tokens(given: Sequence[str], known: Sequence[str], model: str) -> None:
    """Refuses a tokenizer whose ids are other tokens than the model has learned."""
    if len(given) != len(known):
        raise ValueError(
            f"--tokenizer: expected the {len(known):,} tokens of {model}, got {len(given):,}; leave it out"
        )
    for i, (token, other) in enumerate(zip(given, known, strict=True)):
        if token != other:
            where = f"the tokens of {model}, where {i} is {other!r}, got {token!r}"
            raise ValueError(f"--tokenizer: expected {where}; leave it out")


def _config(options: argparse.Namespace, tokenizer: Any, max_len: int) -> Any:
    """The architecture that the flags describe."""
    from fastnlp.models.bert import BertConfig

    preset = getattr(options, "preset", "mini")
    given = {
        "max_position_embeddings": max(max_len, 1000 if preset == "book" else 512),
        "pad_token_id": tokenizer.token_id("[PAD]") or 0,
        **_given(options, _MODEL, *(name for name, _, _ in _MODEL_WITHOUT)),
    }
    if preset == "book":
        return BertConfig.book(len(tokenizer), **given)
    return BertConfig.preset(preset, len(tokenizer), **given)


def _check(options: argparse.Namespace) -> None:
    """Refuses before the training what would fail after it."""
    for path in (*options.inputs, options.tokenizer, options.validation, options.init_from):
        if path is not None and not Path(path).exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    folder = Path(options.output).resolve()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--output: expected a folder or a free name, got the file {options.output}")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "config.json").is_file():
        raise ValueError(f"--output: expected a free name or a pretrained model, got {options.output}")
    check_writable("--output", options.output)
    if options.resume and options.checkpoint is None:
        raise ValueError("--resume: expected --checkpoint with the folder to go on from")
    if options.tensorboard is not None and importlib.util.find_spec("tensorboard") is None:
        raise ValueError("--tensorboard: expected the package tensorboard, which is not installed")
    from fastnlp.io.atomic import check_place

    if options.tensorboard is not None:
        check_place(Path(options.tensorboard, "new"), makes_folders=True)
    if options.log is not None:
        check_place(options.log)


def _check_documents(name: str, corpus: Corpus) -> None:
    """Random sentences come from another document, so there has to be one."""
    if corpus.n_documents == 1:
        raise ValueError(
            f"{name}: expected several documents, with a blank line between them, got one; pass "
            f"--next-sentence-rule book, or --no-next-sentence to learn from words alone"
        )


def _corpus(paths: list[str], tokenizer: Any, options: argparse.Namespace, quiet: bool) -> Corpus:
    """The ids of texts, a sentence a line."""
    from fastnlp.text import Corpus, sentence_lines

    reading, errors = None if quiet else Reading(), options.errors
    try:
        if options.lines:
            return Corpus.from_text(paths, tokenizer=tokenizer, errors=errors, progress=reading)
        return Corpus.from_text(sentence_lines(paths, errors=errors, progress=reading), tokenizer=tokenizer)
    finally:
        if reading is not None:
            reading.close()
