# Two targets: `docker build --target test .` runs the checks, `docker build .` makes the image that trains and judges.
# For a small image without CUDA pass the address of PyTorch's CPU wheels: --build-arg TORCH_INDEX=...

FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DO_NOT_TRACK=1 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false
RUN useradd --create-home --uid 1000 gonogo \
    && mkdir /app /runs \
    && chown gonogo:gonogo /app /runs
WORKDIR /app
USER 1000
ENV PATH=/home/gonogo/venv/bin:$PATH
RUN python -m venv /home/gonogo/venv
ARG TORCH_INDEX=
COPY --chown=gonogo:gonogo pyproject.toml constraints.txt README.md ./
# Installed first, so that the chosen build is kept.
RUN grep "^torch==" constraints.txt > /tmp/torch.txt \
    && pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} --requirement /tmp/torch.txt
COPY --chown=gonogo:gonogo carla_double carla_double
COPY --chown=gonogo:gonogo config config
COPY --chown=gonogo:gonogo flows flows
COPY --chown=gonogo:gonogo gates gates
COPY --chown=gonogo:gonogo gonogo gonogo
COPY --chown=gonogo:gonogo reports reports
COPY --chown=gonogo:gonogo trainer trainer
# EXTRAS=run,carla adds CARLA's client.
ARG EXTRAS=run
RUN pip install --constraint constraints.txt --editable ".[${EXTRAS}]"

FROM base AS test
COPY --chown=gonogo:gonogo . .
RUN pip install --constraint constraints.txt --editable ".[dev]" \
    && ruff format --check . \
    && ruff check . \
    && mypy \
    && lint-imports \
    && python -m pytest -m "not slow and not browser and not carla and not gpu"

FROM base AS product
VOLUME /runs
WORKDIR /runs
ENTRYPOINT ["gonogo"]
CMD ["run", "--out", "/runs/drive"]
