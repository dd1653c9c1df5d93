# shellcheck shell=bash
# Shared by tools/build, tools/test and tools/quickstart: finds or installs what chitu is built with,
# then builds it. Sourced, never run. Everything made here is below build/.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=$root/build/venv
setup_log=$root/build/setup.log
torch_version=2.13.0

# The one list of packages, by their names in Debian 12 and Ubuntu 22.04 and later; docs/install.md
# says what each is for. A command after the colon counts as the package, wherever it comes from.
packages=(
  g++:g++ cmake:cmake ninja-build:ninja pkg-config:pkg-config ccache:ccache
  libspdlog-dev libfmt-dev libyaml-cpp-dev libcli11-dev librange-v3-dev nlohmann-json3-dev
  libsentencepiece-dev libicu-dev libpng-dev libjpeg-dev libwebp-dev zlib1g-dev
  libavformat-dev libavcodec-dev libswscale-dev libavutil-dev libgloo-dev catch2
)

say() { printf '%s\n' "$*" >&2; }

# Ends with exit code 2: wrong arguments, or something is missing on this machine.
die() {
  say "error: $*"
  exit 2
}

# Prints the header comment of a script as its --help.
usage() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$1"; }

# Runs a command with its output in the log; shows the log's end when it fails.
logged() {
  mkdir -p "$root/build"
  if ! "$@" </dev/null >"$setup_log" 2>&1; then
    tail -n 20 "$setup_log" >&2
    return 1
  fi
}

missing_packages() {
  local installed entry package command
  installed=" $(dpkg-query -W -f '${Package}:${db:Status-Status} ' \
    "${@%%:*}" 2>/dev/null || true)"
  for entry in "$@"; do
    package=${entry%%:*}
    command=${entry#*:}
    [[ $entry == *:* ]] && command -v "$command" >/dev/null && continue
    [[ $installed == *" $package:installed "* ]] || printf '%s\n' "$package"
  done
}

# Installs the missing ones of the named packages, and prints which.
need_packages() {
  local missing as_root=()
  if ! command -v dpkg-query >/dev/null; then
    say "not a Debian or Ubuntu system: needs what these packages hold: ${*%%:*}"
    return 0
  fi
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  say "missing packages: ${missing[*]}"
  if ((EUID != 0)); then
    if ! sudo -n true 2>/dev/null; then
      die "cannot install packages without root; ask for: apt-get install ${missing[*]}"
    fi
    as_root=(sudo -n)
  fi
  say "installing them with apt-get (log: $setup_log)"
  logged "${as_root[@]}" apt-get update || say "apt-get update failed; trying with the lists at hand"
  logged "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "${missing[@]}" ||
    die "apt-get could not install: ${missing[*]}"
}

# Prints why chitu cannot use the libtorch in a folder; prints nothing if it can.
libtorch_flaw() {
  local folder=$1 version
  [[ -e $folder/include/ATen/ATen.h ]] || { echo "has no include/ATen/ATen.h"; return; }
  [[ -e $folder/lib/libtorch_cpu.so ]] || { echo "has no lib/libtorch_cpu.so"; return; }
  version=$(awk '/#define TORCH_VERSION_(MAJOR|MINOR) /{printf "%d ", $3}' \
    "$folder/include/torch/headeronly/version.h" 2>/dev/null)
  [[ $version =~ ^([0-9]+)\ ([0-9]+) ]] || { echo "is older than 2.10"; return; }
  if ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] < 2010)); then
    echo "is ${BASH_REMATCH[1]}.${BASH_REMATCH[2]}, older than 2.10"
  elif lacks_libraries "$folder/lib/libtorch_cpu.so"; then
    echo "lacks libraries that lib/libtorch_cpu.so needs (see ldd)"
  fi
}

lacks_libraries() { ldd "$1" 2>/dev/null | grep -q 'not found'; }

# Prints the folder of the torch in the active Python; reads no torch code, which takes seconds.
torch_of_python() {
  python3 - 2>/dev/null <<'PYTHON'
import importlib.util, os, sys
sys.path = [folder for folder in sys.path if folder]
spec = importlib.util.find_spec("torch")
if spec and spec.origin:
    print(os.path.dirname(spec.origin))
PYTHON
}

