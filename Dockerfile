ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /src
# No pip in there: the outer one installs into it.
RUN python -m venv --without-pip /opt/servicesop
COPY requirements/run.txt requirements/
RUN pip --python /opt/servicesop/bin/python install --no-compile --require-hashes -r requirements/run.txt
# What builds the wheel stays behind in an environment of its own.
RUN python -m venv --without-pip /opt/build
COPY requirements/build.txt requirements/
RUN pip --python /opt/build/bin/python install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN /opt/build/bin/python -m hatchling build -t wheel \
    && pip --python /opt/servicesop/bin/python install --no-compile --no-deps dist/*.whl
# Compiled here for a read-only root; by hash, as the times of copied files may change.
RUN /opt/servicesop/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/servicesop/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="servicesop" \
      org.opencontainers.image.description="Runs standard operating procedures as Kubernetes objects" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/servicesop /opt/servicesop
ENV PATH=/opt/servicesop/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["servicesop"]
CMD ["run"]
