"""`keras.preprocessing.image`: single images, from files to arrays and back."""

from lamina import namespaces
from lamina.data import array_to_img, img_to_array, load_img, save_img
from lamina.data.image_generator import ImageDataGenerator

__all__ = ["ImageDataGenerator", "array_to_img", "img_to_array", "load_img", "save_img"]

namespaces.declare(__name__)
