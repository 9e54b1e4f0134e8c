"""Logs where people look: TensorBoard, W&B, MLflow, and any object with the same three methods."""

from suppression.logs.base import LOGS, Cell, Log, as_logs, named, scalars, target_of

__all__ = ["LOGS", "Cell", "Log", "as_logs", "named", "scalars", "target_of"]
