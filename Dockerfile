# The shop as an image: web processes, or the worker, by the command it is given.
FROM python:3.13-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/opt/venv/bin:$PATH
WORKDIR /app

# Dependencies first, with hashes: they change more seldom than the code.
COPY requirements.lock ./
RUN python -m venv /opt/venv \
 && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY shop shop
COPY templates templates
COPY static static
COPY alembic alembic
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -e . \
 && useradd --system --uid 10001 --home-dir /data shop \
 && install -d -o shop -g shop /data

USER shop
ENV SHOP_DATA=/data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["shop", "serve", "--host", "0.0.0.0", "--processes", "2"]
