#!/usr/bin/env bash
# Runs on a machine with an NVIDIA card, in at most eight minutes: the tests that need one, then steps of a model of Stable
# Diffusion 1.5's size with random weights: their time and memory.
#
#   cuda_checks.sh [PYTHON]
set -euo pipefail

python=${1:-build/engine/bin/python}
export PYTHONPATH=.
"$python" -c 'import sys, torch; sys.exit(0 if torch.cuda.is_available() else "There is no CUDA graphics card here.")'
status=0
timeout 240 "$python" -m pytest -q -p no:cacheprovider -k "cuda or gpu or offloaded" tests/engine/test_fused.py tests/engine/test_loading.py \
  tests/engine/test_out_of_memory.py tests/engine/test_memory_choice.py || status=1
timeout 220 "$python" -m benchmarks.speed --only full_size --out build/cuda.json || status=1
exit "$status"
