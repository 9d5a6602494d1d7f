#!/bin/sh
# A population as a job array: sbatch slurm.sh, then weightspace zoo merge parts/* -o zoos/gru
#SBATCH --job-name=zoo
#SBATCH --array=1-8
#SBATCH --cpus-per-task=2
set -eu
# --shard without a value reads SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT.
exec npx weightspace zoo build --recipe gru-adders --networks 10000 --seed 1 \
  --workers "${SLURM_CPUS_PER_TASK:-2}" --shard -o "parts/$SLURM_ARRAY_TASK_ID"
