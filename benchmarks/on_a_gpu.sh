#!/usr/bin/env bash
# All checks that need a GPU, in under eight minutes: one table, in FOLDER/gpu.md and FOLDER/gpu.json.
#   benchmarks/on_a_gpu.sh FOLDER [--device cuda] [--seconds 270] [--small] [--only PART]...
# What a part has found is written as soon as it has ended; a part that fails or hangs loses nothing.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
exec "${PYTHON:-python3}" -m benchmarks.on_a_gpu "$@"
