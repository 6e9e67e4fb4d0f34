"""Weights and adapter files that torch reads: the one room of the fuzzer that imports it."""

import functools
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from bench.fuzz import changes, tensors
from bench.fuzz.target import Form, Given, Target, World, in_file

_NAME = "vit_tiny_patch16_224"


def _model() -> Any:
    """A ViT of two narrow blocks."""
    from tests.tiny_models import tiny_vit

    return tiny_vit(depth=2, dim=12)


def _weight_samples(model: Any) -> list[bytes]:
    """The model's own state as safetensors, as torch saves it (zip and legacy), and as NumPy's archive."""
    import numpy as np
    import torch
    from safetensors.torch import save

    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    made = [save(state)]
    for content, how in (
        (state, {}),
        ({"model": {f"backbone.{n}": t for n, t in state.items()}, "epoch": 3}, {}),
        (
            {"state_dict": state, "optimizer": {"lr": torch.zeros(3)}, "head.bias": torch.zeros(2)},
            {},
        ),
        (state, {"_use_new_zipfile_serialization": False}),
    ):
        out = io.BytesIO()
        torch.save(content, out, **how)  # type: ignore[arg-type]  # words of torch.save
        made.append(out.getvalue())
    packed = io.BytesIO()
    np.savez(packed, **{name: tensor.numpy() for name, tensor in state.items()})  # type: ignore[arg-type]  # names → arrays
    return [*made, packed.getvalue()]


def _odd_weights(random: Random) -> bytes:
    """Files that hold something else, two models, objects, or numbers of other types."""
    import numpy as np
    import torch

    state = {name: tensor.clone() for name, tensor in _model().state_dict().items()}
    other = {name: tensor + 1 for name, tensor in state.items()}
    one = random.choice(sorted(state))
    out = io.BytesIO()
    choice = random.randrange(7)
    if choice == 0:
        torch.save({"teacher": state, "student": other}, out)
    elif choice == 1:
        torch.save(random.choice((state[one], [state], Path("a"), 3)), out)
    elif choice == 2:
        np.savez(out, **{one: np.array([{}, None], dtype=object)})  # type: ignore[arg-type]  # names → arrays
    elif choice == 3:
        arrays = {
            name: tensor.bfloat16().view(torch.int16).numpy().view("V2")
            for name, tensor in state.items()
        }
        np.savez(out, **arrays)  # type: ignore[arg-type]  # names → arrays
    elif choice == 4:
        odd = random.choice(
            (
                state[one].int(),
                state[one] * float("nan"),
                state[one].to("meta"),
                state[one].to_sparse(),
            )
        )
        torch.save({**state, one: odd}, out)
    elif choice == 5:
        torch.save(
            {f"a.{n}": t for n, t in state.items()} | {f"b.{n}": t for n, t in other.items()}, out
        )
    else:
        return b"0" * 257 + b"ustar" + bytes(250)
    return out.getvalue()


def _weight_change(random: Random, content: bytes) -> bytes:
    """As of a safetensors file, or a member of an archive changed, or a byte; or one of another kind."""
    if random.random() < 0.15:
        return _odd_weights(random)
    if content[8:9] == b"{":
        return tensors.of_tensors(random, content)
    if not content.startswith(b"PK") or random.random() < 0.3:
        return changes.of_bytes(random, content)
    try:
        return _member_changed(random, content)
    except (
        zipfile.BadZipFile,
        ValueError,
        KeyError,
        OSError,
        RuntimeError,
        NotImplementedError,
        EOFError,
    ):
        return changes.of_bytes(random, content)


