#!/usr/bin/env bash
# Runs a command as two ranks, each on a host of its own: two network namespaces, joined by a link.
#
#   two_hosts.sh run|cut|torchrun FOLDER COMMAND...
#
# cut takes the link down when FOLDER/run/run.log says that denoising has begun. torchrun starts the
# command on each host by torchrun, else the variables do it. What rank R prints goes to FOLDER/out.R
# and FOLDER/err.R, its exit code to FOLDER/code.R. Exit code 77: not allowed here, FOLDER/reason says
# why.
set -euo pipefail
mode=$1 folder=$2
shift 2

skip() {
  printf '%s\n' "$*" >"$folder/reason"
  exit 77
}

if [[ ${CHITU_TEST_INSIDE:-} != 1 ]]; then
  for command in unshare nsenter ip; do
    command -v "$command" >/dev/null || skip "there is no command $command"
  done
  unshare --user --map-root-user --net ip link add probe type veth peer name eborp 2>/dev/null ||
    skip "network namespaces are not allowed"
  CHITU_TEST_INSIDE=1 exec unshare --user --map-root-user --net "$0" "$mode" "$folder" "$@"
fi

unshare --net sleep 600 &
second=$!
trap 'kill "$second" 2>/dev/null || true' EXIT
until [[ $(readlink "/proc/$second/ns/net") != "$(readlink "/proc/$$/ns/net")" ]]; do sleep 0.05; done

on_host() {
  if (($1 == 0)); then
    "${@:2}"
  else
    nsenter --target "$second" --net -- "${@:2}"
  fi
}

ip link add link0 type veth peer name link1
ip link set link1 netns "$second"
for host in 0 1; do
  on_host $host ip link set lo up
  on_host $host ip addr add 10.77.0.$((host + 1))/24 dev link$host
  on_host $host ip link set link$host up
done

start_rank() {
  if [[ $mode == torchrun ]]; then
    on_host "$1" torchrun --no-python --nnodes=2 --nproc_per_node=1 --node_rank="$1" \
      --local_addr=10.77.0.$(($1 + 1)) --rdzv_backend=c10d --rdzv_endpoint=10.77.0.1:29511 \
      --rdzv_conf=is_host=$((1 - $1)) "${@:2}"
  else
    on_host "$1" env RANK="$1" WORLD_SIZE=2 LOCAL_RANK=0 MASTER_ADDR=10.77.0.1 MASTER_PORT=29512 \
      OMP_NUM_THREADS=1 "${@:2}"
  fi
}

run_rank() {
  local code=0
  start_rank "$@" >"$folder/out.$1" 2>"$folder/err.$1" || code=$?
  printf '%s' "$code" >"$folder/code.$1"
}

cd "$folder"
run_rank 0 "$@" &
ranks=$!
run_rank 1 "$@" &
ranks+=" $!"
if [[ $mode == cut ]]; then
  until grep -qs 'stage denoise begins' run/run.log; do sleep 0.05; done
  sleep 1
  ip link set link0 down
fi
# shellcheck disable=SC2086
wait $ranks
