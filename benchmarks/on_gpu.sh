#!/usr/bin/env bash
# Everything that needs a GPU, in one call meant for ten minutes: versions, the tests marked gpu, the ceilings of the
# device, then training every word model beside the CPU, then the operations and BERT beside torch. Leaves JSON in the
# folder that is given: benchmarks/on_gpu.sh [--build] FOLDER, where --build installs this tree first, by the compiler,
# CMake and pybind11 that are there. A part that fails or finds no data does not keep the others from running; the exit
# status says whether one did.
set -uo pipefail
build=
if [[ "${1:-}" == --build ]]; then
  build=1
  shift
fi
folder=$(realpath "${1:?usage: benchmarks/on_gpu.sh [--build] FOLDER}")
cd "$(dirname "$0")/.." || exit
mkdir -p "$folder" || exit
if [[ -z "${FASTNLP_DATA:-}" && -d ../shared/data ]]; then
  FASTNLP_DATA=$(realpath ../shared/data)
  export FASTNLP_DATA
fi
[[ -n "${FASTNLP_DATA:-}" ]] || echo "FASTNLP_DATA names no folder: training is skipped" >&2

status=0
part() { echo "== $*" && "$@" || status=1; }
# Where all of a file is skipped there is nothing to write down, of which pytest-benchmark warns.
measure() { part python -m pytest -m gpu -W default "${@:2}" --benchmark-enable -s --benchmark-json="$folder/$1"; }

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv || exit
if [[ -n "$build" ]]; then
  # Editable, for a folder fastnlp without its extension stands here, where Python looks first.
  python -m pip install --no-build-isolation --no-deps -e . || exit
fi
python benchmarks/versions.py | tee "$folder/versions.json" || exit
part python -m pytest -q -m gpu tests
measure ceilings.json benchmarks/bench_ceilings.py
measure training.json benchmarks/bench_gpu.py
mapfile -t others < <(ls benchmarks/bench_*.py | grep -Ev 'bench_(gpu|ceilings)')
measure operations.json "${others[@]}"
exit "$status"
