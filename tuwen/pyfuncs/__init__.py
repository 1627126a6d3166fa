"""What MLflow serves: one file per model, run from its source by MLflow; nothing is pickled.

Each file ends by handing its model to ``mlflow.models.set_model``; `tuwen.models` logs them.
"""
