#!/usr/bin/env bash
# Everything that needs a GPU, in one call meant for ten minutes: the tests marked gpu, then training every word model
# beside the CPU, then the operations and BERT beside torch. Leaves JSON in the folder that is given:
# benchmarks/on_gpu.sh FOLDER. A part that fails or finds no data does not keep the others from running; the exit
# status says whether one did.
set -uo pipefail
folder=$(realpath "${1:?usage: benchmarks/on_gpu.sh FOLDER}")
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

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv | tee "$folder/gpu.csv" || exit
part python -m pytest -q -m gpu tests
measure training.json benchmarks/bench_gpu.py
mapfile -t others < <(ls benchmarks/bench_*.py | grep -v bench_gpu)
measure operations.json "${others[@]}"
exit "$status"
