"""Learning-rate schedules, under the name that Keras has for them; see `lamina.schedules`."""

from lamina.schedules import *  # noqa: F403
