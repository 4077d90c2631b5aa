#!/usr/bin/env bash
# Everything that needs a GPU, in one call meant for ten minutes: the tests marked gpu, then training every word model
# beside the CPU, then the operations beside torch. Leaves JSON in the folder that is given: benchmarks/on_gpu.sh FOLDER
set -euo pipefail
folder=$(realpath "${1:?usage: benchmarks/on_gpu.sh FOLDER}")
cd "$(dirname "$0")/.."
mkdir -p "$folder"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv | tee "$folder/gpu.csv"
python -m pytest -q -m gpu tests
python -m pytest -m gpu benchmarks/bench_gpu.py --benchmark-enable -s --benchmark-json="$folder/training.json"
mapfile -t others < <(ls benchmarks/bench_*.py | grep -v bench_gpu)
python -m pytest -m gpu "${others[@]}" --benchmark-enable -s --benchmark-json="$folder/operations.json"
