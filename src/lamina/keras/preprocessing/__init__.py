"""`keras.preprocessing`: data made ready for networks."""

from lamina.data.image_folders import image_dataset_from_directory
from lamina.data.sequences import timeseries_dataset_from_array
from lamina.data.text_folders import text_dataset_from_directory
from lamina.keras.preprocessing import image, sequence

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
