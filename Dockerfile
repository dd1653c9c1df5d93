# The command chitu in an image; docs/install.md has the commands that build and run it.
#
#   BASE   an image of Debian 12, or Ubuntu 22.04 or 24.04
#   CUDA   1 installs a libtorch for NVIDIA GPUs
ARG BASE=debian:12
FROM ${BASE}
ARG CUDA=0
WORKDIR /chitu
COPY . .
RUN CHITU_CUDA=${CUDA} tools/build
ENV PATH=/chitu/build/release/bin:$PATH
WORKDIR /work
ENTRYPOINT ["chitu"]
