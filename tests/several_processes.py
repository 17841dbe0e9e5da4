"""A program of two processes, run by test_launch.py: process 0 writes JSON to the file named, and
without one process 1 fails."""

import json
import os
import sys
from pathlib import Path

import lamina as lm
from lamina.distribution import (
    DataParallel,
    initialize,
    process_count,
    process_index,
    set_distribution,
)
from small_networks import trained

if not sys.argv[1:] and os.environ["LAMINA_PROCESS"] == "1":
    sys.exit(3)
initialize()
set_distribution(DataParallel(shard_optimizer_state=True))
losses, model, x = trained("perceptron")
found = {
    "processes": process_count(),
    "devices": lm.distribution.get_device_count(),
    "losses": losses,
    "predictions": model.predict(x[:16], verbose=0).tolist(),
    "slot": float(abs(model.optimizer.variables[2].numpy()).sum()),
}
if process_index() == 0:
    Path(sys.argv[1]).write_text(json.dumps(found))
