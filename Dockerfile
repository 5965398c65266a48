# Runs programs as a user without rights, in a container that needs none:
#
#   docker build -t neuroscript .
#   docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --network none \
#       -v "$PWD:/work:ro" neuroscript run program.ns
#
# Workers need the network, and a place that is kept:
#
#   docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges -e OPENAI_API_KEY \
#       -v "$PWD:/work:ro" -v neuroscript:/data neuroscript ask "Name a river."
#
# The extras that it is to have: docker build --build-arg EXTRAS=prices,schema .

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY grammars grammars
COPY neuroscript neuroscript
COPY ai_wm ai_wm
ARG EXTRAS=prices
RUN python -m venv /opt/neuroscript && /opt/neuroscript/bin/pip install --no-cache-dir ".[$EXTRAS]"

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin script && install -d -o script -g script -m 0700 /data
COPY --from=build /opt/neuroscript /opt/neuroscript
ENV PATH=/opt/neuroscript/bin:$PATH \
    XDG_DATA_HOME=/data \
    XDG_CONFIG_HOME=/data/config \
    XDG_STATE_HOME=/data/state \
    XDG_CACHE_HOME=/data/cache
VOLUME /data
WORKDIR /work
USER 10001:10001
ENTRYPOINT ["neuroscript"]
CMD ["--help"]
