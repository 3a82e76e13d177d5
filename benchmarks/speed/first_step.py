"""From an empty process to the first steps of the built-in prior: each thing on the way, in seconds."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path


def main() -> None:
    """Write how long each took; the order is the engine's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    laps = {}
    began = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal began
        now = time.perf_counter()
        laps[name], began = now - began, now

    import torch

    lap("import torch")
    import diffusers  # noqa: F401

    lap("import diffusers")
    from sjc_blender.engine.optimisation.sjc import ScoreJacobianChaining
    from sjc_blender.engine.score_models.conditioning import conditioner_for
    from sjc_blender.engine.score_models.loading import load_score_model
    from sjc_blender.protocol import presets
    from sjc_blender.protocol.model_profile import load_profile

    lap("import the engine")
    spec = presets.new_job("a red chair", model={"source": "builtin", "device": arguments.device})
    model = load_score_model(spec.model)
    sjc = ScoreJacobianChaining(spec, model, conditioner_for(spec, load_profile(spec.model.source), model))
    lap("load the model")
    for name in ("first step", "second step"):
        sjc.advance()
        if arguments.device == "cuda":
            torch.cuda.synchronize()
        lap(name)
    arguments.out.write_text(json.dumps(laps), encoding="utf-8")


if __name__ == "__main__":
    main()
