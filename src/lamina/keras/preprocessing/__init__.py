"""`keras.preprocessing`: data made ready for networks."""

from lamina.data.sequences import timeseries_dataset_from_array
from lamina.keras.preprocessing import sequence

__all__ = ["sequence", "timeseries_dataset_from_array"]
