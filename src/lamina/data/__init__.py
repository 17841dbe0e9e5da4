"""Data: the sets that one learns with, batches made when needed, and checks of what users bring."""

from typing import TYPE_CHECKING

from lamina import namespaces

# isort: off
if TYPE_CHECKING:
    from lamina.data.audio_folders import (
        audio_dataset_from_directory as audio_dataset_from_directory,
    )
    from lamina.data.classes import to_categorical as to_categorical
    from lamina.data.coco import coco_dataset_from_directory as coco_dataset_from_directory
    from lamina.data.corpora import CharacterCorpus as CharacterCorpus, WordCorpus as WordCorpus
    from lamina.data.dataset import AUTOTUNE as AUTOTUNE, Dataset as Dataset
    from lamina.data.py_dataset import PyDataset as PyDataset
    from lamina.data.dataset_splitting import split_dataset as split_dataset
    from lamina.data.image_folders import (
        image_dataset_from_directory as image_dataset_from_directory,
    )
    from lamina.data.imagenet import (
        imagenet_dataset_from_directory as imagenet_dataset_from_directory,
        imagenet_synsets as imagenet_synsets,
    )
    from lamina.data.sequences import (
        pad_sequences as pad_sequences,
        timeseries_dataset_from_array as timeseries_dataset_from_array,
    )
    from lamina.data.single_images import (
        array_to_img as array_to_img,
        img_to_array as img_to_array,
        load_img as load_img,
        save_img as save_img,
    )
    from lamina.data.splitting import stratified_split as stratified_split
    from lamina.data.text_folders import text_dataset_from_directory as text_dataset_from_directory
    from lamina.data.voc import voc_dataset_from_directory as voc_dataset_from_directory
# isort: on

# Loaded when first used.
_LAZY = {
    "AUTOTUNE": "lamina.data.dataset:AUTOTUNE",
    "CharacterCorpus": "lamina.data.corpora:CharacterCorpus",
    "Dataset": "lamina.data.dataset:Dataset",
    "PyDataset": "lamina.data.py_dataset:PyDataset",
    "WordCorpus": "lamina.data.corpora:WordCorpus",
    "array_to_img": "lamina.data.single_images:array_to_img",
    "audio_dataset_from_directory": "lamina.data.audio_folders:audio_dataset_from_directory",
    "coco_dataset_from_directory": "lamina.data.coco:coco_dataset_from_directory",
    "image_dataset_from_directory": "lamina.data.image_folders:image_dataset_from_directory",
    "imagenet_dataset_from_directory": "lamina.data.imagenet:imagenet_dataset_from_directory",
    "imagenet_synsets": "lamina.data.imagenet:imagenet_synsets",
    "img_to_array": "lamina.data.single_images:img_to_array",
    "load_img": "lamina.data.single_images:load_img",
    "pad_sequences": "lamina.data.sequences:pad_sequences",
    "save_img": "lamina.data.single_images:save_img",
    "split_dataset": "lamina.data.dataset_splitting:split_dataset",
    "stratified_split": "lamina.data.splitting:stratified_split",
    "text_dataset_from_directory": "lamina.data.text_folders:text_dataset_from_directory",
    "timeseries_dataset_from_array": "lamina.data.sequences:timeseries_dataset_from_array",
    "to_categorical": "lamina.data.classes:to_categorical",
    "voc_dataset_from_directory": "lamina.data.voc:voc_dataset_from_directory",
}

__all__ = [*_LAZY]

namespaces.declare(__name__, _LAZY)
