"""`keras.preprocessing`: data made ready for networks."""

from lamina.data.image_folders import image_dataset_from_directory
from lamina.data.sequences import timeseries_dataset_from_array
from lamina.keras.preprocessing import sequence

__all__ = ["image_dataset_from_directory", "sequence", "timeseries_dataset_from_array"]