# Sets `libtorch` to the folder to build with, or to nothing. A choice is kept in build/libtorch as
# long as it works, so that activating another Python does not rebuild everything.
find_libtorch() {
  local flaw kept
  libtorch=${LibTorch_ROOT:-}
  if [[ $libtorch ]]; then
    flaw=$(libtorch_flaw "$libtorch")
    [[ ! $flaw ]] || die "LibTorch_ROOT=$libtorch: $flaw"
    libtorch=$(cd "$libtorch" && pwd)
    return
  fi
  kept=$(cat "$root/build/libtorch" 2>/dev/null || true)
  for libtorch in "$kept" "$(torch_of_python)"; do
    [[ $libtorch ]] || continue
    flaw=$(libtorch_flaw "$libtorch")
    [[ $flaw ]] || return 0
    say "not using the torch in $libtorch: it $flaw"
  done
  libtorch=
}

# Makes the virtual environment below build/; changes no other Python.
need_venv() {
  local python fits='import ensurepip, venv, sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))'
  [[ -e $venv/.ready ]] && return
  python3 -I -c "$fits" 2>/dev/null || need_packages python3 python3-venv
  for python in python3 /usr/bin/python3 ''; do
    [[ $python ]] || die "no Python 3.10 to 3.14 with its venv module; needed to install torch"
    "$python" -I -c "$fits" 2>/dev/null && break
  done
  rm -rf "$venv"
  logged "$python" -I -m venv "$venv" || die "cannot make the virtual environment $venv"
  touch "$venv/.ready"
}

in_venv() { PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 "$venv/bin/python" -I "$@"; }

# Installs torch into build/venv and sets `libtorch`. Only its C++ half is used, so its Python
# dependencies stay away, and without an NVIDIA GPU the CUDA libraries (gigabytes) too: of these
# the CPU half of a CUDA wheel needs just the two that `cudart` and `cupti` name.
install_libtorch() {
  local toolkit flaw
  need_venv
  libtorch=$(in_venv -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/torch
  if [[ ! -e $venv/.torch-$torch_version ]]; then
    say "no libtorch found: installing torch $torch_version into $venv (200 to 530 MB to download)"
    if [[ -e /proc/driver/nvidia/version || ${CHITU_CUDA:-0} == 1 ]]; then
      say "for NVIDIA GPUs: the CUDA libraries come along (gigabytes)"
      in_venv -m pip install "torch==$torch_version" >&2 || die "pip could not install torch"
    else
      in_venv -m pip install --no-deps "torch==$torch_version" >&2 || die "pip could not install torch"
    fi
    if lacks_libraries "$libtorch/lib/libtorch_cpu.so"; then
      toolkit=$(sed -n 's/^Requires-Dist: cuda-toolkit\[[^]]*\]\(==[0-9.]*\).*/\1/p' \
        "$libtorch-$torch_version"*.dist-info/METADATA)
      in_venv -m pip install --no-warn-conflicts "cuda-toolkit[cudart,cupti]$toolkit" >&2 ||
        die "pip could not install the CUDA runtime that this build of torch needs"
    fi
    touch "$venv/.torch-$torch_version"
  fi
  flaw=$(libtorch_flaw "$libtorch")
  [[ ! $flaw ]] || die "the torch in $libtorch $flaw; remove $venv and try again"
}

# Sets `cmake` to one of version 3.24 or later: the system's, else one in build/venv.
need_cmake() {
  cmake=cmake
  [[ $(cmake --version) =~ version\ ([0-9]+)\.([0-9]+) ]] || die "cmake does not run"
  ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] < 3024)) || return 0
  cmake=$venv/bin/cmake
  [[ -x $cmake ]] && return
  say "cmake is ${BASH_REMATCH[1]}.${BASH_REMATCH[2]}, older than 3.24: installing one into $venv"
  need_venv
  in_venv -m pip install 'cmake>=3.24,<5' >&2 || die "pip could not install cmake"
}

# Prints "VERSION ROOT FOLDER GROUP" of each mounted hierarchy of memory control groups (cgroup v1 and
# v2): where it is, which of its groups is there, and the group of this process.
memory_hierarchies() {
  awk '
    function lists(names, name) { return index("," names ",", "," name ",") }
    FILENAME ~ /cgroup$/ {
      split($0, part, ":")
      if (part[2] == "") group[2] = part[3]
      else if (lists(part[2], "memory")) group[1] = part[3]
      next
    }
    {
      for (i = 7; i <= NF && $i != "-"; ++i);
      version = $(i + 1) == "cgroup2" ? 2 : $(i + 1) == "cgroup" && lists($(i + 3), "memory") ? 1 : 0
      if (version && !seen[version]++) print version, $4, $5, group[version] ? group[version] : "/"
    }' "$1/proc/self/cgroup" "$1/proc/self/mountinfo" 2>/dev/null || true
}

