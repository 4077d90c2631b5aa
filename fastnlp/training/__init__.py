"""Training: engines, the loop, schedules, progress and checkpoints."""