def _member_changed(random: Random, content: bytes) -> bytes:
    """One member of an archive changed, lost or renamed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        chosen = (
            random.choice([n for n in names if n.endswith(".pkl")] or names)
            if random.random() < 0.5
            else random.choice(names)
        )
        for name in names:
            body = old.read(name)
            if name != chosen:
                new.writestr(name, body)
            elif (choice := random.randrange(3)) == 0:
                new.writestr(name, changes.of_bytes(random, body))
            elif choice == 1:
                new.writestr(name + random.choice((".npy", "/constants.pkl", "x", "\n")), body)
    return out.getvalue()


def _weights_world(root: Path) -> World:
    from ict.model.weight_fit import load_weights

    model = _model()
    path = root / "weights.pth"
    root.mkdir(parents=True, exist_ok=True)

    def read(_given: Given) -> Sequence[str]:
        notes = load_weights(model, _NAME, path)
        json.dumps(notes)
        return ()

    return World(root=root, samples=_weight_samples(model), place=in_file(path), read=read)


def _adapter_world(root: Path) -> World:
    """A file of `ict.save_adapter`, loaded into a model of its make."""
    from ict.model.adapter_files import load_adapter, save_adapter
    from ict.model.adapters import attach, detach
    from ict.selection import BlockSelection, Selection

    root.mkdir(parents=True, exist_ok=True)
    samples = []
    for writes in (None, (0, 2)):
        model = _model()
        chosen = Selection("attn", (BlockSelection(0, 0, 12, (1, 3), writes),))
        attach(model, chosen)
        kept = save_adapter(model, root / "kept.safetensors", overwrite=True)
        samples.append(kept.read_bytes())
        kept.unlink()
    bare, path = _model(), root / "adapter.safetensors"

    def read(_given: Given) -> Sequence[str]:
        before = {name: tensor.clone() for name, tensor in bare.state_dict().items()}
        try:
            load_adapter(bare, path)
            detach(bare)
        finally:
            left = bare.state_dict()
            if left.keys() != before.keys():
                raise RuntimeError("a refused file leaves its adapters in the model")
        return ()

    return World(root=root, samples=samples, place=in_file(path), read=read)


def _checkpoint_world(best: bool, root: Path) -> World:
    """The state that a run goes on from, or its best one; then one epoch more is trained."""
    from ict.running.checkpoint import Behind, Checkpoint
    from ict.store import Run
    from tests.running.test_checkpoint import ROWS, trainer

    run = Run(root / "runs" / "one")
    run.path.mkdir(parents=True)
    kept, one = Checkpoint(run), trainer(epochs=9)
    one.epoch(1)
    kept.keep_best(one.model, 2)
    kept.save(one, Behind(ROWS, ["a note"]))
    if not best:
        run.test_curve_path.write_text('{"epoch": 1, "test_accuracy": 0.5}\n')
    path = kept.best if best else kept.state
    samples = [path.read_bytes()]

    def read(_given: Given) -> Sequence[str]:
        again, fresh = Checkpoint(run), trainer(epochs=9)
        behind = again.restore(fresh, select_by="val")
        if behind.rows or best:
            again.load_best(fresh.model, 2)
        fresh.epoch(len(behind.rows) + 1)
        return [note for note in behind.notes if note.startswith("trained anew")]

    caches = ("runs/one/progress.jsonl", "runs/one/test_curve.jsonl", "runs/one/log.txt")
    return World(root=root, samples=samples, place=in_file(path), read=read, caches=caches)


def targets() -> list[Target]:
    """Weights of a backbone, adapters that somebody shares, and what a run goes on from."""
    junk = changes.many(_weight_change)
    return [
        Target(name="weights files", parser=("ict/model/weight_files.py:read_tensors,_kind,_read_npz,_read_torch,"
               "_refuse_torchscript,_conversion", "ict/model/weight_fit.py:load_weights,_choose,_check_values,_notes",
               "ict/model/weight_names.py:flatten"), world=_weights_world, share=1.2,
               form=Form(change=_weight_change, junk=lambda random, valid: junk(random, valid)
                         if random.random() < 0.7 else changes.bytes_junk(random, valid))),
        Target(name="adapter files", parser=("ict/model/adapter_files.py:load_adapter,_read_meta,_check_make",
               "ict/model/adapters.py:load_trained_state,open_state,_check_fits"), form=tensors.FORM, share=2,
               world=_adapter_world),
        *(
            Target(name=name, parser=("ict/running/checkpoint.py:Checkpoint.restore,Checkpoint._load,Checkpoint.load_best,"
                   "Checkpoint._file_of,best_epoch,epoch_of,_fits,_holds",), form=tensors.FORM, share=0.4,
                   world=functools.partial(_checkpoint_world, best))
            for name, best in (("checkpoints", False), ("best states", True))
        ),
    ]  # fmt: skip
