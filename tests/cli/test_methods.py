"""`ict fold`, `ict import`: what leaves the store for others, and what comes in from them."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from ict.errors import InputError
from ict.resolve import resolve
from ict.running.execute import run as execute
from ict.running.fold_run import fold_run
from ict.store.imported_results import import_results, imported_rows

PLAIN = """
import json, sys
import numpy as np, torch
from PIL import Image
from safetensors import safe_open
from sklearn.datasets import load_digits
from timm.models.vision_transformer import VisionTransformer

path, indices = sys.argv[1], json.loads(sys.argv[2])
with safe_open(path, "pt") as file:
    header = file.metadata()
    state = {name: file.get_tensor(name) for name in file.keys()}
model = VisionTransformer(img_size=64, patch_size=8, embed_dim=192, depth=12, num_heads=3,
                          num_classes=int(header["num_classes"])).eval()
model.load_state_dict(state)
assert not any(name.startswith("ict") for name in sys.modules)
mean, std = json.loads(header["mean"])[0], json.loads(header["std"])[0]
images = load_digits().images
pixels = []
for i in indices:
    grey = Image.fromarray(np.round(images[i] * 255 / 16).astype(np.uint8)).convert("RGB")
    pixels.append(np.asarray(grey.resize((64, 64), Image.Resampling.BICUBIC)))
x = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float()
with torch.inference_mode():
    logits = model((x / 255 - mean) / std)
print(json.dumps(logits.tolist()))
"""


def trained(store, **asked):
    resolved = resolve(
        {"task": "digits", "limit": 16, "epochs": 1, "precision": "fp32", **asked}, weights="none"
    )
    here = store.create_run(resolved.record())
    execute(here.id, store, threads=1, device="cpu")
    return here


def test_a_folded_run_answers_the_same_in_a_script_without_ict(store, tmp_path):
    import torch

    import ict
    from ict.data import batches, load_set
    from ict.tasks import load_split

    here = trained(store, tune_site="mlp_branch")
    out = tmp_path / "folded.safetensors"
    answer = fold_run(here, out)
    assert answer["num_classes"] == 10
    assert not any("adapter" in name for name in load_file(out))

    split = load_split("digits", "test")
    model = ict.load(here.id)
    x, _ = next(iter(batches(load_set(split, 64, limit=8), 8, mean=(0.5,) * 3, std=(0.5,) * 3)))
    with torch.inference_mode():
        expected = model(x).numpy()
    indices = digits_of(split, 8)
    child = subprocess.run(
        [sys.executable, "-c", PLAIN, str(out), json.dumps(indices)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    np.testing.assert_allclose(np.array(json.loads(child.stdout)), expected, atol=1e-5)


def test_a_run_with_lora_folds_into_the_qkv_layers(store, tmp_path):
    import torch
    from safetensors.torch import load_file as load_tensors

    import ict
    from ict.model.backbones import load_backbone

    here = trained(store, method="lora")
    out = tmp_path / "folded.safetensors"
    assert fold_run(here, out)["num_classes"] == 10
    plain = load_backbone("ict_tiny", weights="none", weights_file=None, classes=10).eval()
    plain.load_state_dict(load_tensors(out))
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(plain(x), ict.load(here.id)(x), rtol=1e-5, atol=1e-5)


def digits_of(split, n):
    """Where the first images of the split stand in scikit-learn's data set."""
    from sklearn.datasets import load_digits

    grey = np.round(load_digits().images * 255 / 16).astype(np.uint8)
    found = []
    for i in range(n):
        image = np.asarray(split.image(i).convert("L"))
        found.append(int(np.flatnonzero((grey == image).all(axis=(1, 2)))[0]))
    return found


def test_the_residual_stream_is_refused_and_nothing_written(store, tmp_path):
    here = trained(store)
    with pytest.raises(InputError, match="residual stream"):
        fold_run(here, tmp_path / "no.safetensors")
    assert list(tmp_path.glob("*.safetensors")) == []


def test_a_file_that_exists_is_not_overwritten(store, tmp_path):
    here = trained(store, method="linear")
    out = tmp_path / "mine.safetensors"
    out.write_bytes(b"precious")
    with pytest.raises(InputError, match="exists; choose another name"):
        fold_run(here, out)
    assert out.read_bytes() == b"precious"


def test_imported_results_are_rows_marked_imported(store, tmp_path):
    path = tmp_path / "theirs.csv"
    path.write_text("method,task,test_accuracy,adapter_parameters\nSSF,cifar100,0.69,210000\n")
    assert import_results(store, path)["rows"] == 1
    assert import_results(store, path)["rows"] == 1
    (row,) = imported_rows(store)
    assert row == {
        "method": "SSF",
        "task": "cifar",
        "test_accuracy": 0.69,
        "adapter_parameters": 210000,
        "status": "done",
        "source": "imported: theirs.csv",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("method,task\nSSF,cifar\n", "line 1: no column 'test_accuracy'"),
        ("method,task,test_accuracy\nSSF,cifar,69\n", "line 2: test_accuracy 69 is outside 0 to 1"),
        ("method,task,test_accuracy\nSSF,cifar,x\n", "line 2: test_accuracy 'x' is not a number"),
        ("method,task,test_accuracy\nSSF,cifra,0.5\n", "line 2: no task 'cifra'"),
        ("method,task,test_accuracy\n,cifar,0.5\n", "line 2: no method"),
        ("method,task,test_accuracy\n", "holds no results"),
    ],
)
def test_a_line_that_is_wrong_is_named_and_nothing_kept(store, tmp_path, text, sentence):
    path = tmp_path / "theirs.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        import_results(store, path)
    assert imported_rows(store) == []
