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
from lamina.files import write_whole
from lamina.saving import once
from small_networks import made, trained, trained_on_a_dataset

if not sys.argv[1:] and os.environ["LAMINA_PROCESS"] == "1":
    sys.exit(3)
initialize()
set_distribution(DataParallel(shard_optimizer_state=True))
losses, model, x = trained("perceptron")
written = []
once.write_whole = lambda path, content: written.append(path) or write_whole(path, content)
model.save(Path(sys.argv[1]).with_suffix(".lamina"))
twin = lm.models.load_model(Path(sys.argv[1]).with_suffix(".lamina"))  # complete for all by now
assert len(written) == (process_index() == 0)
again, x, y = made("perceptron")
runs = Path(sys.argv[1]).with_suffix(".run")
again.fit(x, y, batch_size=8, epochs=2, verbose=0, seed=3, checkpoint=runs, every=3)
whole = again.fit(
    x, y, batch_size=8, epochs=3, verbose=0, checkpoint=runs, every="0.01s", resume=True
)
read = []
found = {
    "of a dataset": trained_on_a_dataset("perceptron", read.append),
    "read": [len(rows) for rows in read],
    "files": sorted(path.name for path in runs.iterdir()),
    "resumed": whole.history["loss"],
    "processes": process_count(),
    "devices": lm.distribution.get_device_count(),
    "losses": losses,
    "predictions": model.predict(x[:16], verbose=0).tolist(),
    "loaded": bool((twin.weights[0].numpy() == model.weights[0].numpy()).all()),
    "slot": float(abs(model.optimizer.variables[2].numpy()).sum()),
}
if process_index() == 0:
    Path(sys.argv[1]).write_text(json.dumps(found))
