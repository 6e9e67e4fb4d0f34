# The app and the command line `ict`, for CPU or for CUDA:
#   docker build -t ict .
#   docker build -t ict --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 .
#   docker run --rm -p 127.0.0.1:8501:8501 -v ict_store:/store -v /path/to/vtab-1k:/data:ro ict
# With CUDA add `--gpus all`; the NVIDIA container toolkit brings the driver in, wheels the rest.
# Behind another host name: -e STREAMLIT_SERVER_ALLOWED_HOSTS="localhost 127.0.0.1 my.host"

FROM python:3.11-slim-bookworm

# chromium and the fonts draw the PDF, SVG and PNG exports
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        chromium-headless-shell fonts-dejavu-core fonts-liberation \
    && rm -rf /var/lib/apt/lists/*

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1

WORKDIR /opt/ict
COPY pyproject.toml README.md LICENSE ./
# What the package needs, from its own list, so that a change of its code installs nothing anew.
RUN pip install torch torchvision --index-url "${TORCH_INDEX}" \
    && python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
wanted = p['dependencies'] + sum((w for e, w in p['optional-dependencies'].items() if e != 'docs'), []); \
print(*[w for w in wanted if not w.startswith('ict[')], sep='\n')" > /tmp/wanted.txt \
    && pip install -r /tmp/wanted.txt

COPY ict ./ict
COPY app ./app
COPY pages ./pages
COPY assets ./assets
RUN pip install --no-deps -e . \
    && useradd --create-home --uid 1000 --user-group ict \
    && mkdir --parents /store /data \
    && chown ict:ict /store

USER 1000:1000
ENV ICT_STORE=/store \
    ICT_VTAB_ROOT=/data \
    BROWSER_PATH=/usr/bin/chromium-headless-shell
VOLUME ["/store", "/data"]
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

# All interfaces of the container only: publish the port to 127.0.0.1, as above.
CMD ["streamlit", "run", "app/main.py", "--server.address=0.0.0.0", "--server.headless=true"]
