"""`ict data download` in a process of its own: its hub, its JSON, and no torch."""

import json
import os
import subprocess
import sys

import numpy as np

from ict.tasks import load_split
from tests.hub_server import COMMIT, Hub, serve
from tests.tasks.download.archives import same_files, tree, zipped


def ict(hub: Hub, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The real command in its own process, pointed at the local hub by HF_ENDPOINT."""
    return subprocess.run(
        [sys.executable, "-m", "ict", *arguments],
        env=os.environ | {"HF_ENDPOINT": hub.endpoint} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_honours_hf_endpoint(kitti, root):
    with serve(Hub({"kitti.zip": zipped(tree(kitti, ""))}, repo="XiN0919/VTAB-1k")) as hub:
        done = ict(hub, "data", "download", "kitti", "--to", str(root), "--json")
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert (document["task"], document["status"]) == ("kitti", "downloaded")
        again = ict(hub, "data", "download", "kitti", "--to", str(root), "--json")
        assert json.loads(again.stdout)["status"] == "present"
    split = load_split("kitti", "train800")
    assert np.array_equal(split.labels, load_split("kitti", "train800", root=root).labels)


def test_the_command_for_all_goes_on_after_a_failure(kitti, root):
    files = {"kitti.zip": zipped(tree(kitti, "")), "dmlab.zip": zipped(tree(kitti, ""))[:900]}
    with serve(Hub(files)) as hub:
        done = ict(hub, "data", "download", "all", "--to", str(root), "--repo", hub.repo, "--json")
    rows = {row["task"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 1
    assert len(rows) == 19
    assert rows["kitti"]["status"] == "downloaded"
    assert "no whole archive" in rows["dmlab"]["error"]
    assert "neither an archive nor a folder" in rows["svhn"]["error"]


def test_the_command_says_errors_in_one_json_sentence(root):
    with serve(Hub({})) as hub:
        done = ict(hub, "data", "download", "svhn", "--to", str(root), "--json")
    assert done.returncode == 2
    assert "there is no data set 'XiN0919/VTAB-1k'" in json.loads(done.stdout)["error"]
    assert len(done.stdout.strip().splitlines()) == 1


def test_an_interrupted_process_leaves_a_partial_file_that_the_next_one_uses(kitti, root):
    content = zipped(tree(kitti, ""))
    with serve(Hub({"kitti.zip": content}, repo="XiN0919/VTAB-1k")) as hub:
        partial = root / ".downloads" / COMMIT / "kitti.zip.partial"
        partial.parent.mkdir(parents=True)
        partial.write_bytes(content[:4321])
        done = ict(hub, "data", "download", "kitti", "--to", str(root))
        assert done.returncode == 0, done.stderr
        assert hub.ranges("kitti.zip") == ["bytes=4321-"]
    assert same_files(root / "kitti", kitti)


def test_downloading_never_imports_torch():
    code = (
        "import sys, ict.tasks.download, ict.cli.data, huggingface_hub;"
        "from huggingface_hub import HfApi; print('torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
