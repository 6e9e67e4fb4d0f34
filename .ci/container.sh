#!/usr/bin/env bash
# The Dockerfile's own steps, built and used without a Docker daemon or a registry. buildah runs them in a chroot;
# two things stand in for what lies elsewhere: Debian's minimal system with its Python 3.11 for the image
# python:3.11-slim-bookworm, and the active environment's packages, mounted read-only, for loading torch anew.
# Needs Debian 12, root and the environment of requirements-dev.txt. Leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'b rm --all >/dev/null 2>&1; b umount --all >/dev/null 2>&1; rm -rf "$work"' EXIT
export BUILDAH_ISOLATION=chroot TMPDIR="$work" _CONTAINERS_USERNS_CONFIGURED=done
site=$(python -c "import sysconfig; print(sysconfig.get_path('purelib'))")
b() { buildah --root "$work/storage" --runroot "$work/run" "$@"; }

apt-get install -y -qq --no-install-recommends buildah debootstrap >/dev/null
debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv \
  bookworm "$work/base" >"$work/debootstrap.log" || { tail "$work/debootstrap.log"; exit 1; }
ln -s python3 "$work/base/usr/bin/python"
printf '#!/bin/sh\nexec python -m streamlit "$@"\n' >"$work/base/usr/local/bin/streamlit"
chmod +x "$work/base/usr/local/bin/streamlit"
rm -f "$work/base/usr/lib/python3.11/EXTERNALLY-MANAGED"
if cp /etc/apt/sources.list.d/debian.sources "$work/base/etc/apt/sources.list.d/" 2>/dev/null; then
  rm "$work/base/etc/apt/sources.list"
fi

base=$(b from scratch)
b add -q "$base" "$work/base" / >/dev/null
b config --env PYTHONPATH=/usr/local/lib/python3.11/dist-packages:/site-packages --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt --env PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$base"
b commit -q --rm "$base" docker.io/library/python:3.11-slim-bookworm >/dev/null
rm -rf "$work/base"

# the packages but for ict itself (Streamlit serves its pages only from a folder of this name), and this machine's certificates, which pip needs where a proxy has its own
mkdir "$work/nothing"
mounts=(--volume "$site:/site-packages:ro" --volume /etc/ssl/certs:/etc/ssl/certs:ro)
for own in "$site"/ict-*.dist-info; do
  mounts+=(--volume "$work/nothing:/site-packages/${own##*/}:ro")
done
b bud -q --pull-never --layers=false --format docker "${mounts[@]}" -t ict . >/dev/null
b inspect --type image ict >"$work/image.json"
echo "built"

container=$(b from --pull-never ict)
inside() { b run "${mounts[@]}" "$container" -- "$@"; }

[ "$(inside id -u)" = 1000 ] || { echo "the container runs as root" >&2; exit 1; }
inside sh -c '! touch /opt/ict/ict/new 2>/dev/null' || { echo "its user can change the code" >&2; exit 1; }
inside ict train digits --limit 40 --set epochs=1 --wait >"$work/train.log" 2>&1 || { cat "$work/train.log"; exit 1; }
inside sh -c 'ict figure curves --out /tmp/curves.pdf >/dev/null && head -c 5 /tmp/curves.pdf' | grep '%PDF-' >/dev/null
inside env ICT_READ_ONLY=1 ict runs | grep digits >/dev/null
echo "trains, draws and reads as uid 1000"

# what the image starts by itself, in a network of its own, so that its port is free whatever runs here
python - "$work/image.json" "$work" <<'PY'
import json, pathlib, shlex, sys
image, work = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2])
config = image["Docker"]["config"]
kind, *words = config["Healthcheck"]["Test"]
assert kind == "CMD", kind
assert config["User"] == "1000:1000", config["User"]
(work / "health.sh").write_text(shlex.join(words))
(work / "start.sh").write_text("exec " + shlex.join(config["Cmd"]))
PY
export -f b inside
export work container
mounts_text=$(printf '%q ' "${mounts[@]}")
export mounts_text
unshare --net --pid --fork --mount-proc bash -euc '
  ip link set lo up
  eval "mounts=($mounts_text)"
  inside sh -c "$(cat "$work/start.sh")" >"$work/app.log" 2>&1 &
  for _ in $(seq 60); do
    sleep 0.5
    if inside sh -c "$(cat "$work/health.sh")" 2>/dev/null; then
      inside python -c "import urllib.request as u; assert u.urlopen(\"http://127.0.0.1:8501/\").status == 200"
      echo "the app is healthy"
      exit 0
    fi
  done
  cat "$work/app.log"
  exit 1'
