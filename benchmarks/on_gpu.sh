#!/usr/bin/env bash
# Everything that needs a GPU, in one call: the tests marked gpu, then the operations beside torch. Leaves JSON in the
# folder that is given: benchmarks/on_gpu.sh FOLDER
set -euo pipefail
folder=$(realpath "${1:?usage: benchmarks/on_gpu.sh FOLDER}")
cd "$(dirname "$0")/.."
mkdir -p "$folder"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv | tee "$folder/gpu.csv"
python -m pytest -q -m gpu tests
python -m pytest -m gpu benchmarks/bench_*.py --benchmark-enable -s --benchmark-json="$folder/gpu.json"