# Prints the KiB that one control group leaves free; nothing where it has no limit. Page cache counts
# as free: the kernel drops it when asked.
free_kib_of_group() {
  local version=$1 folder=$2 used limit bytes least='' prefix='' limits=(memory.max memory.high)
  used=$(cat "$folder/memory.current" 2>/dev/null || true)
  if ((version == 1)); then
    limits=(memory.limit_in_bytes)
    used=$(cat "$folder/memory.usage_in_bytes" 2>/dev/null || true)
    prefix=total_
  fi
  [[ $used ]] || return 0
  for limit in "${limits[@]}"; do
    bytes=$(cat "$folder/$limit" 2>/dev/null || true)
    # v1 writes a number of 19 digits for "no limit".
    [[ $bytes =~ ^[0-9]{1,18}$ ]] || continue
    [[ $least ]] && ((bytes >= least)) || least=$bytes
  done
  [[ $least ]] || return 0
  awk -v used="$used" -v limit="$least" -v prefix="$prefix" '
    $1 == prefix "inactive_file" || $1 == prefix "active_file" || $1 == "slab_reclaimable" { cache += $2 }
    END {
      free = limit - (used - (cache < used ? cache : used))
      printf "%.0f\n", (free > 0 ? int(free / 1024) : 0)
    }' "$folder/memory.stat" 2>/dev/null || echo $(((least - used) / 1024))
}

# Prints the KiB of memory that this process may still take: of the machine, and of its control groups
# and all that these are in. The argument is the folder in which proc/ and sys/ are.
free_kib() {
  local system=${1:-} version mounted folder group free least
  least=$(awk '/^MemAvailable:/{print $2}' "$system/proc/meminfo")
  while read -r version mounted folder group; do
    [[ $mounted == / ]] && mounted=
    [[ $group == "$mounted"/* && $group != */..* ]] && group=${group#"$mounted"} || group=
    while :; do
      free=$(free_kib_of_group "$version" "$system$folder$group")
      [[ $free ]] && ((free < least)) && least=$free
      [[ $group ]] || break
      group=${group%/*}
    done
  done < <(memory_hierarchies "$system")
  echo "$least"
}

# Prints how many compilers may run at once: one a core, each with 2 GiB of free memory.
choose_jobs() {
  local jobs=$(($(free_kib "${1:-}") / 2097152))
  ((jobs <= $(nproc))) || jobs=$(nproc)
  echo $((jobs > 0 ? jobs : 1))
}

# Finds or installs everything; sets `libtorch`, `cmake` and `jobs`.
setup() {
  mkdir -p "$root/build"
  need_packages "${packages[@]}"
  find_libtorch
  [[ $libtorch ]] || install_libtorch
  printf '%s\n' "$libtorch" >"$root/build/libtorch"
  need_cmake
  jobs=${CHITU_JOBS:-$(choose_jobs)}
}

# Builds into build/<preset>/, all of it or the targets named after the preset; configures first
# where that was not done, or with another libtorch.
build() {
  local preset=$1 folder=$root/build/$1 cpu_only=OFF wanted fresh=() targets=("${@:2}")
  if [[ -e $libtorch/lib/libtorch_cuda.so ]] && lacks_libraries "$libtorch/lib/libtorch_cuda.so"; then
    cpu_only=ON
  fi
  say "libtorch: $libtorch"
  wanted="$root $libtorch cpu_only=$cpu_only"
  if [[ ! -e $folder/build.ninja || $(cat "$folder/configured" 2>/dev/null) != "$wanted" ]]; then
    [[ ! -e $folder/CMakeCache.txt ]] || fresh=(--fresh)
    (cd "$root" && "$cmake" --preset "$preset" "${fresh[@]}" \
      "-DLibTorch_ROOT=$libtorch" "-DLibTorch_CPU_ONLY=$cpu_only" >&2)
    printf '%s\n' "$wanted" >"$folder/configured"
  fi
  "$cmake" --build "$folder" -j "$jobs" ${targets[@]:+--target "${targets[@]}"} >&2
}

check_preset() {
  case $1 in
    release | debug | asan | tsan) ;;
    *) die "unknown preset \"$1\"; there are release, debug, asan and tsan" ;;
  esac
}
